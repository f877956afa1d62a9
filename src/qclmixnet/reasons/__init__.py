"""Why a model says what it says, for any function of encoded rows.

The parts work on encoded rows and on functions; `QCLMixNetClassifier` brings them to a
caller's table.
"""

from qclmixnet.reasons.cases import NearestCases, nearest_cases
from qclmixnet.reasons.conditions import Condition
from qclmixnet.reasons.contributions import (
    Contributions,
    contributions,
    permutations_within,
)
from qclmixnet.reasons.counterfactual import (
    Change,
    Counterfactual,
    Judge,
    Movable,
    counterfactuals,
)
from qclmixnet.reasons.distil import Rule, RuleList, distil
from qclmixnet.reasons.entanglement_map import entanglement_map
from qclmixnet.reasons.interactions import Interactions, interactions
from qclmixnet.reasons.replaced_rows import LogOdds, ReplacedRows, log_odds_of

__all__ = [
    "Change",
    "Condition",
    "Contributions",
    "Counterfactual",
    "Interactions",
    "Judge",
    "LogOdds",
    "Movable",
    "NearestCases",
    "ReplacedRows",
    "Rule",
    "RuleList",
    "contributions",
    "counterfactuals",
    "distil",
    "entanglement_map",
    "interactions",
    "log_odds_of",
    "nearest_cases",
    "permutations_within",
]
