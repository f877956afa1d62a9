"""Rules that single out one class: by a threshold, or by how many rows can be alerted.

The other rows get the most probable of the other classes, even where the singled-out
class is more probable still: its threshold alone says when it is predicted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.errors import InputError, ModelFormatError
from qclmixnet.decision.checks import checked_class, checked_proba, is_number

__all__ = ["BudgetRule", "ThresholdRule"]

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ThresholdRule:
    """Predict one class wherever its probability reaches a threshold.

    Attributes:
        alert: number of that class.
        threshold: from this probability on it is predicted, at least 0; above 1 it
            never is.

    >>> rule = ThresholdRule(alert=1, threshold=0.3)
    >>> rule.decide(np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]]))
    array([1, 2])
    """

    alert: int
    threshold: float

    def __post_init__(self) -> None:
        """Keep plain numbers, checked."""
        alert = check_integer(self.alert, "alert", low=0)
        object.__setattr__(self, "alert", alert)
        threshold = check_real(self.threshold, "threshold", low=0)
        object.__setattr__(self, "threshold", threshold)

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """Return the class number of each row; of the others the first wins ties.

        Args:
            proba: rows by classes, not negative.

        Returns:
            int64, one per row.

        Raises:
            InputError: `proba` lacks the class, or is no probability.
        """
        checked = checked_proba(proba)
        others = _best_other(checked, self.alert)
        return np.where(checked[:, self.alert] >= self.threshold, self.alert, others)

    def to_dict(self) -> dict[str, object]:
        """Return the rule as plain numbers, fit for JSON."""
        return {"kind": "threshold", "alert": self.alert, "threshold": self.threshold}

    @classmethod
    def from_dict(cls, state: Mapping[str, object]) -> "ThresholdRule":
        """Rebuild a rule from what ``to_dict`` returned.

        Args:
            state: the dict, also after a way through JSON.

        Returns:
            An equal rule.

        Raises:
            ModelFormatError: `state` is not what ``to_dict`` returns.
        """
        alert, threshold = state.get("alert"), state.get("threshold")
        if not (isinstance(alert, int) and is_number(threshold)):
            raise _damaged(state)
        try:
            return cls(alert, float(threshold))  # type: ignore[arg-type]
        except InputError as error:
            raise _damaged(state) from error


@dataclass(frozen=True)
class BudgetRule:
    """Predict one class for the so many rows where it is the most probable.

    What a row gets depends on the rows that it comes with: the same row may be alerted
    among some and not among others, and of rows given one by one each is alerted. Give
    all rows that share the budget together. `ThresholdRule` decides row by row.

    Attributes:
        alert: number of that class.
        n_rows: how many of the rows given together get it; all if there are fewer. Of
            rows as probable those that come first get it.

    >>> rule = BudgetRule(alert=1, n_rows=1)
    >>> rule.decide(np.array([[0.9, 0.1], [0.7, 0.3], [0.8, 0.2]]))
    array([0, 1, 0])
    """

    alert: int
    n_rows: int

    def __post_init__(self) -> None:
        """Keep plain numbers, checked."""
        for name in ("alert", "n_rows"):
            value = check_integer(getattr(self, name), name, low=0)
            object.__setattr__(self, name, value)

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """Return the class number of each row; of the others the first wins ties.

        Args:
            proba: rows by classes, not negative: all rows that share the budget.

        Returns:
            int64, one per row.

        Raises:
            InputError: `proba` lacks the class, or is no probability.
        """
        checked = checked_proba(proba)
        out = _best_other(checked, self.alert)
        order = np.argsort(-checked[:, self.alert], kind="stable")
        out[order[: self.n_rows]] = self.alert
        return out

    def to_dict(self) -> dict[str, object]:
        """Return the rule as plain numbers, fit for JSON."""
        return {"kind": "budget", "alert": self.alert, "n_rows": self.n_rows}

    @classmethod
    def from_dict(cls, state: Mapping[str, object]) -> "BudgetRule":
        """Rebuild a rule from what ``to_dict`` returned.

        Args:
            state: the dict, also after a way through JSON.

        Returns:
            An equal rule.

        Raises:
            ModelFormatError: `state` is not what ``to_dict`` returns.
        """
        alert, n_rows = state.get("alert"), state.get("n_rows")
        if not (isinstance(alert, int) and isinstance(n_rows, int)):
            raise _damaged(state)
        try:
            return cls(alert, n_rows)
        except InputError as error:
            raise _damaged(state) from error


def _best_other(proba: npt.NDArray[np.float64], alert: int) -> IntArray:
    checked_class(alert, proba.shape[1])
    others = np.delete(np.arange(proba.shape[1]), alert)
    best: IntArray = others[proba[:, others].argmax(axis=1)]
    return best


def _damaged(state: Mapping[str, object]) -> ModelFormatError:
    return ModelFormatError(f"The stored decision rule is damaged: {dict(state)!r}.")
