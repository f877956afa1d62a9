"""The lean towards rare classes by hand and by a loop over all leans."""

from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qclmixnet.decision import tune_tilt
from qclmixnet.decision.sweep import Objective
from qclmixnet.decision.tilt import rarity, smooth
from qclmixnet.metrics import confusion_matrix, macro_f1, macro_recall

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
USUAL = {"macro_f1": 0.65, "balanced": 0.7, "macro_recall": 0.9}


def noisy_table(seed: int, n_rows: int, n_classes: int) -> tuple[IntArray, FloatArray]:
    """Class numbers with a long tail, and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    prior = 0.5 ** np.arange(n_classes)
    y_true = rng.choice(n_classes, size=n_rows, p=prior / prior.sum())
    logits = rng.normal(size=(n_rows, n_classes)) + np.log(prior)
    logits[np.arange(n_rows), y_true] += 1.0
    proba = np.exp(logits)
    return y_true, proba / proba.sum(axis=1, keepdims=True)


def score_of(y_true: IntArray, y_pred: IntArray, objective: Objective) -> float:
    n_classes = int(max(y_true.max(), y_pred.max())) + 1
    confusion = confusion_matrix(y_true, y_pred, n_classes)
    both = {"macro_f1": macro_f1(confusion), "macro_recall": macro_recall(confusion)}
    both["balanced"] = (both["macro_f1"] + both["macro_recall"]) / 2
    return both[objective]


def lean_of(offsets: FloatArray, counts: IntArray, power: float) -> float:
    """How far a rule leans in all, from its largest and its smallest class."""
    most, fewest = int(counts.argmax()), int(counts.argmin())
    gap = np.log(counts[most] / counts[fewest])
    return float((offsets[fewest] - offsets[most]) / gap) + power


def perfect_between(
    low: float, high: float, power: float
) -> tuple[IntArray, FloatArray]:
    """30 and 10 rows that only leans in a range decide without any mistake."""
    y_true = np.repeat([0, 1], [30, 10])
    odds = np.log(3.0) * (power - np.where(y_true == 1, low, high))
    rare = 1 / (1 + np.exp(-odds))
    return y_true, np.stack([1 - rare, rare], axis=1)


def test_rarity_by_hand() -> None:
    # Twelve rows of three classes that occur: 4 on average.
    found = rarity(np.array([8, 0, 2, 2]))
    np.testing.assert_allclose(found, np.log([1 / 2, 1, 2, 2]))
    assert not rarity(np.array([7, 7])).any()


def test_smoothing_by_hand() -> None:
    np.testing.assert_allclose(smooth(np.array([0.0, 0, 5, 0, 0]), 2), 1.0)
    # The first and the last value stand in for what is missing at the ends.
    np.testing.assert_allclose(smooth(np.array([0.0, 3, 9]), 1), [1, 4, 7])
    np.testing.assert_allclose(smooth(np.array([5.0, 0, 0, 0, 0]), 2), [3, 2, 1, 0, 0])


@given(
    curve=st.lists(st.floats(0, 1), min_size=1, max_size=12), reach=st.integers(0, 4)
)
def test_smoothing_is_the_mean_of_neighbours(curve: list[float], reach: int) -> None:
    last = len(curve) - 1
    expected = [
        np.mean([curve[min(max(j, 0), last)] for j in range(i - reach, i + reach + 1)])
        for i in range(len(curve))
    ]
    np.testing.assert_allclose(smooth(np.array(curve), reach), expected, atol=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("n_rows", [1, 19])
def test_few_rows_get_the_usual_lean(n_rows: int, objective: Objective) -> None:
    y_true, proba = noisy_table(0, 200, 3)
    counts = np.array([60, 30, 15])
    rule = tune_tilt(
        y_true[:n_rows], proba[:n_rows], counts, power=0.5, objective=objective
    )
    more = USUAL[objective] - 0.5
    np.testing.assert_allclose(rule.offsets, more * np.log([1, 2, 4]))
    assert rule.objective == objective


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_rows_move_the_usual_lean_a_quarter_of_the_way(
    power: float, objective: Objective
) -> None:
    # Leans of 0.90, 0.95, ... 1.10 are perfect; smoothed, 1 is the best alone.
    y_true, proba = perfect_between(0.875, 1.125, power)
    counts = np.array([30, 10])
    rule = tune_tilt(y_true, proba, counts, power=power, objective=objective)
    lean = USUAL[objective] + 0.25 * (1.0 - USUAL[objective])
    assert rule.offsets[0] == 0.0
    assert rule.offsets[1] == pytest.approx((lean - power) * np.log(3.0))
    # The scores are those of the rule itself and of none, not of the best lean.
    plain = proba.argmax(axis=1)
    assert rule.inner_before == pytest.approx(score_of(y_true, plain, objective))
    decided = rule.decide(proba)
    assert rule.inner_after == pytest.approx(score_of(y_true, decided, objective))


def test_scores_of_a_rule_by_hand() -> None:
    # No lean: all are class 0, whose F1 is 60/70. With it all are right.
    y_true, proba = perfect_between(0.58, 0.82, 0.5)
    rule = tune_tilt(y_true, proba, np.array([30, 10]), power=0.5, objective="macro_f1")
    assert rule.inner_before == pytest.approx(3 / 7)
    assert rule.inner_after == 1.0


@pytest.mark.parametrize("n_rows", [10, 4000])
@pytest.mark.parametrize("seed", range(3))
def test_recall_leans_further_than_f1_and_balanced_lies_between(
    seed: int, n_rows: int
) -> None:
    y_true, proba = noisy_table(seed, n_rows, 3)
    counts = np.array([400, 200, 100])
    f1, balanced, recall = (
        tune_tilt(y_true, proba, counts, power=0.5, objective=objective)
        for objective in OBJECTIVES_IN_ORDER
    )
    leans = [lean_of(rule.offsets, counts, 0.5) for rule in (f1, balanced, recall)]
    assert leans[0] < leans[1] < leans[2]


OBJECTIVES_IN_ORDER: tuple[Objective, ...] = ("macro_f1", "balanced", "macro_recall")


def by_loop(
    y_true: IntArray,
    proba: FloatArray,
    counts: IntArray,
    power: float,
    objective: Objective,
) -> FloatArray:
    """The offsets, lean by lean and class by class."""
    present = [n for n in counts.tolist() if n > 0]
    mean = sum(present) / len(present)
    steps = [np.log(mean / n) if n else 0.0 for n in counts.tolist()]
    leans, scores = [0.2 + 0.05 * i for i in range(21)], []
    for lean in leans:
        moved = np.log(proba) + [(lean - power) * step for step in steps]
        scores.append(score_of(y_true, moved.argmax(axis=1), objective))
    ends = [scores[0]] * 2 + scores + [scores[-1]] * 2
    smoothed = [sum(ends[i : i + 5]) / 5 for i in range(21)]
    # Of leans that are as good but for rounding, the nearest to the usual one.
    best = min(
        (round(abs(lean - USUAL[objective]), 9), lean)
        for lean, score in zip(leans, smoothed, strict=True)
        if score > max(smoothed) - 1e-9
    )[1]
    lean = 0.75 * USUAL[objective] + 0.25 * best
    largest = steps[int(counts.argmax())]
    return np.array([(lean - power) * (step - largest) for step in steps])


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("seed", range(6))
def test_it_equals_a_loop_over_all_leans(seed: int, objective: Objective) -> None:
    n_classes = 2 + seed % 3
    y_true, proba = noisy_table(seed, 150, n_classes)
    counts = np.bincount(y_true, minlength=n_classes) + 5
    power = [0.0, 0.5][seed % 2]
    rule = tune_tilt(y_true, proba, counts, power=power, objective=objective)
    expected = by_loop(y_true, proba, counts, power, objective)
    np.testing.assert_allclose(rule.offsets, expected, rtol=1e-9, atol=1e-12)


def test_a_class_without_rows_is_moved_like_one_of_average_size() -> None:
    y_true, proba = noisy_table(0, 100, 4)
    y_true[y_true == 2] = 0
    counts = np.array([50, 25, 0, 15])
    rule = tune_tilt(y_true, proba, counts, power=0.5, objective="balanced")
    assert np.isfinite(rule.offsets).all()
    lean = rule.offsets[1] / np.log(50 / 25)
    np.testing.assert_allclose(rule.offsets, lean * np.log([1, 2, 50 / 30, 50 / 15]))
    expected = by_loop(y_true, proba, counts, 0.5, "balanced")
    np.testing.assert_allclose(rule.offsets, expected)


@pytest.mark.parametrize("seed", range(3))
def test_renumbering_the_classes_renumbers_the_offsets(seed: int) -> None:
    y_true, proba = noisy_table(seed, 400, 4)
    counts = np.bincount(y_true, minlength=4)
    assert len(set(counts)) == 4
    new = np.random.default_rng(seed).permutation(4)  # class k becomes new[k]
    moved_proba, moved_counts = np.empty_like(proba), np.empty_like(counts)
    moved_proba[:, new], moved_counts[new] = proba, counts
    plain = tune_tilt(y_true, proba, counts, power=0.5, objective="balanced")
    moved = tune_tilt(
        new[y_true], moved_proba, moved_counts, power=0.5, objective="balanced"
    )
    np.testing.assert_allclose(moved.offsets[new], plain.offsets, atol=1e-12)


def test_classes_of_equal_size_are_left_alone() -> None:
    y_true, proba = noisy_table(0, 100, 3)
    rule = tune_tilt(y_true, proba, np.full(3, 33), power=0.0, objective="macro_recall")
    assert not rule.offsets.any()
    assert rule.inner_after == rule.inner_before


def test_probabilities_of_zero_and_one_are_decided_without_a_warning() -> None:
    y_true = np.repeat([0, 1], [30, 10])
    rule = tune_tilt(
        y_true, np.eye(2)[y_true], np.array([30, 10]), power=0.5, objective="balanced"
    )
    assert rule.inner_before == rule.inner_after == 1.0
    # Every lean is perfect, and the usual one among them.
    assert lean_of(rule.offsets, np.array([30, 10]), 0.5) == pytest.approx(0.7)


def test_of_many_rows_some_are_looked_at() -> None:
    y_some, some = noisy_table(0, 20_001, 3)
    y_true, proba = noisy_table(1, 60_003, 3)
    y_true[::3], proba[::3] = y_some, some
    counts = np.bincount(y_true)
    whole = tune_tilt(y_true, proba, counts, power=0.5, objective="macro_f1")
    part = tune_tilt(y_some, some, counts, power=0.5, objective="macro_f1")
    assert whole == part


def test_up_to_twice_as_many_rows_are_all_looked_at() -> None:
    y_true, proba = noisy_table(2, 39_999, 3)
    counts = np.bincount(y_true)
    rule = tune_tilt(y_true, proba, counts, power=0.5, objective="balanced")
    plain = score_of(y_true, proba.argmax(axis=1), "balanced")
    assert rule.inner_before == pytest.approx(plain, abs=1e-12)


def test_the_note_tells_of_small_classes() -> None:
    y_true, proba = noisy_table(0, 60, 3)
    few = tune_tilt(
        y_true, proba, np.array([50, 9, 0]), power=0.5, objective="balanced"
    )
    assert "The smallest class has 9 rows" in few.note
    enough = tune_tilt(
        y_true, proba, np.array([50, 10, 0]), power=0.5, objective="balanced"
    )
    assert enough.note == ""
