"""The share of the second model by hand and by a loop over all shares."""

import numpy as np
import numpy.typing as npt
import pytest

from qclmixnet.decision import choose_share, defer
from qclmixnet.decision.tilt import rarity
from qclmixnet.metrics import confusion_matrix, macro_f1, macro_recall

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

EVEN = np.array([30, 30])


def two_models(
    seed: int, n_rows: int, n_classes: int, skill: tuple[float, float] = (1.0, 1.0)
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Class numbers with a long tail, and two models that know something of them."""
    rng = np.random.default_rng(seed)
    prior = 0.5 ** np.arange(n_classes)
    y_true = rng.choice(n_classes, size=n_rows, p=prior / prior.sum())
    models = []
    for one in skill:
        logits = rng.normal(size=(n_rows, n_classes)) + np.log(prior) / 2
        logits[np.arange(n_rows), y_true] += one
        proba = np.exp(logits)
        models.append(proba / proba.sum(axis=1, keepdims=True))
    return y_true, *models


def by_loop(
    y_true: IntArray,
    first: FloatArray,
    second: FloatArray,
    counts: IntArray,
    power: float,
) -> float:
    """The share, row by row and lean by lean."""
    n_classes = len(counts)
    mean = counts.sum() / (counts > 0).sum()
    steps = np.array([np.log(mean / n) if n else 0.0 for n in counts])
    shares, losses, scores = [i / 10 for i in range(11)], [], []
    for share in shares:
        blend = np.maximum((1 - share) * first + share * second, 1e-4)
        loss = total = 0.0
        for code, proba in zip(y_true, blend, strict=True):
            weight = float(np.exp(power * steps[code]))
            loss -= weight * float(np.log(proba[code]))
            total += weight
        losses.append(loss / total)
        of_leans = []
        for lean in (0.6, 0.7, 0.8):
            chosen = (np.log(blend) + (lean - power) * steps).argmax(axis=1)
            confusion = confusion_matrix(y_true, chosen, n_classes)
            of_leans.append((macro_f1(confusion) + macro_recall(confusion)) / 2)
        scores.append(sum(of_leans) / 3)
    ends = [scores[0], *scores, scores[-1]]
    smoothed = [sum(ends[i : i + 3]) / 3 for i in range(11)]
    # Of shares that are as good but for rounding, the nearest to the usual one.
    best = min(
        (round(abs(share - 0.35), 9), share)
        for share, score in zip(shares, smoothed, strict=True)
        if score > max(smoothed) - 1e-9
    )[1]
    return (0.35 + shares[int(np.argmin(losses))] + best) / 3


@pytest.mark.parametrize("n_rows", [0, 1, 19])
def test_few_rows_get_the_usual_share(n_rows: int) -> None:
    y_true, good, bad = two_models(0, 100, 2, skill=(9.0, 0.0))
    part = y_true[:n_rows], good[:n_rows], bad[:n_rows]
    assert choose_share(*part, EVEN, power=0.5) == 0.35


def test_the_share_goes_to_the_better_model_by_hand() -> None:
    y_true = np.repeat([0, 1], 30)
    good, bad = np.eye(2)[y_true] * 0.8 + 0.1, np.full((60, 2), 0.5)
    # The loss falls up to the good model alone. A tenth of it decides all rows right:
    # of shares that are as good, 0.3 and 0.4 are the nearest to the usual one.
    share = choose_share(y_true, good, bad, EVEN, power=0.5)
    assert share == pytest.approx((0.35 + 0.0 + 0.3) / 3)
    share = choose_share(y_true, bad, good, EVEN, power=0.5)
    assert share == pytest.approx((0.35 + 1.0 + 0.3) / 3)


def test_the_loss_can_ask_for_the_middle() -> None:
    # Each model is sure and right on its own half, and on the other has no idea but
    # the right side: by symmetry the loss is lowest in the middle.
    y_true = np.repeat([0, 1, 0, 1], 10)
    sure, unsure = np.eye(2)[y_true] * 0.98 + 0.01, np.eye(2)[y_true] * 0.02 + 0.49
    half = np.arange(40)[:, None] < 20
    first, second = np.where(half, sure, unsure), np.where(half, unsure, sure)
    share = choose_share(y_true, first, second, EVEN, power=0.5)
    # All shares decide the same.
    assert share == pytest.approx((0.35 + 0.5 + 0.3) / 3)


def test_rare_classes_weigh_more_in_the_loss() -> None:
    # The second model is better on the 20 rows of the rare class, the first on the 80
    # of the other by a little less: sums of 20 w (a) against 80 (b).
    y_true = np.repeat([0, 1], [80, 20])
    first = np.where((y_true == 0)[:, None], [0.9, 0.1], [0.7, 0.3])
    second = np.where((y_true == 0)[:, None], [0.8, 0.2], [0.4, 0.6])
    counts = np.array([80, 20])
    gain_rare, loss_common = 20 * np.log(0.6 / 0.3), 80 * np.log(0.9 / 0.8)
    assert gain_rare > loss_common
    counts_other = np.array([20, 80])  # as if class 0 were the rare one, 4 to 1
    assert gain_rare / 4 < loss_common
    heavy = choose_share(y_true, first, second, counts, power=1.0)
    light = choose_share(y_true, first, second, counts_other, power=1.0)
    for found, of in ((heavy, counts), (light, counts_other)):
        assert found == pytest.approx(by_loop(y_true, first, second, of, 1.0))
    assert heavy > light


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("power", [0.0, 0.5])
def test_it_equals_a_loop_over_all_shares(seed: int, power: float) -> None:
    n_classes = 2 + seed % 3
    skill = [(1.0, 1.0), (0.5, 1.5), (1.5, 0.5)][seed % 3]
    y_true, first, second = two_models(seed, 90, n_classes, skill)
    counts = np.bincount(y_true, minlength=n_classes) + 7
    found = choose_share(y_true, first, second, counts, power=power)
    expected = by_loop(y_true, first, second, counts, power)
    assert found == pytest.approx(expected, abs=1e-12)
    assert 0.35 / 3 <= found <= 2.35 / 3


def test_better_models_get_more_on_average() -> None:
    def mean(skill: tuple[float, float]) -> float:
        shares = []
        for seed in range(8):
            y_true, first, second = two_models(seed, 200, 3, skill)
            counts = np.bincount(y_true, minlength=3)
            shares.append(choose_share(y_true, first, second, counts, power=0.5))
        return float(np.mean(shares))

    worse, even, better = mean((2.0, 0.5)), mean((1.0, 1.0)), mean((0.5, 2.0))
    assert worse < 0.25 < even < 0.6 < better


def test_sure_models_that_err_cost_a_bounded_loss() -> None:
    y_true = np.repeat([0, 1], 50)
    wrong = y_true.copy()
    wrong[:5] = 1
    counts = np.array([50, 50])
    sure, unsure = np.eye(2)[wrong], np.full((100, 2), 0.5)
    found = choose_share(y_true, unsure, sure, counts, power=0.5)
    assert found == pytest.approx(by_loop(y_true, unsure, sure, counts, 0.5))
    # Five losses of -log 1e-4 are more than 95 of log 2 are worth: not all of it.
    assert found < (0.35 + 1.0 + 0.3) / 3


def test_a_class_without_rows_changes_nothing() -> None:
    y_true, first, second = two_models(3, 120, 2)
    counts = np.bincount(y_true)
    wide_first, wide_second = (
        np.hstack([proba, np.zeros((120, 1))]) for proba in (first, second)
    )
    wide_counts = np.array([*counts, 0])
    plain = choose_share(y_true, first, second, counts, power=0.5)
    wide = choose_share(y_true, wide_first, wide_second, wide_counts, power=0.5)
    assert wide == plain
    np.testing.assert_array_equal(rarity(counts), rarity(wide_counts)[:2])


def test_of_many_rows_some_are_looked_at() -> None:
    y_some, *some = two_models(0, 20_001, 2, (0.2, 2.0))
    y_true, *models = two_models(1, 60_003, 2, (2.0, 0.2))
    y_true[::3] = y_some
    for model, of_some in zip(models, some, strict=True):
        model[::3] = of_some
    counts = np.bincount(y_true)
    whole = choose_share(y_true, models[0], models[1], counts, power=0.5)
    part = choose_share(y_some, some[0], some[1], counts, power=0.5)
    assert whole == part


# Classes that only the first model can know.


def test_the_first_model_speaks_for_unknown_classes_row_by_row() -> None:
    _, first, second = two_models(5, 50, 4)
    found = defer(second, first, (1, 3))
    for row, a, b in zip(found, first, second, strict=True):
        left = 1 - a[1] - a[3]
        expected = [
            left * b[0] / (b[0] + b[2]),
            a[1],
            left * b[2] / (b[0] + b[2]),
            a[3],
        ]
        np.testing.assert_allclose(row, expected, rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_without_unknown_classes_nothing_changes() -> None:
    _, first, second = two_models(5, 50, 3)
    np.testing.assert_array_equal(defer(second, first, ()), second)


def test_given_probabilities_are_left_as_they_are() -> None:
    _, first, second = two_models(5, 50, 3)
    before = second.copy()
    defer(second, first, (0,))
    np.testing.assert_array_equal(second, before)
