"""The numbers on the page of one model: scores with intervals, curves of classes."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from qclmixnet.decision import CostRule, DecisionRule, OffsetRule, ThresholdRule
from qclmixnet.metrics import (
    ThresholdCurve,
    bootstrap_estimate,
    brier_parts,
    calibration_error_estimate,
    class_intervals,
    confusion_matrix,
    reliability_bins,
    score_predictions,
    threshold_curve,
)
from qclmixnet.report.model_costs import decision_costs
from qclmixnet.report.model_data import ClassCurves, ScoredRows

__all__ = [
    "FEWEST_ROWS",
    "MOST_CURVES",
    "offsets_of",
    "score_rows",
    "thinned",
    "two_class_threshold",
]

FEWEST_ROWS = 10
"""Rows of a class below which its curves show chance alone, and are left out."""

MOST_CURVES = 12
"""Classes at most whose curves are drawn, rarest first."""

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_MOST_POINTS = 200
_N_BINS = 10
_SEED = 0
_MOST_RESAMPLES, _LEAST_RESAMPLES = 300, 50


def score_rows(
    codes: IntArray,
    y_pred: IntArray,
    proba: FloatArray,
    *,
    labels: Sequence[str],
    rule: DecisionRule | None = None,
    own_threshold: float | None = None,
    coverage: float = 0.9,
) -> ScoredRows:
    """Score what a model says about rows whose classes are known.

    Args:
        codes: class number of each row, of at least one.
        y_pred: the class that the model's rule chose.
        proba: probabilities, rows by classes.
        labels: the classes, as text.
        rule: the rule; None for the most probable class.
        own_threshold: threshold on the probability of the second of two classes that
            the rule amounts to, if it does.
        coverage: of all intervals.

    Returns:
        The scores; the same rows always give the same intervals.
    """
    n_rows, n_classes = proba.shape
    counts = np.bincount(codes, minlength=n_classes)
    confusion = confusion_matrix(codes, y_pred, n_classes).astype(np.int64)
    one_hot = np.eye(n_classes)[codes]
    distance = ((proba - one_hot) ** 2).sum(axis=1)
    rarest_first = [int(k) for k in np.argsort(counts, kind="stable")]
    drawn = [k for k in rarest_first if FEWEST_ROWS <= counts[k] < n_rows]
    return ScoredRows(
        scores=score_predictions(codes, y_pred, proba, labels=labels),
        intervals=class_intervals(
            confusion, generator=np.random.default_rng(_SEED), coverage=coverage
        ),
        error=calibration_error_estimate(
            proba.argmax(axis=1) == codes,
            proba.max(axis=1),
            generator=np.random.default_rng(_SEED),
            coverage=coverage,
        ),
        brier=bootstrap_estimate(
            lambda weights: float(np.average(distance, weights=weights)),
            n_rows,
            generator=np.random.default_rng(_SEED),
            n_resamples=_resamples(n_rows),
            coverage=coverage,
            bounds=(0.0, 2.0),
        ),
        curves=tuple(
            _curves(
                codes == k,
                proba[:, k],
                label=labels[k],
                own_threshold=_threshold_of(k, own_threshold),
                coverage=coverage,
            )
            for k in drawn[:MOST_CURVES]
        ),
        n_without_curves=n_classes - min(len(drawn), MOST_CURVES),
        coverage=coverage,
        costs=(
            decision_costs(
                rule,
                codes,
                y_pred,
                proba,
                labels=labels,
                n_resamples=_resamples(n_rows),
                coverage=coverage,
            )
            if isinstance(rule, CostRule)
            else None
        ),
    )


def _threshold_of(k: int, second: float | None) -> float | None:
    if second is None:
        return None
    return second if k == 1 else 1 - second


def _curves(
    happened: BoolArray,
    proba: FloatArray,
    *,
    label: str,
    own_threshold: float | None,
    coverage: float,
) -> ClassCurves:
    return ClassCurves(
        label=label,
        bins=reliability_bins(happened, proba, n_bins=_N_BINS, coverage=coverage),
        error=calibration_error_estimate(
            happened,
            proba,
            generator=np.random.default_rng(_SEED),
            coverage=coverage,
        ),
        parts=brier_parts(happened, proba, n_bins=_N_BINS),
        thresholds=thinned(threshold_curve(happened, proba), most=_MOST_POINTS),
        own_threshold=own_threshold,
    )


def _resamples(n_rows: int) -> int:
    """Return how often rows are drawn: fewer times when that takes long."""
    return int(np.clip(3_000_000 // n_rows, _LEAST_RESAMPLES, _MOST_RESAMPLES))


def thinned(curve: ThresholdCurve, *, most: int) -> ThresholdCurve:
    """Leave so many points of a curve that its course can still be seen.

    Points are chosen at even steps along the way that the curve takes through
    threshold, precision and recall. The ends and the best F1 always stay.

    Args:
        curve: a curve.
        most: points to leave at most, 3 or more.

    Returns:
        The curve itself if it has no more points.

    >>> long = threshold_curve(np.arange(900) % 3 == 0, np.arange(900) / 900)
    >>> len(thinned(long, most=50).thresholds) <= 50
    True
    """
    n_points = len(curve.thresholds)
    if n_points <= most:
        return curve
    course = np.column_stack([curve.thresholds, curve.precision, curve.recall])
    steps = np.abs(np.diff(course, axis=0)).sum(axis=1)
    way = np.concatenate([[0.0], np.cumsum(steps)])
    even = np.searchsorted(way, np.linspace(0.0, way[-1], most - 1))
    kept = np.unique([0, n_points - 1, int(curve.f1.argmax()), *even[1:-1]])
    return ThresholdCurve(
        curve.thresholds[kept],
        curve.precision[kept],
        curve.recall[kept],
        curve.f1[kept],
    )


def two_class_threshold(offsets: FloatArray | None) -> float:
    """Return the probability of the second class from which a rule chooses it.

    Args:
        offsets: of the rule on the log-probabilities of the two classes; None for the
            most probable class.

    Returns:
        0 to 1.

    >>> two_class_threshold(None), round(two_class_threshold(np.log([1.0, 3.0])), 6)
    (0.5, 0.25)
    """
    if offsets is None:
        return 0.5
    return 1 / (1 + math.exp(float(offsets[1] - offsets[0])))


def offsets_of(rule: DecisionRule | None, *, n_classes: int) -> FloatArray | None:
    """Restate a rule as offsets on the log-probabilities, where it is one.

    Args:
        rule: any rule; None for the most probable class.
        n_classes: how many classes there are.

    Returns:
        One offset per class; None for the most probable class, and for a rule that is
        no such thing.

    >>> offsets_of(ThresholdRule(alert=1, threshold=0.2), n_classes=2).round(3)
    array([0.   , 1.386])
    """
    if isinstance(rule, OffsetRule):
        return np.asarray(rule.offsets, dtype=np.float64)
    if isinstance(rule, ThresholdRule) and n_classes == 2:
        threshold = rule.threshold if rule.alert == 1 else 1 - rule.threshold
    elif isinstance(rule, CostRule) and n_classes == 2:
        extra = rule.costs - rule.costs.diagonal()[:, None]  # over the right answer
        false_one, missed_one = extra[0, 1], extra[1, 0]
        threshold = false_one / (false_one + missed_one)
    else:
        return None
    if not 0 < threshold < 1:  # one class is always chosen, or costs are upside down
        return None
    return np.array([0.0, math.log((1 - threshold) / threshold)])
