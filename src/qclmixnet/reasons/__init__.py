"""Why a model says what it says, for any function of encoded rows.

The parts work on encoded rows and on functions; `QCLMixNetClassifier` brings them to a
caller's table.
"""

from qclmixnet.reasons.contributions import (
    Contributions,
    contributions,
    permutations_within,
)
from qclmixnet.reasons.interactions import Interactions, interactions
from qclmixnet.reasons.replaced_rows import LogOdds, ReplacedRows, log_odds_of

__all__ = [
    "Contributions",
    "Interactions",
    "LogOdds",
    "ReplacedRows",
    "contributions",
    "interactions",
    "log_odds_of",
    "permutations_within",
]
