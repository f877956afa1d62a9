"""Checks of plain arguments, each ending in one sentence that names the argument."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

from qclmixnet.core.errors import InputError

__all__ = ["check_choice", "check_integer", "check_real"]


def check_real(
    value: object,
    name: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return ``value`` as a float when it is a finite number in the stated range.

    Args:
        value: what the caller gave.
        name: the argument's name, for the message.
        low: smallest value allowed.
        high: largest value allowed.
        open_low: if True ``low`` itself is refused.
        open_high: if True ``high`` itself is refused.

    Returns:
        The number.

    Raises:
        InputError: `value` is not a number, not finite, or out of range.

    >>> check_real(2, "gamma", low=0)
    2.0
    """
    ok = isinstance(value, Real) and not isinstance(value, bool)
    number = float(value) if ok else math.nan  # type: ignore[arg-type]
    above = number > low if open_low else number >= low
    below = number < high if open_high else number <= high
    if not (ok and math.isfinite(number) and above and below):
        rule = _describe_range(low, high, open_low=open_low, open_high=open_high)
        raise InputError(f"`{name}` must be a number{rule}, got {value!r}.")
    return number


def _describe_range(low: float, high: float, *, open_low: bool, open_high: bool) -> str:
    parts = []
    if math.isfinite(low):
        parts.append(f"{'above' if open_low else 'at least'} {low:g}")
    if math.isfinite(high):
        parts.append(f"{'below' if open_high else 'at most'} {high:g}")
    return " " + " and ".join(parts) if parts else ""


def check_integer(value: object, name: str, *, low: int) -> int:
    """Return ``value`` as an int when it is a whole number of at least ``low``.

    Args:
        value: what the caller gave.
        name: the argument's name, for the message.
        low: smallest value allowed.

    Returns:
        The number.

    Raises:
        InputError: `value` is not a whole number or is too small.

    >>> check_integer(5, "n_neighbors", low=1)
    5
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low:
        raise InputError(
            f"`{name}` must be a whole number of at least {low}, got {value!r}."
        )
    return int(value)


def check_choice(value: object, name: str, choices: Sequence[str]) -> str:
    """Return ``value`` when it is one of ``choices``.

    Args:
        value: what the caller gave.
        name: the argument's name, for the message.
        choices: what is allowed.

    Returns:
        The choice.

    Raises:
        InputError: `value` is none of them.

    >>> check_choice("cpu", "device", ["auto", "cpu"])
    'cpu'
    """
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise InputError(f"`{name}` must be one of {listed}, got {value!r}.")
    return value
