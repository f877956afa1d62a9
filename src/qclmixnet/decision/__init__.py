"""Which class to predict from probabilities; NumPy in, fitted rules out."""

from qclmixnet.decision.offsets import OffsetRule, tune_offsets

__all__ = ["OffsetRule", "tune_offsets"]
