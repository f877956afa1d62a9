"""Rules, prevalence, sets and reasons on the command line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qclmixnet import QCLMixNetClassifier
from tests.cli.conftest import Call


def predict(call: Call, model: Path, out: Path, *options: object) -> pd.DataFrame:
    customers = model.parent / "customers.csv"
    call("predict", model, customers, "--out", out, *options)
    return pd.read_csv(out)


@pytest.fixture
def features(model: Path) -> pd.DataFrame:
    customers = pd.read_csv(model.parent / "customers.csv")
    return customers.drop(columns=["customer", "credit_risk"])


def test_costs_of_a_file_decide(
    call: Call, model: Path, features: pd.DataFrame, tmp_path: Path
) -> None:
    costs = tmp_path / "costs.csv"
    costs.write_text("true,good,bad\nbad,5,0\ngood,0,1\n", "utf-8")
    found = predict(call, model, tmp_path / "o.csv", "--costs", costs)
    clf = QCLMixNetClassifier.load(model)
    p_bad = clf.predict_proba(features)[:, 0]
    # Saying good costs 5 p, saying bad 1 - p.
    expected = np.where(5 * p_bad < 1 - p_bad, "good", "bad")
    assert found["predicted"].tolist() == expected.tolist()


def test_the_top_of_a_file_and_a_stated_prevalence(
    call: Call, model: Path, tmp_path: Path
) -> None:
    plain = predict(call, model, tmp_path / "a.csv")
    options = ("--top", 25, "--prevalence", "bad=0.05")
    found = predict(call, model, tmp_path / "b.csv", *options)
    assert (found["predicted"] == "bad").sum() == 25
    before, after = plain["probability_bad"], found["probability_bad"]
    shares = QCLMixNetClassifier.load(model).state_.class_shares
    odds = before / (1 - before) * (0.05 / 0.95) / (shares[0] / shares[1])
    np.testing.assert_allclose(after, odds / (1 + odds), rtol=1e-9)
    assert set(np.flatnonzero(found["predicted"] == "bad")) == set(
        np.argsort(-after.to_numpy(), kind="stable")[:25]
    )


def test_sets_and_reasons_are_columns_of_their_own(
    call: Call, model: Path, features: pd.DataFrame, tmp_path: Path
) -> None:
    few = model.parent / "few.csv"
    pd.read_csv(model.parent / "customers.csv").head(40).to_csv(few, index=False)
    out = tmp_path / "o.csv"
    call("predict", model, few, "--out", out, "--coverage", 0.8, "--explain", 2)
    found = pd.read_csv(out, keep_default_na=False)
    clf = QCLMixNetClassifier.load(model)
    sets = clf.predict_set(features.head(40), coverage=0.8)
    names = [" | ".join(clf.classes_[row]) for row in sets]
    assert found["not_ruled_out"].tolist() == names
    assert found["for_review"].tolist() == (sets.sum(axis=1) != 1).tolist()
    top = clf.explain(features.head(40)).top(3, 2)
    for rank, line in enumerate(top.itertuples(), start=1):
        said = found[f"reason_{rank}"][3]
        assert said.startswith(f"{line.column} = ")
        assert said.endswith(f"({line.contribution:+.2f})")


def test_decide_says_what_to_expect_and_saves_when_asked(
    call: Call, model: Path, features: pd.DataFrame, tmp_path: Path
) -> None:
    own = tmp_path / "model"
    shutil.copytree(model, own)
    before = QCLMixNetClassifier.load(own).predict(features)
    wish = ("--min-recall", "bad=0.9", "--prevalence", "bad=0.2")
    text = call("decide", own, *wish).stdout
    assert "a recall of 'bad' of at least 0.9" in " ".join(text.split())
    assert (QCLMixNetClassifier.load(own).predict(features) == before).all()
    said = json.loads(call("decide", own, *wish, "--save", "--json").stdout)
    clf = QCLMixNetClassifier.load(own)
    assert said["saved"]
    assert said["classes"] == ["bad", "good"]
    assert said["outlook"] == json.loads(json.dumps(clf.outlook().to_dict()))
    assert (clf.predict(features) == "bad").sum() > (before == "bad").sum()
    assert clf.state_.shares.tolist() == pytest.approx([0.2, 0.8])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--top", 3, "--decision", "mcc"), "got decision and top"),
        (("--min-recall", "bad"), "--min-recall must look like CLASS=SHARE"),
        (("--prevalence", "bad=often"), "--prevalence must look like CLASS=SHARE"),
        (("--prevalence", "ugly=0.2"), "names the class 'ugly'"),
        (("--alert", "bad"), "exactly one of"),
        (("--max-alerts", 5), "Say with `per_rows`"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(
    call: Call, model: Path, tmp_path: Path, options: tuple[object, ...], words: str
) -> None:
    customers, out = model.parent / "customers.csv", tmp_path / "o.csv"
    for command in (("decide", model), ("predict", model, customers, "--out", out)):
        assert words in call(*command, *options, code=2).stderr
    assert not out.exists()


def test_a_file_of_costs_needs_both_sides(
    call: Call, model: Path, tmp_path: Path
) -> None:
    costs = tmp_path / "costs.csv"
    for text, words in (
        ("true\nbad\ngood\n", "has 1 columns"),
        ("true,good\nbad,5\ngood,0\n", "must have each class once as a row"),
        ("true,good,bad\nbad,x,0\ngood,0,1\n", "must hold numbers only"),
    ):
        costs.write_text(text, "utf-8")
        assert words in call("decide", model, "--costs", costs, code=2).stderr
