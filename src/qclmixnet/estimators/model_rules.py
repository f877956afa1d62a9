"""What `QCLMixNetClassifier.rules` returns."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import pandas as pd

from qclmixnet.reasons import RuleList

__all__ = ["ModelRules"]


@dataclass(frozen=True, eq=False)
class ModelRules:
    """A few if-then rules that say what a model decides, and how far to trust them.

    ``print(rules)`` writes one line for each.

    Attributes:
        rule_list: the rules with their conditions, by number of the class.
        classes: the labels.
    """

    rule_list: RuleList
    classes: npt.NDArray[Any]

    @property
    def fidelity(self) -> float:
        """Share of held-out rows on which the rules say what the model says."""
        return self.rule_list.fidelity

    @property
    def recall(self) -> float:
        """The same within each decided class, averaged over classes."""
        return self.rule_list.recall

    def to_frame(self) -> pd.DataFrame:
        """Return one line per rule.

        Returns:
            ``if``, ``then``, ``coverage``, ``precision``, ``rows``.
        """
        rules = self.rule_list.rules
        return pd.DataFrame(
            {
                "if": [rule.if_text for rule in rules],
                "then": [self.classes[rule.decision] for rule in rules],
                "coverage": [rule.coverage for rule in rules],
                "precision": [rule.precision for rule in rules],
                "rows": [rule.n_rows for rule in rules],
            }
        )

    def __str__(self) -> str:
        lines = []
        for rule in self.rule_list.rules:
            label = self.classes[rule.decision]
            worth = "no held-out row"
            if rule.n_rows:
                worth = f"right {rule.precision:.0%}".replace("%", " %")
                if rule.coverage == rule.coverage:  # not NaN
                    covers = f"covers {rule.coverage:.0%}".replace("%", " %")
                    worth = f"{covers}, {worth}"
            lines.append(f"if {rule.if_text} then {label} ({worth})")
        known = self.rule_list
        lines.append(
            f"The rules say what the model says on {known.fidelity:.0%} of "
            f"{known.n_held_out} held-out rows ({known.recall:.0%} on average over the "
            f"classes); always the most frequent decision would on "
            f"{known.majority:.0%}.".replace("%", " %")
        )
        return "\n".join(lines)
