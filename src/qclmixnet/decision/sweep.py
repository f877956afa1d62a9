"""The score of an argmax rule as the offset of one class rises, exactly.

While the offset of a class (or of several together) rises, each row changes its
predicted class once: from the best of the other classes to it. So the score is a
staircase with one step for each row, and all of it follows from one sort and running
counts.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Objective", "Staircase", "inner_score", "sweep_offset"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

Objective = Literal["macro_f1", "macro_recall", "balanced"]
"""What is maximised; balanced is the mean of the other two."""

_SAME_STEP = 1e-9  # breakpoints closer than this are one step


@dataclass(frozen=True)
class Staircase:
    """A score that is constant between breakpoints.

    Attributes:
        low: left end of each stair, as a change of the offset; the first is -inf.
        high: right end; the last is inf.
        score: the score on the stair.
    """

    low: FloatArray
    high: FloatArray
    score: FloatArray


def _sums(codes: IntArray, weights: FloatArray, n_classes: int) -> FloatArray:
    sums = np.bincount(codes, weights, minlength=n_classes)
    return np.asarray(sums, dtype=np.float64)


def _f1(hits: FloatArray, support: FloatArray, predicted: FloatArray) -> FloatArray:
    both = support + predicted
    return np.divide(2 * hits, both, out=np.zeros(len(both)), where=both > 0)


def inner_score(
    y_true: IntArray,
    y_pred: IntArray,
    n_classes: int,
    objective: Objective,
    *,
    weights: FloatArray | None = None,
) -> float:
    """Return the macro score of predictions, by the conventions of scikit-learn.

    Args:
        y_true: class numbers, one per row.
        y_pred: the same for the predictions.
        n_classes: how many classes there are.
        objective: macro F1 runs over the classes that occur in the truth or in the
            predictions, macro recall over those in the truth.
        weights: how much each row counts; None counts all alike.

    Returns:
        The score, 0 to 1.

    >>> y_true, y_pred = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 1])
    >>> inner_score(y_true, y_pred, 2, "macro_recall")
    0.875
    """
    shares = np.ones(len(y_true)) if weights is None else weights
    support = _sums(y_true, shares, n_classes)
    predicted = _sums(y_pred, shares, n_classes)
    hits = _sums(y_true, shares * (y_true == y_pred), n_classes)
    present = support > 0
    recall = float((hits[present] / support[present]).mean())
    if objective == "macro_recall":
        return recall
    f1 = float(_f1(hits, support, predicted)[present | (predicted > 0)].mean())
    return f1 if objective == "macro_f1" else (f1 + recall) / 2


@dataclass(frozen=True)
class _Moves:
    """All changes of prediction in order of class, then of time.

    Each row leaves one class and enters another, so there are two for each row.
    """

    time: IntArray
    code: IntArray
    sign: FloatArray
    hit: FloatArray
    predicted: FloatArray
    hits: FloatArray
    n_rows: int
    nothing: float  # sums of weights below this are 0 but for rounding

    def summed(self, change: FloatArray) -> FloatArray:
        """Add up changes over time, from 0 before the first move."""
        per_time = np.bincount(self.time, weights=change, minlength=self.n_rows)
        return np.concatenate([[0.0], np.cumsum(per_time)])


def sweep_offset(
    log_proba: FloatArray,
    y_true: IntArray,
    weights: FloatArray,
    *,
    moving: BoolArray,
    support: FloatArray,
    objective: Objective,
) -> Staircase:
    """Score the argmax for every common change of the offsets of some classes.

    Args:
        log_proba: rows by classes, the offsets so far added; finite.
        y_true: class numbers, one per row.
        weights: how much each row counts, above 0.
        moving: which classes' offset changes; some, not all, and only ones with rows.
        support: rows of each class in `y_true`, added up by their weights.
        objective: what to score.

    Returns:
        One stair for each group of rows that change their prediction together.
    """
    n_rows, n_classes = log_proba.shape
    left, left_value = _best_of(log_proba, ~moving)
    entered, entered_value = _best_of(log_proba, moving)
    needed = left_value - entered_value
    order = np.argsort(needed, kind="stable")
    steps, codes, shares = needed[order], y_true[order], weights[order]
    left, entered = left[order], entered[order]

    start_predicted = _sums(left, shares, n_classes)
    start_hits = _sums(left, shares * (left == codes), n_classes)
    moves = _moves(left, entered, codes, shares, start_predicted, start_hits)

    score: FloatArray = np.zeros(n_rows + 1)
    if objective != "macro_recall":
        score += _f1_over_time(moves, support, start_predicted, start_hits)
    if objective != "macro_f1":
        score += _recall_over_time(moves, support, start_hits)
    if objective == "balanced":
        score /= 2

    edges = np.concatenate([[-np.inf], steps, [np.inf]])
    wide = np.concatenate([[True], np.diff(steps) > _SAME_STEP, [True]])
    return Staircase(edges[:-1][wide], edges[1:][wide], score[wide])


def _best_of(log_proba: FloatArray, among: BoolArray) -> tuple[IntArray, FloatArray]:
    columns = np.flatnonzero(among)
    if len(columns) == 1:
        return np.full(len(log_proba), columns[0]), log_proba[:, columns[0]]
    part = log_proba[:, columns]
    best = part.argmax(axis=1)
    return columns[best], part[np.arange(len(part)), best]


def _moves(
    left: IntArray,
    entered: IntArray,
    codes: IntArray,
    shares: FloatArray,
    start_predicted: FloatArray,
    start_hits: FloatArray,
) -> _Moves:
    n_rows = len(left)
    # 16 bits: NumPy then sorts in linear time; no table has 32,768 classes.
    short = np.concatenate([left, entered]).astype(np.int16)
    by_class = np.argsort(short, kind="stable")
    code = short[by_class].astype(np.int64)
    time = by_class % n_rows
    sign = np.where(by_class < n_rows, -1.0, 1.0) * shares[time]
    hit = np.where(codes[time] == code, sign, 0.0)
    counts = np.bincount(code)
    first = (np.cumsum(counts) - counts)[code]

    def running(change: FloatArray, start: FloatArray) -> FloatArray:
        before = np.concatenate([[0.0], np.cumsum(change)])
        return np.asarray(before[1:] - before[first] + start[code])

    predicted, hits = running(sign, start_predicted), running(hit, start_hits)
    nothing = float(shares.min()) / 2
    return _Moves(time, code, sign, hit, predicted, hits, n_rows, nothing)


def _f1_over_time(
    moves: _Moves,
    support: FloatArray,
    start_predicted: FloatArray,
    start_hits: FloatArray,
) -> FloatArray:
    rows = support[moves.code]
    before = _f1(moves.hits - moves.hit, rows, moves.predicted - moves.sign)
    change = _f1(moves.hits, rows, moves.predicted) - before
    total = _f1(start_hits, support, start_predicted).sum() + moves.summed(change)
    occurring = float(((support > 0) | (start_predicted > 0)).sum())
    # A class without rows counts only while it is predicted; the moving ones have rows.
    gone = (rows == 0) & (moves.predicted < moves.nothing)
    left = occurring - moves.summed(gone.astype(np.float64))
    return np.asarray(total / left, dtype=np.float64)


def _recall_over_time(
    moves: _Moves, support: FloatArray, start_hits: FloatArray
) -> FloatArray:
    worth = np.divide(1.0, support, out=np.zeros(len(support)), where=support > 0)
    total = (start_hits * worth).sum() + moves.summed(moves.hit * worth[moves.code])
    return np.asarray(total / (support > 0).sum(), dtype=np.float64)
