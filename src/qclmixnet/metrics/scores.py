"""All scores of one set of predictions in one object."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import InputError
from qclmixnet.metrics import by_class, calibration, ranking
from qclmixnet.metrics.by_class import ClassScore

__all__ = ["Scores", "score_predictions"]


@dataclass(frozen=True)
class Scores:
    """What one set of predictions is worth.

    Attributes:
        macro_f1: mean F1 over classes.
        macro_recall: mean recall over classes (balanced accuracy).
        g_mean: geometric mean of the recalls.
        mcc: Matthews' correlation.
        accuracy: share of rows predicted right; flattering when classes are imbalanced.
        macro_auprc: mean area under the precision-recall curves.
        macro_auroc: mean area under the ROC curves.
        log_loss: mean negative log-likelihood, in nats.
        brier: multi-class Brier score, 0 to 2.
        ece: expected calibration error, equal-mass bins.
        rare_recall: recall of the class with the fewest rows in the truth.
        by_class: one entry per class, in the order of the classes.
        confusion: counts, true class by predicted class.
    """

    macro_f1: float
    macro_recall: float
    g_mean: float
    mcc: float
    accuracy: float
    macro_auprc: float
    macro_auroc: float
    log_loss: float
    brier: float
    ece: float
    rare_recall: float
    by_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_dict(self) -> dict[str, object]:
        """Return the scores as plain values fit for JSON (NaN becomes None)."""
        return _jsonable(asdict(self))


def _jsonable(values: dict[str, object]) -> dict[str, object]:
    def clean(value: object) -> object:
        if isinstance(value, float) and np.isnan(value):
            return None
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [clean(item) for item in value]
        return value

    return {key: clean(value) for key, value in values.items()}


def score_predictions(
    y_true: npt.NDArray[np.int64],
    y_pred: npt.NDArray[np.int64],
    proba: npt.NDArray[np.floating],
    *,
    labels: Sequence[object],
) -> Scores:
    """Score predictions against the truth.

    Args:
        y_true: class numbers, one per row; at least one row.
        y_pred: predicted class numbers; need not be the most probable class.
        proba: probabilities, rows by classes.
        labels: the classes, in the order of the columns of ``proba``.

    Returns:
        Every score at once.

    Raises:
        InputError: there are no rows, or lengths or widths do not agree.

    >>> proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> truth = np.array([0, 0, 1])
    >>> score_predictions(truth, proba.argmax(1), proba, labels=["a", "b"]).macro_f1
    1.0
    """
    if len(y_true) == 0:
        raise InputError("There is no row to score.")
    if proba.shape != (len(y_true), len(labels)):
        raise InputError(
            f"`proba` must have {len(y_true)} rows and {len(labels)} columns, "
            f"got shape {proba.shape}."
        )
    confusion = by_class.confusion_matrix(y_true, y_pred, len(labels))
    precision, recall, f1 = by_class.precision_recall_f1(confusion)
    auprc = ranking.average_precision_by_class(y_true, proba)
    support = confusion.sum(axis=1)
    present = np.flatnonzero(support)
    rarest = present[np.argmin(support[present])]
    return Scores(
        macro_f1=by_class.macro_f1(confusion),
        macro_recall=by_class.macro_recall(confusion),
        g_mean=by_class.g_mean(confusion),
        mcc=by_class.matthews_correlation(confusion),
        accuracy=float(np.trace(confusion) / confusion.sum()),
        macro_auprc=float("nan") if np.isnan(auprc).all() else float(np.nanmean(auprc)),
        macro_auroc=ranking.macro_auroc(y_true, proba),
        log_loss=calibration.log_loss(y_true, proba),
        brier=calibration.brier_score(y_true, proba),
        ece=calibration.expected_calibration_error(y_true, proba),
        rare_recall=float(recall[rarest]),
        by_class=tuple(
            ClassScore(
                label=str(label),
                precision=float(precision[k]),
                recall=float(recall[k]),
                f1=float(f1[k]),
                support=int(support[k]),
                auprc=float(auprc[k]),
            )
            for k, label in enumerate(labels)
        ),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
    )
