"""Which class to predict, and how sure to be; NumPy in, fitted rules out."""

from qclmixnet.decision.calibration import ProbabilityScaling, fit_scaling
from qclmixnet.decision.offsets import OffsetRule, tune_offsets

__all__ = ["OffsetRule", "ProbabilityScaling", "fit_scaling", "tune_offsets"]
