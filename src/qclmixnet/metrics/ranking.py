"""Scores of the ranking that the probabilities give, by scikit-learn's routines."""

import numpy as np
import numpy.typing as npt

__all__ = ["average_precision_by_class", "macro_auroc"]


def _mixed_classes(y_true: npt.NDArray[np.int64], n_classes: int) -> list[int]:
    """Classes with at least one row of their own and one of another class."""
    counts = np.bincount(y_true, minlength=n_classes)
    return [k for k in range(n_classes) if 0 < counts[k] < len(y_true)]


def average_precision_by_class(
    y_true: npt.NDArray[np.int64], proba: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Return each class's area under its precision-recall curve against the rest.

    Args:
        y_true: class numbers, one per row.
        proba: probabilities, rows by classes.

    Returns:
        One value per class; NaN where the truth has only that class or none of it.

    >>> average_precision_by_class(np.array([0, 1]), np.array([[.9, .1], [.2, .8]]))
    array([1., 1.])
    """
    from sklearn.metrics import average_precision_score

    out = np.full(proba.shape[1], np.nan)
    for k in _mixed_classes(y_true, proba.shape[1]):
        out[k] = average_precision_score(y_true == k, proba[:, k])
    return out


def macro_auroc(
    y_true: npt.NDArray[np.int64], proba: npt.NDArray[np.floating]
) -> float:
    """Return the mean over classes of the area under the one-against-rest ROC curve.

    Args:
        y_true: class numbers, one per row.
        proba: probabilities, rows by classes.

    Returns:
        The mean over classes that have rows of their own and of others; NaN if none.

    >>> macro_auroc(np.array([0, 1]), np.array([[.9, .1], [.2, .8]]))
    1.0
    """
    from sklearn.metrics import roc_auc_score

    classes = _mixed_classes(y_true, proba.shape[1])
    areas = [roc_auc_score(y_true == k, proba[:, k]) for k in classes]
    return float(np.mean(areas)) if areas else float("nan")
