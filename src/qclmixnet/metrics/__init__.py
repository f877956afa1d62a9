"""How well a classifier does, class by class; NumPy in, plain numbers out."""

from qclmixnet.metrics.by_class import (
    ClassScore,
    confusion_matrix,
    g_mean,
    macro_f1,
    macro_recall,
    matthews_correlation,
    precision_recall_f1,
)
from qclmixnet.metrics.calibration import (
    brier_score,
    expected_calibration_error,
    log_loss,
)
from qclmixnet.metrics.ranking import average_precision_by_class, macro_auroc
from qclmixnet.metrics.scores import Scores, score_predictions

__all__ = [
    "ClassScore",
    "Scores",
    "average_precision_by_class",
    "brier_score",
    "confusion_matrix",
    "expected_calibration_error",
    "g_mean",
    "log_loss",
    "macro_auroc",
    "macro_f1",
    "macro_recall",
    "matthews_correlation",
    "precision_recall_f1",
    "score_predictions",
]
