import json
from itertools import product
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, recall_score

from qclmixnet.core.errors import InputError, ModelFormatError
from qclmixnet.decision import OffsetRule, tune_offsets
from qclmixnet.decision.sweep import Objective, inner_score, sweep_offset
from qclmixnet.metrics import confusion_matrix, macro_f1, macro_recall

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

OBJECTIVES: tuple[Objective, ...] = get_args(Objective)


def noisy_table(seed: int, n_rows: int, n_classes: int) -> tuple[IntArray, FloatArray]:
    """Class numbers with a long tail, and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    prior = 0.5 ** np.arange(n_classes)
    y_true = rng.choice(n_classes, size=n_rows, p=prior / prior.sum())
    logits = rng.normal(size=(n_rows, n_classes)) + np.log(prior)
    logits[np.arange(n_rows), y_true] += 1.0
    proba = np.exp(logits)
    return y_true, proba / proba.sum(axis=1, keepdims=True)


def score_of(
    y_true: IntArray, y_pred: IntArray, n_classes: int, objective: Objective
) -> float:
    """The objective by the metrics room, which the decision room does not import."""
    confusion = confusion_matrix(y_true, y_pred, n_classes)
    both = {"macro_f1": macro_f1(confusion), "macro_recall": macro_recall(confusion)}
    both["balanced"] = (both["macro_f1"] + both["macro_recall"]) / 2
    return both[objective]


def test_hand_example_finds_the_middle_of_the_gap_on_the_side_of_zero() -> None:
    # Class 1 has 0.45 and 0.40 where it is true, and 0.20 and 0.10 where not. Any
    # threshold between 0.20 and 0.40 is perfect: offsets between the log-odds against.
    proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])
    rule = tune_offsets(np.array([0, 0, 1, 1]), proba, price=0.0, min_rows=1)
    assert rule.offsets[0] == 0.0
    middle = (np.log(0.6 / 0.4) + np.log(0.8 / 0.2)) / 2
    assert rule.offsets[1] == pytest.approx(middle)
    # Plain argmax: F1 2/3 and 0, recalls 1 and 0.
    assert rule.inner_before == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert rule.inner_after == 1.0


def test_first_class_wins_ties_and_zero_probabilities_stay_finite() -> None:
    rule = OffsetRule(np.array([0.0, np.log(3.0), 0.0]), "macro_f1", 0.0, 0.0, "")
    proba = np.array([[0.5, 0.0, 0.5], [0.0, 0.0, 1.0], [0.7, 0.2, 0.1]])
    decided = rule.decide(proba)
    assert decided.tolist() == [0, 2, 0]
    assert decided.dtype == np.int64


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("seed", range(4))
def test_two_classes_reach_the_best_threshold_of_all(
    seed: int, objective: Objective
) -> None:
    y_true, proba = noisy_table(seed, 80, 2)
    odds = np.log(proba[:, 1]) - np.log(proba[:, 0])
    cuts = np.sort(odds)
    cuts = np.concatenate([[-99.0], (cuts[1:] + cuts[:-1]) / 2, [99.0]])
    best = max(
        score_of(y_true, (odds > cut).astype(np.int64), 2, objective) for cut in cuts
    )
    rule = tune_offsets(y_true, proba, objective=objective, price=0.0, min_rows=1)
    assert rule.inner_after == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("seed", range(3))
def test_three_classes_come_within_two_points_of_a_grid(
    seed: int, objective: Objective
) -> None:
    y_true, proba = noisy_table(seed, 60, 3)
    log_proba = np.log(proba)
    grid = np.arange(-3.0, 3.01, 0.2)
    best = max(
        score_of(
            y_true, (log_proba + np.array([0.0, a, b])).argmax(axis=1), 3, objective
        )
        for a, b in product(grid, grid)
    )
    rule = tune_offsets(y_true, proba, objective=objective, price=0.0, min_rows=1)
    assert rule.inner_after >= best - 0.02  # a local maximum may miss the best cell


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("moving", [[0], [2], [1, 2]])
def test_staircase_equals_scoring_each_stair_anew(
    moving: list[int], objective: Objective
) -> None:
    y_true, proba = noisy_table(5, 40, 5)
    y_true[y_true == 4] = 0  # class 4 is predicted but never true
    log_proba = np.log(np.round(proba, 2) + 0.01)  # rounded, for ties among rows
    log_proba[:, 4] += 2.0
    mask = np.isin(np.arange(5), moving)
    support = np.bincount(y_true, minlength=5).astype(np.float64)
    ones = np.ones(len(y_true))
    stairs = sweep_offset(
        log_proba, y_true, ones, moving=mask, support=support, objective=objective
    )
    assert 3 < len(stairs.score) <= 41
    for low, high, score in zip(stairs.low, stairs.high, stairs.score, strict=True):
        inside = np.clip((low + high) / 2, -99.0, 99.0)
        y_pred = (log_proba + inside * mask).argmax(axis=1)
        assert score == pytest.approx(score_of(y_true, y_pred, 5, objective), abs=1e-12)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)
)
def test_inner_score_has_the_convention_of_the_metrics(
    pairs: list[tuple[int, int]],
) -> None:
    y_true, y_pred = np.array(pairs, dtype=np.int64).T
    for objective in OBJECTIVES:
        expected = score_of(y_true, y_pred, 4, objective)
        assert inner_score(y_true, y_pred, 4, objective) == pytest.approx(expected)
    by_sklearn = f1_score(y_true, y_pred, average="macro")
    assert inner_score(y_true, y_pred, 4, "macro_f1") == pytest.approx(by_sklearn)
    present = np.unique(y_true)
    recall = recall_score(y_true, y_pred, labels=present, average="macro")
    assert inner_score(y_true, y_pred, 4, "macro_recall") == pytest.approx(recall)


@settings(max_examples=50)
@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(1, 60),
    n_classes=st.integers(2, 5),
    objective=st.sampled_from(OBJECTIVES),
    price=st.sampled_from([0.0, 0.2]),
)
def test_tuned_rule_is_never_worse_inside_and_tells_its_scores(
    seed: int, n_rows: int, n_classes: int, objective: Objective, price: float
) -> None:
    y_true, proba = noisy_table(seed, n_rows, n_classes)
    rule = tune_offsets(y_true, proba, objective=objective, price=price)
    plain = score_of(y_true, proba.argmax(axis=1), n_classes, objective)
    tuned = score_of(y_true, rule.decide(proba), n_classes, objective)
    assert rule.inner_before == pytest.approx(plain)
    assert rule.inner_after == pytest.approx(tuned)
    assert tuned > plain or not rule.offsets.any()
    absent = np.bincount(y_true, minlength=n_classes) == 0
    assert not rule.offsets[absent].any()


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), price=st.sampled_from([0.0, 0.2]))
def test_scaling_the_rows_changes_nothing(seed: int, price: float) -> None:
    y_true, proba = noisy_table(seed, 50, 3)
    factors = 2.0 ** np.random.default_rng(seed).integers(-5, 5, size=(50, 1))
    plain = tune_offsets(y_true, proba, price=price)
    scaled = tune_offsets(y_true, proba * factors, price=price)
    np.testing.assert_allclose(scaled.offsets, plain.offsets, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_renumbering_the_classes_renumbers_the_offsets(seed: int) -> None:
    y_true, proba = noisy_table(seed, 400, 4)
    assert len(set(np.bincount(y_true))) == 4  # else the order of equals may differ
    new = np.random.default_rng(seed).permutation(4)  # class k becomes new[k]
    renumbered = np.empty_like(proba)
    renumbered[:, new] = proba
    plain = tune_offsets(y_true, proba)
    moved = tune_offsets(new[y_true], renumbered)
    assert plain.offsets.any()
    np.testing.assert_allclose(moved.offsets[new], plain.offsets, atol=1e-9)


def test_price_keeps_offsets_near_the_class_frequencies() -> None:
    y_true, proba = noisy_table(1, 300, 4)
    free = tune_offsets(y_true, proba, price=0.0)
    dear = tune_offsets(y_true, proba, price=1000.0)
    assert free.inner_after > dear.inner_after
    rows = np.bincount(y_true)
    multiples = dear.offsets[1:] / -np.log(rows[1:] / rows[0])
    np.testing.assert_allclose(multiples, multiples[0])
    assert 0 < multiples[0] <= 1.5


def test_small_classes_share_a_step_and_the_note_says_so() -> None:
    y_true, proba = noisy_table(2, 400, 8)
    rows = np.bincount(y_true, minlength=8)
    rare = np.flatnonzero((rows > 0) & (rows < 10))
    assert len(rare) == len(set(rows[rare])) == 3
    rule = tune_offsets(y_true, proba)
    assert f"The smallest class has {rows[rare].min()} rows" in rule.note
    assert f"class numbers {', '.join(map(str, rare))} have fewer than 10" in rule.note
    # The same step for each leaves the differences that the frequencies imply.
    implied = -np.log(rows[rare] / rows[0])
    gaps = np.diff(rule.offsets[rare]) / np.diff(implied)
    np.testing.assert_allclose(gaps, gaps[0])
    assert tune_offsets(y_true, proba, min_rows=1).note == ""


def test_tuning_helps_on_fresh_rows_of_a_plain_classifier() -> None:
    # A stump of a simulation: calibrated probabilities, imbalanced, enough rows.
    gains = []
    for seed in range(10):
        y_true, proba = noisy_table(seed, 2000, 4)
        y_fresh, fresh = noisy_table(seed + 100, 2000, 4)
        decided = tune_offsets(y_true, proba).decide(fresh)
        plain = score_of(y_fresh, fresh.argmax(axis=1), 4, "balanced")
        gains.append(score_of(y_fresh, decided, 4, "balanced") - plain)
    assert min(gains) > 0


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("seed", range(3))
def test_a_row_of_weight_3_counts_as_three_rows(
    seed: int, objective: Objective
) -> None:
    y_true, proba = noisy_table(seed, 60, 4)
    if seed == 2:
        y_true[y_true == 3] = 0  # predicted, but never true
    copies = np.random.default_rng(seed).integers(1, 5, size=60)
    often = np.repeat(np.arange(60), copies)
    weighted, copied = (
        tune_offsets(*rows, objective=objective, price=0.0, min_rows=1, weights=weights)
        for rows, weights in (
            ((y_true, proba), copies * 0.3),
            ((y_true[often], proba[often]), None),
        )
    )
    np.testing.assert_allclose(weighted.offsets, copied.offsets, atol=1e-9)
    assert weighted.inner_before == pytest.approx(copied.inner_before)
    assert weighted.inner_after == pytest.approx(copied.inner_after)


@pytest.mark.parametrize(
    ("weights", "words"),
    [([1.0], r"one value for each of the 2 rows"), ([1.0, 0.0], r"above 0, got 0\.0")],
)
def test_impossible_weights_are_refused(weights: list[float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        tune_offsets(np.array([0, 1]), np.eye(2), weights=np.array(weights))


def test_perfect_probabilities_need_no_offsets() -> None:
    y_true = np.array([0, 1, 2, 0, 1, 2])
    rule = tune_offsets(y_true, np.eye(3)[y_true])
    assert rule.offsets.tolist() == [0.0, 0.0, 0.0]
    assert rule.inner_before == rule.inner_after == 1.0


def test_rule_survives_json() -> None:
    y_true, proba = noisy_table(2, 100, 3)
    rule = tune_offsets(y_true, proba)
    again = OffsetRule.from_dict(json.loads(json.dumps(rule.to_dict())))
    assert again == rule
    assert again.offsets.dtype == np.float64
    assert again != OffsetRule(rule.offsets + 1.0, rule.objective, 0.0, 0.0, "")


@pytest.mark.parametrize(
    "change",
    [
        {"offsets": []},
        {"offsets": [0.0, "1"]},
        {"offsets": [0.0, float("nan")]},
        {"objective": "accuracy"},
        {"inner_after": None},
        {"note": None},
    ],
)
def test_damaged_state_is_refused(change: dict[str, object]) -> None:
    state = OffsetRule(np.array([0.0, 1.0]), "macro_f1", 0.1, 0.2, "").to_dict()
    with pytest.raises(ModelFormatError, match="stored decision rule"):
        OffsetRule.from_dict({**state, **change})


@pytest.mark.parametrize(
    ("y_true", "proba", "words"),
    [
        ([0, 1], [[0.5, 0.5]], r"one class number for each row"),
        ([], np.empty((0, 2)), r"at least one"),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]], r"from 0 to 1, got 0 to 2"),
        ([-1, 0], [[0.5, 0.5], [0.5, 0.5]], r"got -1 to 0"),
        ([0.0, 1.0], [[0.5, 0.5], [0.5, 0.5]], r"dtype float64"),
        ([0, 1], [[1.0], [1.0]], r"at least two columns"),
        ([0, 1], [[0.5, np.nan], [0.5, 0.5]], r"finite numbers"),
        ([0, 1], [[-0.5, 1.5], [0.5, 0.5]], r"got -0\.5 to 1\.5"),
    ],
)
def test_bad_input_is_refused_in_words(
    y_true: list[float], proba: list[list[float]], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        tune_offsets(np.array(y_true), np.array(proba))


def test_probabilities_of_another_number_of_classes_are_refused() -> None:
    rule = OffsetRule(np.zeros(3), "macro_f1", 0.0, 0.0, "")
    with pytest.raises(InputError, match=r"must have 3 columns.*got 2"):
        rule.decide(np.array([[0.5, 0.5]]))
