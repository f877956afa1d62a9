"""Which class to predict, and how sure to be; NumPy in, fitted rules out."""

from qclmixnet.decision.alerts import BudgetRule, ThresholdRule
from qclmixnet.decision.blend import choose_share, defer
from qclmixnet.decision.calibration import ProbabilityScaling, fit_scaling
from qclmixnet.decision.choosing import (
    RuleObjective,
    choose_rule,
    rule_for_alerts,
    rule_for_recall,
)
from qclmixnet.decision.costs import CostRule
from qclmixnet.decision.held_out import HeldOut, keep_held_out
from qclmixnet.decision.judging import expect
from qclmixnet.decision.offsets import OffsetRule, tune_offsets
from qclmixnet.decision.outlook import ClassOutlook, Estimate, Outlook
from qclmixnet.decision.rules import ArgmaxRule, DecisionRule, rule_from_dict
from qclmixnet.decision.tilt import tune_tilt

__all__ = [
    "ArgmaxRule",
    "BudgetRule",
    "ClassOutlook",
    "CostRule",
    "DecisionRule",
    "Estimate",
    "HeldOut",
    "OffsetRule",
    "Outlook",
    "ProbabilityScaling",
    "RuleObjective",
    "ThresholdRule",
    "choose_rule",
    "choose_share",
    "defer",
    "expect",
    "fit_scaling",
    "keep_held_out",
    "rule_for_alerts",
    "rule_for_recall",
    "rule_from_dict",
    "tune_offsets",
    "tune_tilt",
]
