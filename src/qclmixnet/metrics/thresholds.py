"""Precision and recall of a class along every threshold on its probability."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import InputError

__all__ = ["ThresholdCurve", "threshold_curve"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """What calling a row positive from a threshold on gives, threshold by threshold.

    Attributes:
        thresholds: distinct probabilities, rising; a row is called positive when its
            probability is at least this.
        precision: share of the rows called positive that are, 0 to 1.
        recall: share of the positive rows that are called so, 0 to 1.
        f1: harmonic mean of the two.
    """

    thresholds: FloatArray
    precision: FloatArray
    recall: FloatArray
    f1: FloatArray


def threshold_curve(
    happened: npt.NDArray[np.bool_],
    proba: FloatArray,
    *,
    weights: FloatArray | None = None,
) -> ThresholdCurve:
    """Return precision, recall and F1 along all thresholds of one class.

    Args:
        happened: whether each row is of the class; at least one is.
        proba: the probability of the class for each row.
        weights: how much each row counts; left out, each counts 1.

    Returns:
        One point for each distinct probability.

    Raises:
        InputError: no row is of the class, which leaves recall without a meaning.

    >>> curve = threshold_curve(np.array([False, True]), np.array([0.2, 0.7]))
    >>> curve.precision.tolist(), curve.recall.tolist()
    ([0.5, 1.0], [1.0, 1.0])
    """
    from sklearn.metrics import precision_recall_curve

    if not happened.any():
        raise InputError("No row is of the class, so it has no precision and recall.")
    precision, recall, thresholds = precision_recall_curve(
        happened, proba, sample_weight=weights
    )
    # The last point of scikit-learn's has no threshold: nothing is called positive.
    precision, recall = precision[:-1], recall[:-1]
    both = precision + recall
    f1 = np.divide(
        2 * precision * recall, both, out=np.zeros(len(both)), where=both > 0
    )
    return ThresholdCurve(np.asarray(thresholds, np.float64), precision, recall, f1)
