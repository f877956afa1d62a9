"""Tuned against tuned: a search for hyper-parameters, and its honest score.

`QCLMixNetSearchCV` searches. `run_nested` repeats whole searches inside outer folds,
for ours and for peers with the same budget. Both need the extra ``tuning``.
"""

from qclmixnet.tuning.nested import VARIANTS, NestedPlan, NestedProgress, run_nested
from qclmixnet.tuning.results import importances
from qclmixnet.tuning.search import QCLMixNetSearchCV
from qclmixnet.tuning.space import Choice, Fraction, Range, Space, Whole
from qclmixnet.tuning.spaces import TUNABLE, default_space
from qclmixnet.tuning.trial_loop import TrialProgress

__all__ = [
    "TUNABLE",
    "VARIANTS",
    "Choice",
    "Fraction",
    "NestedPlan",
    "NestedProgress",
    "QCLMixNetSearchCV",
    "Range",
    "Space",
    "TrialProgress",
    "Whole",
    "default_space",
    "importances",
    "run_nested",
]
