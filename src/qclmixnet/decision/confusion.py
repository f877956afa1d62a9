"""Scores of one confusion matrix or of many at once.

A matrix holds sums of weights, true class by predicted class, in the last two axes; the
scores have the axes before them. Conventions are scikit-learn's: a precision or recall
of nothing is 0, a macro mean runs over the classes that occur.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = [
    "TiltObjective",
    "by_class",
    "correlations",
    "count_confusion",
    "g_means",
    "macro_means",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

TiltObjective = Literal["macro_f1", "macro_recall", "balanced", "g_mean", "mcc"]
"""What a lean towards rare classes can go for."""


def count_confusion(
    y_true: IntArray,
    y_pred: IntArray,
    n_classes: int,
    *,
    weights: FloatArray | None = None,
) -> FloatArray:
    """Add up the weights of rows by true class and predicted class.

    >>> count_confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    array([[1., 1.],
           [0., 1.]])
    """
    cells = y_true * n_classes + y_pred
    shares = np.ones(len(y_true)) if weights is None else weights
    flat = np.bincount(cells, shares, minlength=n_classes**2)
    return np.asarray(flat.reshape(n_classes, n_classes), dtype=np.float64)


def by_class(confusion: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return precision, recall and F1 of each class, in the last axis."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, predicted = confusion.sum(axis=-1), confusion.sum(axis=-2)
    return (
        _ratio(hits, predicted),
        _ratio(hits, support),
        _ratio(2 * hits, support + predicted),
    )


def macro_means(values: FloatArray, occurs: BoolArray) -> FloatArray:
    """Return the mean over the classes that occur; the same ones in every matrix."""
    return np.asarray(values[..., occurs].mean(axis=-1), dtype=np.float64)


def g_means(confusion: FloatArray) -> FloatArray:
    """Return the geometric mean of the recalls of the classes in the truth.

    References:
        Kubat and Matwin (1997), "Addressing the curse of imbalanced training sets".

    >>> round(float(g_means(np.array([[3.0, 1.0], [0.0, 2.0]]))), 4)
    0.866
    """
    support = confusion.sum(axis=-1)
    recall = np.where(support > 0, by_class(confusion)[1], 1.0)
    n_present = (support > 0).sum(axis=-1)
    with np.errstate(divide="ignore"):
        means = np.exp(np.log(recall).sum(axis=-1) / n_present)
    return np.asarray(means, dtype=np.float64)


def correlations(confusion: FloatArray) -> FloatArray:
    """Return Matthews' correlation, multi-class form, -1 to 1; 0 where undefined.

    References:
        Gorodkin (2004), "Comparing two K-category assignments by a K-category
        correlation coefficient".

    >>> round(float(correlations(np.array([[3.0, 1.0], [0.0, 2.0]]))), 4)
    0.7071
    """
    total = confusion.sum(axis=(-2, -1))
    shares = confusion / total[..., None, None]
    support, predicted = shares.sum(axis=-1), shares.sum(axis=-2)
    hits = np.diagonal(shares, axis1=-2, axis2=-1).sum(axis=-1)
    covariance = np.asarray(hits - (support * predicted).sum(axis=-1))
    spread = np.asarray(_spread(support) * _spread(predicted))
    return _ratio(covariance, np.asarray(np.sqrt(spread)))


def _spread(shares: FloatArray) -> FloatArray:
    spread = 1 - (shares**2).sum(axis=-1)
    # Of a single class it would be 0 but for rounding.
    return np.where((shares > 0).sum(axis=-1) > 1, np.maximum(spread, 0.0), 0.0)


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    out = np.zeros(np.shape(numerator))
    np.divide(numerator, denominator, out=out, where=np.asarray(denominator) > 0)
    return out
