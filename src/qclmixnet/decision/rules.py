"""What every decision rule can do, and how a stored one is read again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from qclmixnet.core.errors import ModelFormatError
from qclmixnet.decision.alerts import BudgetRule, ThresholdRule
from qclmixnet.decision.checks import checked_proba
from qclmixnet.decision.costs import CostRule
from qclmixnet.decision.offsets import OffsetRule

__all__ = ["ArgmaxRule", "DecisionRule", "rule_from_dict"]


@runtime_checkable
class DecisionRule(Protocol):
    """What turns calibrated probabilities into classes."""

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """Return the class number of each row, int64; `proba` is rows by classes."""
        ...

    def to_dict(self) -> dict[str, object]:
        """Return the rule fit for JSON; its "kind" says how to read it again."""
        ...


@dataclass(frozen=True)
class ArgmaxRule:
    """Predict the most probable class, which is best for accuracy.

    >>> ArgmaxRule().decide(np.array([[0.4, 0.6], [0.5, 0.5]]))
    array([1, 0])
    """

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """Return the class number of each row; the first class wins ties.

        Args:
            proba: rows by classes, not negative.

        Returns:
            int64, one per row.
        """
        return np.asarray(checked_proba(proba).argmax(axis=1), dtype=np.int64)

    def to_dict(self) -> dict[str, object]:
        """Return the rule fit for JSON."""
        return {"kind": "argmax"}


def _argmax_rule(state: Mapping[str, object]) -> ArgmaxRule:  # noqa: ARG001
    return ArgmaxRule()


_READERS: dict[str, Callable[[Mapping[str, object]], DecisionRule]] = {
    "argmax": _argmax_rule,
    "offsets": OffsetRule.from_dict,
    "costs": CostRule.from_dict,
    "threshold": ThresholdRule.from_dict,
    "budget": BudgetRule.from_dict,
}


def rule_from_dict(state: object) -> DecisionRule:
    """Rebuild a rule from what its ``to_dict`` returned.

    Args:
        state: the dict, also after a way through JSON; one without a "kind" is an
            `OffsetRule`, as older versions stored it.

    Returns:
        An equal rule.

    Raises:
        ModelFormatError: the kind is unknown, or the rest does not fit it.

    >>> rule_from_dict({"kind": "threshold", "alert": 1, "threshold": 0.2})
    ThresholdRule(alert=1, threshold=0.2)
    """
    if not isinstance(state, Mapping):
        raise ModelFormatError(f"The stored decision rule is no rule: {state!r}.")
    kind = state.get("kind", "offsets")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise ModelFormatError(
            f"The stored decision rule is of kind {kind!r}, which this version does "
            f"not know; it knows {', '.join(sorted(_READERS))}."
        )
    return reader(state)
