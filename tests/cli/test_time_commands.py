"""`compare` and `train` on tables in time or of owners: splits, words, mistakes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from typer.testing import Result

from qclmixnet import QCLMixNetClassifier
from qclmixnet.benchmark import load_run

Call = Callable[..., Result]
QUICK = ("--max-epochs", 2)


@pytest.fixture(scope="module")
def visits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 150 rows in no order of time, and bad versions of them."""
    folder = tmp_path_factory.mktemp("visits")
    rng = np.random.default_rng(0)
    n = 150
    dates = pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"date": dates, "patient": rng.integers(0, 30, n)})
    frame["age"] = rng.normal(50, 10, n).round(2)
    frame["ward"] = rng.choice(["a", "b", "c"], n)
    ill = frame["age"] + rng.normal(0, 5, n) > 55
    frame["result"] = np.where(ill, "ill", "well")
    frame = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    frame.to_csv(folder / "visits.csv", index=False)
    frame.assign(date=frame["date"].where(frame.index > 2)).to_csv(
        folder / "holes.csv", index=False
    )
    late = frame.assign(
        result=frame["result"].where(frame["date"] < "2024-05-20", "new")
    )
    late.to_csv(folder / "late.csv", index=False)
    one = frame.assign(result=np.where(frame["date"] < "2024-05-20", "well", "ill"))
    one.to_csv(folder / "one.csv", index=False)
    frame.assign(date="2024-01-01").to_csv(folder / "one_day.csv", index=False)
    return folder


def refused(result: Result, words: str) -> None:
    assert words in " ".join(result.stderr.split()), result.stderr
    assert result.stdout == ""


@pytest.mark.slow
def test_compare_in_time_learns_from_the_past_only(
    call: Call, visits: Path, tmp_path: Path
) -> None:
    text = call(
        *("compare", visits / "visits.csv", "--target", "result", "--folds", 2),
        *("--methods", "qclmixnet_paper,knn", "--time-column", "date"),
        *("--gap", "3 days", "--group-column", "patient", "--out", tmp_path / "run"),
    ).stdout
    assert "Each test part is a block of time, learned from the rows before" in text
    run = load_run(tmp_path / "run")
    asked = run.description
    assert (asked.time_column, asked.gap, asked.group_column) == (
        *("date", "3 days", "patient"),
    )
    assert run.tables[0].n_columns == 3  # date, age and ward: the patient is none
    table = pd.read_csv(visits / "visits.csv").sort_values("date")
    patients = table["patient"].to_numpy()
    for fold, first in enumerate((75, 112)):
        last = (112, 150)[fold]
        train = ~np.isin(patients[: first - 3], patients[first:last])
        rows = run.rows[run.rows["fold"] == fold]
        assert set(rows["n_train"]) == {int(train.sum())}
        assert set(rows["n_test"]) == {last - first}
    page = (tmp_path / "run" / "report" / "index.html").read_text(encoding="utf-8")
    assert "with a gap of 3 days" in page
    assert "Group column, no feature" in page


BAD = {
    "unknown time": (("--time-column", "dat"), "no column 'dat'. Did you mean 'date'"),
    "unknown group": (("--group-column", "x"), "has no column 'x'"),
    "text as time": (("--time-column", "ward"), "'ward' must hold dates or numbers"),
    "fractions": (("--group-column", "age"), "group column 'age' must tell whose"),
    "target": (("--time-column", "result"), "cannot be the time or the group column"),
    "same twice": (
        ("--time-column", "date", "--group-column", "date"),
        "two different columns, got 'date' twice",
    ),
    "gap alone": (("--gap", "1 day"), "needs a time column as well"),
    "gap": (("--time-column", "date", "--gap", "2"), "a length of at least 0 with"),
    "seeds": (("--time-column", "date", "--seeds", 2), "folds in time are always the"),
    "few groups": (
        ("--group-column", "ward", "--folds", 4),
        "need at least 4 different groups; the rows belong to 3",
    ),
    "few times": (("--time-column", "date", "--folds", 90), "Use fewer folds"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_split_is_refused_before_any_fit(
    case: str, call: Call, visits: Path, tmp_path: Path
) -> None:
    arguments, words = BAD[case]
    usual = ("compare", visits / "visits.csv", "--target", "result")
    result = call(*usual, *arguments, "--out", tmp_path / "run", code=2)
    refused(result, words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("holes.csv", "The time column 'date' is missing in 3 of 150 rows"),
        ("one.csv", "holds one class only, 'well'"),
    ],
)
def test_a_table_that_cannot_be_split_in_time_is_refused(
    name: str, words: str, call: Call, visits: Path, tmp_path: Path
) -> None:
    arguments = ("compare", visits / name, "--target", "result")
    options = ("--time-column", "date", "--out", tmp_path / "run")
    refused(call(*arguments, *options, code=2), words)
    assert not list(tmp_path.iterdir())


def test_train_keeps_the_last_rows_aside(
    call: Call, visits: Path, tmp_path: Path
) -> None:
    file = visits / "visits.csv"
    arguments = ("train", file, "--target", "result", "--time-column", "date", *QUICK)
    said = json.loads(call(*arguments, "--out", tmp_path / "m", "--json").stdout)
    assert (said["n_train"], said["n_test"]) == (120, 30)
    assert "date" in said["columns"]
    last = pd.read_csv(file).sort_values("date").iloc[-30:]
    clf = QCLMixNetClassifier.load(tmp_path / "m")
    predicted = clf.predict(last.drop(columns="result"))
    expected = f1_score(last["result"], predicted, average="macro")
    assert said["scores"]["macro_f1"] == pytest.approx(expected, abs=1e-12)
    options = ("--drop", "date", "--out", tmp_path / "n")
    text = call(*arguments, *options).stdout
    assert "On 30 last rows in time of visits.csv kept aside" in text
    assert "date" not in QCLMixNetClassifier.load(tmp_path / "n").schema_.names


def test_a_class_of_the_last_rows_counts_as_not_recognised(
    call: Call, visits: Path, tmp_path: Path
) -> None:
    arguments = ("train", visits / "late.csv", "--target", "result", *QUICK)
    options = ("--time-column", "date", "--out", tmp_path / "m", "--json")
    result = call(*arguments, *options)
    assert "come up only in the last rows, which are kept aside: 'new'" in result.stderr
    by_class = json.loads(result.stdout)["scores"]["by_class"]
    new = next(entry for entry in by_class if entry["label"] == "new")
    # 2024-05-20 is day 140 of 150.
    assert (new["support"], new["recall"]) == (10, 0)
    assert "new" not in QCLMixNetClassifier.load(tmp_path / "m").classes_


@pytest.mark.parametrize(
    ("name", "column", "words"),
    [
        ("one.csv", "date", "first in time, hold one class only, 'well'"),
        ("one_day.csv", "date", "has too few different values (1) to keep the last"),
        ("holes.csv", "date", "is missing in 3 of 150 rows"),
        ("visits.csv", "dates", "has no column 'dates'"),
        ("visits.csv", "ward", "'ward' must hold dates or numbers"),
    ],
)
def test_train_refuses_times_that_it_cannot_use(
    name: str, column: str, words: str, call: Call, visits: Path, tmp_path: Path
) -> None:
    arguments = ("train", visits / name, "--target", "result", *QUICK)
    options = ("--time-column", column, "--out", tmp_path / "m")
    refused(call(*arguments, *options, code=2), words)
    assert not list(tmp_path.iterdir())
