"""How far a score may be from what it would be on many more rows like these."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.core.estimate import Estimate
from qclmixnet.metrics.by_class import precision_recall_f1
from qclmixnet.metrics.reliability import wilson_interval

__all__ = ["ClassIntervals", "bootstrap_estimate", "class_intervals"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClassIntervals:
    """Scores of one class with their intervals.

    Attributes:
        precision: share of the rows predicted as this class that are of it.
        recall: share of the rows of this class that were found.
        f1: harmonic mean of the two.
    """

    precision: Estimate
    recall: Estimate
    f1: Estimate


def bootstrap_estimate(
    score: Callable[[FloatArray], float],
    n_rows: int,
    *,
    generator: np.random.Generator,
    weights: FloatArray | None = None,
    n_resamples: int = 200,
    coverage: float = 0.9,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Estimate:
    """Return a score of weighted rows with its basic bootstrap interval.

    For scores that are means over rows, or nearly so. A calibration error is not: see
    `calibration_error_estimate`.

    Args:
        score: of the rows, by how much each counts; some count 0.
        n_rows: rows there are.
        generator: draws the rows.
        weights: how much each row counts; left out, each counts 1.
        n_resamples: how often rows are drawn.
        coverage: of the interval.
        bounds: smallest and largest value of the score.

    Returns:
        The score of the rows themselves, and the interval.

    References:
        Davison and Hinkley (1997), "Bootstrap methods and their application", 5.2.

    >>> values = np.arange(101.0)
    >>> mean = lambda weights: float(np.average(values, weights=weights))
    >>> found = bootstrap_estimate(
    ...     mean, 101, generator=np.random.default_rng(0), bounds=(0.0, 100.0)
    ... )
    >>> found.value, found.low < 48 < 52 < found.high
    (50.0, True)
    """
    check_integer(n_resamples, "n_resamples", low=2)
    check_real(coverage, "coverage", low=0, high=1, open_low=True, open_high=True)
    weights = np.ones(n_rows) if weights is None else weights
    value = score(weights)
    drawn = [
        score(
            weights
            * np.bincount(generator.integers(n_rows, size=n_rows), minlength=n_rows)
        )
        for _ in range(n_resamples)
    ]
    tail = (1 - coverage) / 2
    early, late = np.quantile(drawn, [tail, 1 - tail])
    low, high = np.clip([2 * value - late, 2 * value - early], *bounds)
    return Estimate(value, float(low), float(high))


def class_intervals(
    confusion: IntArray,
    *,
    generator: np.random.Generator,
    n_resamples: int = 2000,
    coverage: float = 0.9,
) -> tuple[ClassIntervals, ...]:
    """Return precision, recall and F1 of each class with bootstrap intervals.

    Drawing rows again with replacement draws the cells of the confusion matrix from a
    multinomial distribution, so that is done at once. Percentiles are taken over the
    draws in which the score exists.

    The bootstrap knows no doubt about a score of 0 or 1, however few the rows. There
    Wilson's interval stands in: precision and recall are shares, and so is the
    TP / (TP + FP + FN) that F1 follows from.

    Args:
        confusion: counts of rows, true class by predicted class.
        generator: draws the rows.
        n_resamples: how often rows are drawn.
        coverage: of the intervals.

    Returns:
        One entry per class. A class without rows, or that is never predicted, has NaN
        as ends of recall, or precision.

    Raises:
        InputError: there is no row.

    >>> found = class_intervals(np.array([[80, 10], [0, 5]]),
    ...                         generator=np.random.default_rng(0))
    >>> found[1].recall.value, round(found[1].recall.low, 2), found[1].recall.high
    (1.0, 0.65, 1.0)
    """
    check_integer(n_resamples, "n_resamples", low=2)
    check_real(coverage, "coverage", low=0, high=1, open_low=True, open_high=True)
    n_classes, n_rows = len(confusion), int(confusion.sum())
    if not n_rows:
        raise InputError("There is no row to score.")
    cells = confusion.astype(np.float64).ravel() / n_rows
    drawn = generator.multinomial(n_rows, cells / cells.sum(), size=n_resamples)
    drawn = drawn.reshape(n_resamples, n_classes, n_classes)
    hits = np.diagonal(drawn, axis1=1, axis2=2)
    true, predicted = drawn.sum(axis=2), drawn.sum(axis=1)
    own_hits = np.diagonal(confusion)
    own_true, own_predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    values = precision_recall_f1(confusion)
    # The share that each score is, or rises with.
    shares = (
        (hits, predicted, own_hits, own_predicted),
        (hits, true, own_hits, own_true),
        (hits, true + predicted - hits, own_hits, own_true + own_predicted - own_hits),
    )
    tails = [(1 - coverage) / 2, (1 + coverage) / 2]
    ends = []
    for over, under, own_over, own_under in shares:
        ratio = np.full(over.shape, np.nan)
        np.divide(over, under, out=ratio, where=under > 0)
        ends.append(
            [
                _ends(ratio[:, k], int(own_over[k]), int(own_under[k]), tails)
                for k in range(n_classes)
            ]
        )
    ends[2] = [(_f1(low), _f1(high)) for low, high in ends[2]]
    return tuple(
        ClassIntervals(
            *(Estimate(float(values[score][k]), *ends[score][k]) for score in range(3))
        )
        for k in range(n_classes)
    )


def _ends(
    drawn: FloatArray, over: int, under: int, tails: list[float]
) -> tuple[float, float]:
    if under == 0:
        return float("nan"), float("nan")
    if over in (0, under):
        return wilson_interval(over / under, under, coverage=tails[1] - tails[0])
    low, high = np.nanquantile(drawn, tails)
    return float(low), float(high)


def _f1(share: float) -> float:
    """Return F1 of TP / (TP + FP + FN)."""
    return 2 * share / (1 + share)
