"""Which class to predict, and how sure to be; NumPy in, fitted rules out."""

from qclmixnet.decision.alerts import BudgetRule, ThresholdRule
from qclmixnet.decision.blend import choose_share, defer
from qclmixnet.decision.calibration import ProbabilityScaling, fit_scaling
from qclmixnet.decision.costs import CostRule
from qclmixnet.decision.held_out import HeldOut, keep_held_out
from qclmixnet.decision.offsets import OffsetRule, tune_offsets
from qclmixnet.decision.rules import ArgmaxRule, DecisionRule, rule_from_dict
from qclmixnet.decision.tilt import tune_tilt

__all__ = [
    "ArgmaxRule",
    "BudgetRule",
    "CostRule",
    "DecisionRule",
    "HeldOut",
    "OffsetRule",
    "ProbabilityScaling",
    "ThresholdRule",
    "choose_share",
    "defer",
    "fit_scaling",
    "keep_held_out",
    "rule_from_dict",
    "tune_offsets",
    "tune_tilt",
]
