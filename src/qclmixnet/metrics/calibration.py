"""Scores of the probabilities themselves."""

import numpy as np
import numpy.typing as npt

__all__ = ["brier_score", "expected_calibration_error", "log_loss"]


def log_loss(
    y_true: npt.NDArray[np.int64],
    proba: npt.NDArray[np.floating],
    *,
    weights: npt.NDArray[np.float64] | None = None,
) -> float:
    """Return the mean of minus the log of the probability given to the true class.

    Args:
        y_true: class numbers, one per row.
        proba: probabilities, rows by classes; clipped to at least 1e-15, which caps
            the loss of a row at 34.5.
        weights: how much each row counts; left out, all count alike.

    Returns:
        The mean in nats, at least 0.

    >>> round(log_loss(np.array([0, 1]), np.array([[.5, .5], [.75, .25]])), 4)
    1.0397
    """
    given = np.asarray(proba, dtype=np.float64)[np.arange(len(y_true)), y_true]
    return float(np.average(-np.log(np.clip(given, 1e-15, 1.0)), weights=weights))


def brier_score(
    y_true: npt.NDArray[np.int64], proba: npt.NDArray[np.floating]
) -> float:
    """Return the mean squared distance between probabilities and one-hot truth.

    Multi-class form, 0 to 2; for two classes it is twice the one-column Brier score.

    Args:
        y_true: class numbers, one per row.
        proba: probabilities, rows by classes.

    Returns:
        0 for certainty that is right to 2 for certainty that is wrong.

    References:
        Brier (1950), "Verification of forecasts expressed in terms of probability".

    >>> brier_score(np.array([0, 1]), np.array([[.5, .5], [1., 0.]]))
    1.25
    """
    truth = np.eye(proba.shape[1])[y_true]
    return float(((proba - truth) ** 2).sum(axis=1).mean())


def expected_calibration_error(
    y_true: npt.NDArray[np.int64],
    proba: npt.NDArray[np.floating],
    *,
    n_bins: int = 15,
) -> float:
    """Return the gap between confidence and accuracy, over bins of equal mass.

    Args:
        y_true: class numbers, one per row.
        proba: probabilities, rows by classes; the highest of a row is its confidence.
        n_bins: bins, each holding (nearly) the same number of rows.

    Returns:
        The mean absolute gap weighted by rows, 0 to 1.

    References:
        Nixon et al. (2019), "Measuring calibration in deep learning",
        arXiv 1904.01685 (the equal-mass variant).

    >>> expected_calibration_error(np.array([0, 1]), np.array([[1., 0.], [0., 1.]]))
    0.0
    """
    confidence = np.asarray(proba, dtype=np.float64).max(axis=1)
    correct = proba.argmax(axis=1) == y_true
    order = np.argsort(confidence, kind="stable")
    gaps = [
        abs(confidence[rows].mean() - correct[rows].mean()) * len(rows)
        for rows in np.array_split(order, n_bins)
        if len(rows)
    ]
    return float(np.sum(gaps) / len(y_true))
