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
from qclmixnet.metrics.calibration_interval import calibration_error_estimate
from qclmixnet.metrics.intervals import (
    ClassIntervals,
    bootstrap_estimate,
    class_intervals,
)
from qclmixnet.metrics.ranking import average_precision_by_class, macro_auroc
from qclmixnet.metrics.reliability import (
    BrierParts,
    ReliabilityBin,
    brier_parts,
    calibration_error,
    clopper_pearson_interval,
    equal_mass_bins,
    reliability_bins,
    wilson_interval,
)
from qclmixnet.metrics.scores import Scores, score_predictions
from qclmixnet.metrics.thresholds import ThresholdCurve, threshold_curve

__all__ = [
    "BrierParts",
    "ClassIntervals",
    "ClassScore",
    "ReliabilityBin",
    "Scores",
    "ThresholdCurve",
    "average_precision_by_class",
    "bootstrap_estimate",
    "brier_parts",
    "brier_score",
    "calibration_error",
    "calibration_error_estimate",
    "class_intervals",
    "clopper_pearson_interval",
    "confusion_matrix",
    "equal_mass_bins",
    "expected_calibration_error",
    "g_mean",
    "log_loss",
    "macro_auroc",
    "macro_f1",
    "macro_recall",
    "matthews_correlation",
    "precision_recall_f1",
    "reliability_bins",
    "score_predictions",
    "threshold_curve",
    "wilson_interval",
]
