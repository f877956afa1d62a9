"""The decision with the lowest expected cost."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import InputError, ModelFormatError
from qclmixnet.decision.checks import checked_proba, numbers

__all__ = ["CostRule", "checked_costs"]


@dataclass(frozen=True, eq=False)
class CostRule:
    """Predict the class whose expected cost is the lowest.

    The probabilities must be calibrated: the rule takes them at their word. Adding a
    number to all costs of one true class, or multiplying all costs by a number above 0,
    changes no decision.

    Attributes:
        costs: float64, true class by predicted class; negative ones are gains.

    References:
        Elkan (2001), "The Foundations of Cost-Sensitive Learning", equation 1.

    >>> rule = CostRule(np.array([[0, 1], [9, 0]]))  # a missed row of class 1 costs 9
    >>> rule.decide(np.array([[0.95, 0.05], [0.85, 0.15]]))
    array([0, 1])
    """

    costs: np.ndarray

    def __post_init__(self) -> None:
        """Keep a copy of the costs that nobody else can change."""
        costs = checked_costs(self.costs).copy()
        costs.setflags(write=False)
        object.__setattr__(self, "costs", costs)

    def __eq__(self, other: object) -> bool:
        """Compare the costs one by one."""
        return isinstance(other, CostRule) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """Return the class number of each row; the first class wins ties.

        Args:
            proba: rows by classes, not negative; rows need not sum to 1.

        Returns:
            int64, one per row.

        Raises:
            InputError: `proba` has another number of classes, or is no probability.
        """
        checked = checked_proba(proba, len(self.costs))
        return np.asarray((checked @ self.costs).argmin(axis=1), dtype=np.int64)

    def to_dict(self) -> dict[str, object]:
        """Return the rule as plain lists and numbers, fit for JSON."""
        return {"kind": "costs", "costs": self.costs.tolist()}

    @classmethod
    def from_dict(cls, state: Mapping[str, object]) -> "CostRule":
        """Rebuild a rule from what ``to_dict`` returned.

        Args:
            state: the dict, also after a way through JSON.

        Returns:
            An equal rule.

        Raises:
            ModelFormatError: `state` is not what ``to_dict`` returns.
        """
        stored = state.get("costs")
        rows = [numbers(row) for row in stored] if isinstance(stored, list) else []
        try:
            return cls(np.array(rows, dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise ModelFormatError(
                f"The stored decision rule is damaged: {dict(state)!r}."
            ) from error


def checked_costs(
    costs: npt.ArrayLike, n_classes: int | None = None
) -> npt.NDArray[np.float64]:
    """Return costs as float64 when they are a square of finite numbers.

    Args:
        costs: true class by predicted class.
        n_classes: how many classes there must be; None allows any number from two on.

    Returns:
        The same values.

    Raises:
        InputError: they are not square, of another size, or not finite.
    """
    try:
        values = np.asarray(costs, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("`costs` must be a square of numbers.") from error
    size = "at least 2" if n_classes is None else str(n_classes)
    square = values.ndim == 2 and values.shape[0] == values.shape[1] >= 2
    if not square or (n_classes is not None and len(values) != n_classes):
        raise InputError(
            "`costs` must have one row for each true class and one column for each "
            f"predicted class, {size} of both, got shape {values.shape}."
        )
    if not np.isfinite(values).all():
        raise InputError(f"`costs` must be finite, got {values.tolist()}.")
    return values
