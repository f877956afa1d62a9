"""What a hyper-parameter may be, in a form that needs no optional library."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.errors import InputError

__all__ = ["Choice", "Fraction", "Range", "Space", "Whole"]

Plain = str | int | float | bool | None


@dataclass(frozen=True)
class Fraction:
    """A number between two ends, both allowed.

    Attributes:
        low: smallest value.
        high: largest value.
        log: draw evenly by order of magnitude; `low` must be above 0.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_ends(self.low, self.high, log=self.log)

    def holds(self, value: object) -> bool:
        """Say whether a value is in the range.

        >>> Fraction(0.0, 1.0).holds(2.0)
        False
        """
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        return is_number and self.low <= float(value) <= self.high  # type: ignore[arg-type]


@dataclass(frozen=True)
class Whole:
    """A whole number between two ends, both allowed.

    Attributes:
        low: smallest value.
        high: largest value.
        log: draw evenly by order of magnitude; `low` must be above 0.
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            check_integer(getattr(self, name), name, low=-(2**63))
        _check_ends(self.low, self.high, log=self.log)

    def holds(self, value: object) -> bool:
        """Say whether a value is in the range.

        >>> Whole(1, 8).holds(8)
        True
        """
        is_whole = isinstance(value, Integral) and not isinstance(value, bool)
        return is_whole and self.low <= int(value) <= self.high  # type: ignore[call-overload]


@dataclass(frozen=True)
class Choice:
    """One of some plain values without an order.

    Attributes:
        values: text, numbers, truth values or None.
    """

    values: tuple[Plain, ...]

    def __post_init__(self) -> None:
        plain = all(isinstance(v, str | int | float | None) for v in self.values)
        if not (self.values and plain and len(set(self.values)) == len(self.values)):
            raise InputError(
                "`values` of a Choice must be different texts, numbers, truth values "
                f"or None, at least one, got {self.values!r}."
            )

    def holds(self, value: object) -> bool:
        """Say whether a value is one of the choices.

        >>> Choice(("gini", "entropy")).holds("gini")
        True
        """
        return value in self.values


Range = Fraction | Whole | Choice
"""What one hyper-parameter may be."""

Space = Mapping[str, Range]
"""Hyper-parameters by name."""


def _check_ends(low: float, high: float, *, log: bool) -> None:
    check_real(low, "low", low=0 if log else -float("inf"), open_low=log)
    check_real(high, "high", low=low)
