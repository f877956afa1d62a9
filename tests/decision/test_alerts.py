"""Rules that single out one class, row by row."""

import json

import numpy as np
import pytest

from qclmixnet.core.errors import InputError, ModelFormatError
from qclmixnet.decision import BudgetRule, ThresholdRule


def random_proba(seed: int, n_rows: int, n_classes: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), size=n_rows)


def other_of(row: np.ndarray, alert: int) -> int:
    """The most probable class but one, the first of equals."""
    return max((k for k in range(len(row)) if k != alert), key=lambda k: row[k])


@pytest.mark.parametrize(("n_classes", "alert"), [(2, 0), (2, 1), (4, 2)])
@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.7, 1.0, 1.5])
def test_a_threshold_by_loop(n_classes: int, alert: int, threshold: float) -> None:
    proba = random_proba(n_classes, 100, n_classes).round(2)  # some just reach it
    decided = ThresholdRule(alert, threshold).decide(proba)
    assert decided.dtype == np.int64
    assert decided.tolist() == [
        alert if row[alert] >= threshold else other_of(row, alert) for row in proba
    ]


def test_the_class_is_not_predicted_below_its_threshold_even_if_most_probable() -> None:
    rule = ThresholdRule(alert=2, threshold=0.9)
    assert rule.decide(np.array([[0.1, 0.2, 0.7]])).tolist() == [1]


@pytest.mark.parametrize("n_rows", [0, 1, 7, 50, 60])
@pytest.mark.parametrize(("n_classes", "alert"), [(2, 1), (3, 0)])
def test_a_budget_by_loop(n_rows: int, n_classes: int, alert: int) -> None:
    proba = random_proba(1, 50, n_classes).round(1)  # many are as probable
    decided = BudgetRule(alert, n_rows).decide(proba)
    ranked = sorted(range(50), key=lambda i: (-proba[i, alert], i))
    expected = [other_of(row, alert) for row in proba]
    for i in ranked[:n_rows]:
        expected[i] = alert
    assert decided.tolist() == expected
    assert (decided == alert).sum() == min(n_rows, 50)


def test_a_budget_is_shared_by_the_rows_given_together() -> None:
    rule = BudgetRule(alert=1, n_rows=1)
    proba = np.array([[0.6, 0.4], [0.2, 0.8]])
    assert rule.decide(proba).tolist() == [0, 1]
    assert rule.decide(proba[:1]).tolist() == [1]


@pytest.mark.parametrize("rule", [ThresholdRule(1, 0.1 + 0.2), BudgetRule(0, 12)])
def test_they_survive_json(rule: ThresholdRule | BudgetRule) -> None:
    again = type(rule).from_dict(json.loads(json.dumps(rule.to_dict())))
    assert again == rule


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ThresholdRule(-1, 0.5), r"`alert` must be a whole number.*got -1"),
        (lambda: ThresholdRule(0, -0.1), r"`threshold` must be a number at least 0"),
        (lambda: ThresholdRule(0, float("nan")), r"`threshold` must be a number"),
        (lambda: BudgetRule(0, -1), r"`n_rows` must be a whole number.*got -1"),
        (
            lambda: ThresholdRule(2, 0.5).decide(np.eye(2)),
            r"`alert` must be a class number from 0 to 1, got 2",
        ),
        (lambda: BudgetRule(2, 1).decide(np.eye(2)), r"from 0 to 1, got 2"),
    ],
)
def test_impossible_rules_are_refused(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (ThresholdRule, {"alert": 1}),
        (ThresholdRule, {"alert": "1", "threshold": 0.5}),
        (ThresholdRule, {"alert": 1, "threshold": -0.5}),
        (ThresholdRule, {"alert": True, "threshold": 0.5}),
        (BudgetRule, {"alert": 1}),
        (BudgetRule, {"alert": 1, "n_rows": 2.5}),
        (BudgetRule, {"alert": -1, "n_rows": 2}),
    ],
)
def test_damaged_states_are_refused(
    kind: type[ThresholdRule | BudgetRule], state: dict[str, object]
) -> None:
    with pytest.raises(ModelFormatError, match="stored decision rule is damaged"):
        kind.from_dict(state)
