"""Tuned against tuned: a search for hyper-parameters, and its honest score.

`QCLMixNetSearchCV` searches. `run_nested` repeats whole searches inside outer folds,
for ours and for peers with the same budget. Both need the extra ``tuning``.
"""

from qclmixnet.tuning.nested import VARIANTS, run_nested
from qclmixnet.tuning.plan import (
    NestedPlan,
    NestedProgress,
    make_search,
    make_untuned,
    study_name_of,
)
from qclmixnet.tuning.results import Importances, importances
from qclmixnet.tuning.search import QCLMixNetSearchCV
from qclmixnet.tuning.space import Choice, Fraction, Range, Space, Whole
from qclmixnet.tuning.spaces import TUNABLE, default_space
from qclmixnet.tuning.trial_book import load_studies
from qclmixnet.tuning.trial_loop import TrialProgress

__all__ = [
    "TUNABLE",
    "VARIANTS",
    "Choice",
    "Fraction",
    "Importances",
    "NestedPlan",
    "NestedProgress",
    "QCLMixNetSearchCV",
    "Range",
    "Space",
    "TrialProgress",
    "Whole",
    "default_space",
    "importances",
    "load_studies",
    "make_search",
    "make_untuned",
    "run_nested",
    "study_name_of",
]
