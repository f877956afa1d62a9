"""A figure with its interval."""

from dataclasses import dataclass

__all__ = ["Estimate"]


@dataclass(frozen=True)
class Estimate:
    """A figure and how far it may be off.

    Attributes:
        value: what the rows at hand say.
        low: lower end of its interval.
        high: upper end.
    """

    value: float
    low: float
    high: float
