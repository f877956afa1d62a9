"""The lowest expected cost, by loops and by what it costs in the end."""

import json

import numpy as np
import pytest

from qclmixnet.core.errors import InputError, ModelFormatError
from qclmixnet.decision import CostRule


def random_proba(seed: int, n_rows: int, n_classes: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), size=n_rows)


def test_by_hand() -> None:
    # Calling class 1 "0" costs 9, the other way round 1: class 1 from 1/10 on.
    rule = CostRule(np.array([[0.0, 1.0], [9.0, 0.0]]))
    proba = np.array([[0.91, 0.09], [0.89, 0.11]])
    assert rule.decide(proba).tolist() == [0, 1]
    assert rule.decide(proba).dtype == np.int64


@pytest.mark.parametrize("n_classes", [2, 4])
def test_no_other_class_is_expected_to_cost_less(n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    for seed in range(20):
        costs = rng.normal(size=(n_classes, n_classes))
        proba = random_proba(seed, 30, n_classes)
        for row, chosen in zip(proba, CostRule(costs).decide(proba), strict=True):
            expected = [
                sum(row[true] * costs[true, predicted] for true in range(n_classes))
                for predicted in range(n_classes)
            ]
            assert expected[chosen] <= min(expected) + 1e-12


def test_equal_costs_of_all_errors_are_the_argmax_and_the_first_class_wins_ties() -> (
    None
):
    proba = random_proba(0, 200, 3)
    rule = CostRule(1.0 - np.eye(3))
    np.testing.assert_array_equal(rule.decide(proba), proba.argmax(axis=1))
    assert rule.decide(np.array([[0.25, 0.25, 0.5], [0.5, 0.5, 0.0]])).tolist() == [
        2,
        0,
    ]


def test_a_constant_for_a_true_class_and_a_common_factor_change_nothing() -> None:
    proba = random_proba(1, 200, 3)
    costs = np.random.default_rng(1).normal(size=(3, 3))
    moved = 5 * (costs + np.array([[1.0], [-2.0], [7.0]]))
    np.testing.assert_array_equal(
        CostRule(costs).decide(proba), CostRule(moved).decide(proba)
    )


def test_over_1000_random_costs_it_is_never_dearer_than_the_argmax_on_average() -> None:
    # The probabilities are right, for the truth is drawn from them.
    rng = np.random.default_rng(7)
    saved = []
    for _ in range(1000):
        n_classes = int(rng.integers(2, 5))
        proba = rng.dirichlet(np.full(n_classes, 0.7), size=400)
        drawn = (rng.random((400, 1)) > proba.cumsum(axis=1)).sum(axis=1)
        truth = np.minimum(drawn, n_classes - 1)
        costs = rng.exponential(size=(n_classes, n_classes))
        np.fill_diagonal(costs, 0.0)
        cost, plain = (
            costs[truth, chosen].mean()
            for chosen in (CostRule(costs).decide(proba), proba.argmax(axis=1))
        )
        saved.append(plain - cost)
    mean, error = np.mean(saved), np.std(saved) / np.sqrt(len(saved))
    assert mean > 10 * error
    assert np.mean(np.array(saved) >= 0) > 0.9


def test_it_survives_json_and_keeps_its_own_costs() -> None:
    costs = np.array([[0.0, 1.5], [-3.0, 0.1]])
    rule = CostRule(costs)
    costs[0, 1] = 99.0
    assert rule.costs[0, 1] == 1.5
    again = CostRule.from_dict(json.loads(json.dumps(rule.to_dict())))
    assert again == rule
    assert again != CostRule(costs)


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        (np.ones((2, 3)), r"at least 2 of both, got shape \(2, 3\)"),
        (np.ones((1, 1)), r"got shape \(1, 1\)"),
        (np.array([[0.0, np.inf], [1.0, 0.0]]), r"must be finite"),
        (np.array([["a", "b"], ["c", "d"]]), r"square of numbers"),
    ],
)
def test_impossible_costs_are_refused(costs: np.ndarray, words: str) -> None:
    with pytest.raises(InputError, match=words):
        CostRule(costs)


def test_another_number_of_classes_is_refused() -> None:
    with pytest.raises(InputError, match=r"must have 2 columns.*got 3"):
        CostRule(np.ones((2, 2))).decide(np.ones((1, 3)) / 3)


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        [[0, 1]],
        [[0, 1], [1]],
        [[0, 1], [1, float("nan")]],
        [[0, "1"], [1, 0]],
        [1, 2],
    ],
)
def test_damaged_costs_are_refused(stored: object) -> None:
    with pytest.raises(ModelFormatError, match="stored decision rule is damaged"):
        CostRule.from_dict({"kind": "costs", "costs": stored})
