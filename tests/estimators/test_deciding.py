"""Decisions after the fit: rules, prevalence, sets and what is expected of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qclmixnet import QCLMixNetClassifier
from qclmixnet.core.errors import FitWarning, InputError
from qclmixnet.decision import HeldOut
from qclmixnet.estimators.persistence import _digest
from qclmixnet.training import recipe

RNG = np.random.default_rng(0)
LABELS = np.array(["common", "odd", "rare"])
CODES = RNG.choice(3, p=[0.7, 0.2, 0.1], size=400)
X = RNG.normal(size=(400, 3)) + 1.2 * np.eye(3)[CODES]
NEW = RNG.normal(size=(200, 3)) + 1.2 * np.eye(3)[RNG.choice(3, size=200)]
RARE = 2


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clf = QCLMixNetClassifier(max_epochs=8, random_state=0).fit(X, LABELS[CODES])
    folder = tmp_path_factory.mktemp("model") / "m"
    clf.save(folder)
    return folder


@pytest.fixture
def clf(saved: Path) -> QCLMixNetClassifier:
    return QCLMixNetClassifier.load(saved)


def held_out_of(clf: QCLMixNetClassifier) -> HeldOut:
    held_out = clf.state_.held_out
    assert held_out is not None
    return held_out


def test_every_row_is_held_out_once_with_probabilities_of_its_own(
    clf: QCLMixNetClassifier,
) -> None:
    held_out = held_out_of(clf)
    assert held_out.codes.tolist() == CODES.tolist()
    np.testing.assert_allclose(held_out.proba.sum(axis=1), 1, rtol=1e-12)
    # Members that saw a row are surer of it than those that did not.
    seen = clf.predict_proba(X)[np.arange(400), CODES]
    assert held_out.proba[np.arange(400), CODES].mean() < seen.mean()


def test_what_was_asked_for_while_fitting_gives_the_labels_of_the_fit(
    clf: QCLMixNetClassifier,
) -> None:
    before = clf.predict(NEW)
    clf.set_decision("argmax")
    likeliest = LABELS[clf.predict_proba(NEW).argmax(axis=1)]
    assert clf.predict(NEW).tolist() == likeliest.tolist() != before.tolist()
    clf.set_decision("balanced")
    assert clf.predict(NEW).tolist() == before.tolist()


@pytest.mark.parametrize(
    "given",
    [
        {("rare", "common"): 50, ("odd", "common"): 3},
        [[0, 1, 1], [3, 0, 1], [50, 1, 0]],
        pd.DataFrame(
            [[0, 50, 1], [1, 0, 1], [1, 3, 0]],
            index=["rare", "common", "odd"],
            columns=["rare", "common", "odd"],
        ),
    ],
    ids=["pairs", "array", "frame in another order"],
)
def test_costs_take_the_class_of_the_lowest_expected_cost(
    clf: QCLMixNetClassifier, given: object
) -> None:
    costs = np.array([[0, 1, 1], [3, 0, 1], [50, 1, 0]], dtype=float)
    clf.set_decision(costs=given)
    expected = [
        min(range(3), key=lambda guess: sum(row[k] * costs[k, guess] for k in range(3)))
        for row in clf.predict_proba(NEW)
    ]
    assert clf.predict(NEW).tolist() == LABELS[expected].tolist()
    # The mean cost on the held-out rows, which no part of this rule was chosen on.
    held_out = held_out_of(clf)
    guesses = (held_out.proba @ costs).argmin(axis=1)
    outlook = clf.outlook()
    assert outlook.mean_cost is not None
    assert outlook.mean_cost.value == pytest.approx(
        costs[held_out.codes, guesses].mean()
    )


def test_a_recall_is_reached_at_the_highest_threshold_that_reaches_it(
    clf: QCLMixNetClassifier,
) -> None:
    clf.set_decision(min_recall={"rare": 0.8})
    threshold = clf.state_.rule.threshold  # type: ignore[union-attr]
    held_out = held_out_of(clf)
    own = held_out.proba[held_out.codes == RARE, RARE]
    assert (own >= threshold).mean() >= 0.8
    assert (own > threshold).mean() < 0.8
    is_rare = clf.predict(NEW) == "rare"
    assert is_rare.tolist() == (clf.predict_proba(NEW)[:, RARE] >= threshold).tolist()


def test_alerts_and_the_top_of_a_table(clf: QCLMixNetClassifier) -> None:
    clf.set_decision(max_alerts=50, per_rows=1_000, alert="rare")
    threshold = clf.state_.rule.threshold  # type: ignore[union-attr]
    assert (held_out_of(clf).proba[:, RARE] >= threshold).sum() == 20  # 5 % of 400
    clf.set_decision(top=7, alert="rare", per_rows=200)
    proba = clf.predict_proba(NEW)[:, RARE]
    chosen = np.flatnonzero(clf.predict(NEW) == "rare")
    assert set(chosen) == set(np.argsort(-proba, kind="stable")[:7])
    assert clf.outlook().classes[RARE].share.value == pytest.approx(7 / 200)


def test_a_stated_prevalence_multiplies_the_odds(clf: QCLMixNetClassifier) -> None:
    before, labels = clf.predict_proba(NEW), clf.predict(NEW)
    trained = np.bincount(CODES) / 400
    clf.calibrate_to({"rare": 0.4})
    rest = 0.6 * trained[:2] / trained[:2].sum()
    odds = before * np.array([*rest, 0.4]) / trained
    expected = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(clf.predict_proba(NEW), expected, rtol=1e-12)
    assert (clf.predict(NEW) == "rare").sum() > (labels == "rare").sum()
    assert clf.outlook().classes[RARE].share.value > 0.2
    clf.calibrate_to(None)
    assert clf.predict(NEW).tolist() == labels.tolist()


def test_prevalence_is_found_without_labels(clf: QCLMixNetClassifier) -> None:
    rng = np.random.default_rng(1)
    codes = rng.choice(3, p=[0.3, 0.2, 0.5], size=3_000)
    found = clf.estimate_prevalence(
        rng.normal(size=(3_000, 3)) + 1.2 * np.eye(3)[codes]
    )
    assert found.index.tolist() == LABELS.tolist()
    assert abs(found["prevalence"].iloc[RARE] - 0.5) < 0.15  # 0.1 while learning
    assert (found["low"] <= found["prevalence"]).all()
    assert (found["prevalence"] <= found["high"]).all()


def test_sets_compare_a_row_with_the_held_out_rows_of_each_class(
    clf: QCLMixNetClassifier,
) -> None:
    held_out, proba = held_out_of(clf), clf.predict_proba(NEW)
    expected = np.zeros((200, 3), dtype=bool)
    for row in range(200):
        for k in range(3):
            own = held_out.proba[held_out.codes == k, k]
            as_odd = sum(1 - value >= 1 - proba[row, k] for value in own)
            expected[row, k] = (as_odd + 1) / (len(own) + 1) > 0.2
    assert clf.predict_set(NEW, coverage=0.8).tolist() == expected.tolist()


def test_a_class_too_small_for_the_coverage_is_named(clf: QCLMixNetClassifier) -> None:
    with pytest.warns(FitWarning, match=r"coverage of 0.99: 'odd', 'rare'"):
        found = clf.predict_set(NEW, coverage=0.99)
    assert found[:, 1:].all()


def test_the_rule_and_the_prevalence_are_saved(
    clf: QCLMixNetClassifier, tmp_path: Path
) -> None:
    clf.calibrate_to({"rare": 0.3})
    clf.set_decision(costs={("rare", "common"): 9})
    clf.save(tmp_path / "m")
    again = QCLMixNetClassifier.load(tmp_path / "m")
    assert again.predict(NEW).tolist() == clf.predict(NEW).tolist()
    assert (again.predict_proba(NEW) == clf.predict_proba(NEW)).all()
    assert again.outlook() == clf.outlook()
    assert again.state_.demand == clf.state_.demand


def test_a_model_of_before_all_this_still_decides(
    clf: QCLMixNetClassifier, saved: Path, tmp_path: Path
) -> None:
    content = json.loads((saved / "model.json").read_text("utf-8"))
    for name in ("fitted_rule", "demand", "fitted_demand", "class_shares"):
        del content[name]
    del content["stated_shares"], content["rule"]["kind"]
    content["sha256"] = _digest(content)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.json").write_text(json.dumps(content), "utf-8")
    tensors = (saved / "model.safetensors").read_bytes()
    (tmp_path / "m" / "model.safetensors").write_bytes(tensors)
    old = QCLMixNetClassifier.load(tmp_path / "m")
    assert old.predict(NEW).tolist() == clf.predict(NEW).tolist()
    old.set_decision("argmax")
    with pytest.raises(InputError, match="did not keep how common the classes were"):
        old.calibrate_to({"rare": 0.3})


def test_without_held_out_rows_only_rules_that_need_none_can_be_set() -> None:
    chosen = recipe("paper")
    lone = QCLMixNetClassifier(
        chosen, max_epochs=1, validation_fraction=0, random_state=0
    ).fit(X, LABELS[CODES])
    lone.set_decision(costs={("rare", "common"): 5})
    for wish in ({"decision": "mcc"}, {"min_recall": {"rare": 0.5}}):
        with pytest.raises(InputError, match="no held-out rows"):
            lone.set_decision(**wish)
    with pytest.raises(InputError, match="held-out rows, which an outlook needs"):
        lone.outlook()


@pytest.mark.usefixtures("users_view")
@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({}, "exactly one of .* got none"),
        ({"decision": "mcc", "top": 3}, "got decision and top"),
        ({"decision": "best"}, "`decision` must be one of 'argmax'"),
        ({"decision": "mcc", "alert": "rare"}, "`alert` has no meaning for `decision`"),
        ({"top": 3, "confidence": 0.9}, "`confidence` has no meaning for `top`"),
        ({"costs": [[0, 1], [1, 0]]}, r"`costs` must be 3 by 3 .* shape \(2, 2\)"),
        ({"costs": {("rare", "odds"): 1}}, "`costs` names the class 'odds'"),
        ({"costs": {"rare": 1}}, r"pairs \(true label, predicted label\)"),
        ({"costs": {("rare", "odd"): float("nan")}}, "finite numbers, got nan"),
        ({"costs": [["a"]]}, "`costs` must hold numbers only"),
        ({"min_recall": 0.9}, "`min_recall` must map one label"),
        ({"min_recall": {"rare": 1.5}}, "`min_recall` must be a number above 0"),
        ({"min_recall": {"gone": 0.5}}, "names the class 'gone'"),
        ({"max_alerts": 5, "alert": "odd"}, "Say with `per_rows`"),
        ({"top": 5}, "Say with `alert` which of the 3 classes"),
        ({"top": 0, "alert": "odd"}, "`top` must be a whole number of at least 1"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(
    clf: QCLMixNetClassifier, wish: dict[str, Any], words: str
) -> None:
    before = clf.predict(NEW)
    with pytest.raises(InputError, match=words):
        clf.set_decision(**wish)
    assert clf.predict(NEW).tolist() == before.tolist()


def test_an_impossible_demand_names_the_class_and_the_best_there_is(
    clf: QCLMixNetClassifier,
) -> None:
    with pytest.raises(InputError) as caught:
        clf.set_decision(min_recall={"rare": 0.999}, confidence=0.99)
    n_rare = int((CODES == RARE).sum())
    best = 0.01 ** (1 / n_rare)  # Clopper-Pearson when all of them are found
    assert f"{best:.4g}" in str(caught.value)
    assert "class 'rare'" in str(caught.value)
    assert "`min_recall` is 0.999" in str(caught.value)


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"gone": 0.5}, "`prevalence` names the class 'gone'"),
        ({"rare": 0}, r"`prevalence\['rare'\]` must be a number above 0"),
        ({"rare": 0.6, "odd": 0.5}, "they sum to 1.1"),
        ({"rare": 0.2, "odd": 0.2, "common": 0.2}, "they sum to 0.6"),
    ],
)
def test_shares_that_cannot_be_are_refused(
    clf: QCLMixNetClassifier, shares: dict[str, float], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        clf.calibrate_to(shares)


def test_few_rows_tell_no_prevalence(clf: QCLMixNetClassifier) -> None:
    with pytest.raises(InputError, match=r"at least 50 rows .* got 49"):
        clf.estimate_prevalence(NEW[:49])
