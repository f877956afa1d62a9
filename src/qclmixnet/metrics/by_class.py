"""Scores that follow from the confusion matrix.

Conventions are scikit-learn's: a precision or recall with an empty denominator is 0,
and a macro mean runs over the classes that occur in the truth or in the predictions
(F1) or in the truth alone (recall), so that a test part without some class is not
punished for it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import InputError

__all__ = [
    "ClassScore",
    "confusion_matrix",
    "g_mean",
    "macro_f1",
    "macro_recall",
    "matthews_correlation",
    "precision_recall_f1",
]

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
# Rows counted, or their weights added up.
Counts = npt.NDArray[np.number]


@dataclass(frozen=True)
class ClassScore:
    """How one class fared.

    Attributes:
        label: the class, as text.
        precision: share of the rows predicted as this class that are of it, 0 to 1.
        recall: share of the rows of this class that were found, 0 to 1.
        f1: harmonic mean of the two.
        support: rows of this class in the truth.
        auprc: area under the precision-recall curve of this class against the rest
            (average precision); NaN when the truth has no row of it or nothing else.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int
    auprc: float


def confusion_matrix(
    y_true: IntArray,
    y_pred: IntArray,
    n_classes: int,
    *,
    weights: FloatArray | None = None,
) -> Counts:
    """Count rows by true class (matrix row) and predicted class (matrix column).

    Args:
        y_true: class numbers from 0 to ``n_classes - 1``, one per row.
        y_pred: the same for the predictions.
        n_classes: how many classes there are.
        weights: how much each row counts; left out, each counts 1.

    Returns:
        Counts, or sums of weights, classes by classes.

    Raises:
        InputError: the two differ in length, or a class number is out of range.

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2)
    array([[1, 1],
           [0, 1]])
    """
    if y_true.shape != y_pred.shape or y_true.ndim != 1:
        raise InputError(
            "`y_true` and `y_pred` must be one-dimensional and of equal length, "
            f"got shapes {y_true.shape} and {y_pred.shape}."
        )
    for name, codes in (("y_true", y_true), ("y_pred", y_pred)):
        if codes.size and not (codes.min() >= 0 and codes.max() < n_classes):
            raise InputError(
                f"`{name}` must lie between 0 and {n_classes - 1}, "
                f"got {codes.min()} to {codes.max()}."
            )
    pairs = y_true.astype(np.int64) * n_classes + y_pred
    counts = np.bincount(pairs, weights=weights, minlength=n_classes * n_classes)
    return counts.reshape(n_classes, n_classes)


def _ratio(numerator: Counts, denominator: Counts) -> FloatArray:
    out = np.zeros(len(numerator), dtype=np.float64)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def precision_recall_f1(
    confusion: Counts,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return precision, recall and F1 of each class.

    Args:
        confusion: counts, true class by predicted class.

    Returns:
        Three arrays with one value per class, 0 to 1.

    >>> precision, recall, f1 = precision_recall_f1(np.array([[3, 1], [0, 2]]))
    >>> recall
    array([0.75, 1.  ])
    """
    hits = np.diagonal(confusion)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = _ratio(hits, predicted), _ratio(hits, support)
    return precision, recall, _ratio(2 * hits, support + predicted)


def macro_f1(confusion: Counts) -> float:
    """Return the mean F1 over the classes seen in the truth or in the predictions.

    >>> round(macro_f1(np.array([[3, 1], [0, 2]])), 4)
    0.8286
    """
    occurs = (confusion.sum(axis=1) + confusion.sum(axis=0)) > 0
    f1 = precision_recall_f1(confusion)[2][occurs]
    return float(f1.mean()) if f1.size else 0.0


def macro_recall(confusion: Counts) -> float:
    """Return the mean recall over the classes in the truth (balanced accuracy).

    >>> macro_recall(np.array([[3, 1], [0, 2]]))
    0.875
    """
    recall = precision_recall_f1(confusion)[1][confusion.sum(axis=1) > 0]
    return float(recall.mean()) if recall.size else 0.0


def g_mean(confusion: Counts) -> float:
    """Return the geometric mean of the recalls of the classes in the truth.

    It is 0 as soon as one class is never found.

    References:
        Kubat and Matwin (1997), "Addressing the curse of imbalanced training sets".

    >>> round(g_mean(np.array([[3, 1], [0, 2]])), 4)
    0.866
    """
    recall = precision_recall_f1(confusion)[1][confusion.sum(axis=1) > 0]
    if not recall.size or recall.min() == 0:
        return 0.0
    return float(np.exp(np.log(recall).mean()))


def matthews_correlation(confusion: Counts) -> float:
    """Return Matthews' correlation, multi-class form (R_K), from -1 to 1.

    References:
        Gorodkin (2004), "Comparing two K-category assignments by a K-category
        correlation coefficient".

    >>> round(matthews_correlation(np.array([[3, 1], [0, 2]])), 4)
    0.7071
    """
    # Counts as floats: products of row counts overflow int64 past about 3e9 rows.
    support = confusion.sum(axis=1).astype(np.float64)
    predicted = confusion.sum(axis=0).astype(np.float64)
    n_rows = support.sum()
    covariance = np.trace(confusion) * n_rows - support @ predicted
    spread_true = n_rows**2 - support @ support
    spread_pred = n_rows**2 - predicted @ predicted
    if spread_true == 0 or spread_pred == 0:
        return 0.0
    return float(covariance / np.sqrt(spread_true * spread_pred))
