"""Which class to predict, and how sure to be; NumPy in, fitted rules out."""

from qclmixnet.decision.alerts import BudgetRule, ThresholdRule
from qclmixnet.decision.blend import choose_share, defer
from qclmixnet.decision.calibrating import (
    Calibration,
    calibration_from_dict,
    choose_calibration,
    cross_calibrate,
)
from qclmixnet.decision.calibration import ProbabilityScaling, fit_scaling
from qclmixnet.decision.choosing import (
    RuleObjective,
    choose_rule,
    rule_for_alerts,
    rule_for_recall,
)
from qclmixnet.decision.conformal import ConformalSets, abstains
from qclmixnet.decision.costs import CostRule
from qclmixnet.decision.flexible_calibration import (
    IdentityScaling,
    IsotonicScaling,
    VectorScaling,
    fit_isotonic,
    fit_vector,
)
from qclmixnet.decision.held_out import HeldOut, keep_held_out
from qclmixnet.decision.judging import expect
from qclmixnet.decision.offsets import OffsetRule, tune_offsets
from qclmixnet.decision.outlook import ClassOutlook, Outlook
from qclmixnet.decision.prior_shift import (
    PriorEstimate,
    estimate_prior,
    shift_held_out,
    shift_prior,
)
from qclmixnet.decision.rules import ArgmaxRule, DecisionRule, rule_from_dict
from qclmixnet.decision.tilt import tune_tilt

__all__ = [
    "ArgmaxRule",
    "BudgetRule",
    "Calibration",
    "ClassOutlook",
    "ConformalSets",
    "CostRule",
    "DecisionRule",
    "HeldOut",
    "IdentityScaling",
    "IsotonicScaling",
    "OffsetRule",
    "Outlook",
    "PriorEstimate",
    "ProbabilityScaling",
    "RuleObjective",
    "ThresholdRule",
    "VectorScaling",
    "abstains",
    "calibration_from_dict",
    "choose_calibration",
    "choose_rule",
    "choose_share",
    "cross_calibrate",
    "defer",
    "estimate_prior",
    "expect",
    "fit_isotonic",
    "fit_scaling",
    "fit_vector",
    "keep_held_out",
    "rule_for_alerts",
    "rule_for_recall",
    "rule_from_dict",
    "shift_held_out",
    "shift_prior",
    "tune_offsets",
    "tune_tilt",
]
