"""What probabilities, class numbers and stored values must look like."""

import math
from numbers import Integral

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import InputError

__all__ = [
    "checked_class",
    "checked_codes",
    "checked_proba",
    "checked_weights",
    "is_number",
    "numbers",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def checked_proba(proba: np.ndarray, n_classes: int | None = None) -> FloatArray:
    """Return probabilities as float64 when they are some.

    Args:
        proba: rows by classes; rows need not sum to 1.
        n_classes: the columns there must be; None allows any number from two on.

    Returns:
        The same values.

    Raises:
        InputError: the shape is another, or a value is negative or not finite.
    """
    values = np.asarray(proba, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 2:
        raise InputError(
            "`proba` must have one row per sample and at least two columns, "
            f"got shape {values.shape}."
        )
    if n_classes is not None and values.shape[1] != n_classes:
        raise InputError(
            f"`proba` must have {n_classes} columns, one for each class of the rule, "
            f"got {values.shape[1]}."
        )
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise InputError(
            "`proba` must hold finite numbers of at least 0, "
            f"got {values.min()} to {values.max()}."
        )
    return values


def checked_codes(y_true: np.ndarray, proba: FloatArray) -> IntArray:
    """Return class numbers as int64 when there is one for each row of ``proba``.

    Args:
        y_true: class numbers.
        proba: rows by classes.

    Returns:
        The same numbers.

    Raises:
        InputError: there are none, or more or fewer than rows, or other numbers.
    """
    codes = np.asarray(y_true)
    n_rows, n_classes = proba.shape
    if codes.shape != (n_rows,) or not n_rows:
        raise InputError(
            "`y_true` must have one class number for each row of `proba`, at least "
            f"one, got shapes {codes.shape} and {proba.shape}."
        )
    if codes.dtype.kind not in "iu" or codes.min() < 0 or codes.max() >= n_classes:
        raise InputError(
            f"`y_true` must hold whole numbers from 0 to {n_classes - 1}, got "
            f"{codes.min()} to {codes.max()} of dtype {codes.dtype}."
        )
    return codes.astype(np.int64)


def checked_weights(weights: np.ndarray, codes: IntArray) -> FloatArray:
    """Return weights as float64 when there is one above 0 for each row.

    Args:
        weights: how much each row counts.
        codes: class number of each row.

    Returns:
        The same values.

    Raises:
        InputError: there are more or fewer than rows, or one is not above 0.
    """
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != codes.shape:
        raise InputError(
            f"`weights` must have one value for each of the {len(codes)} rows, got "
            f"shape {values.shape}."
        )
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise InputError(
            f"`weights` must be finite and above 0, got {values.min()} to "
            f"{values.max()}."
        )
    return values


def checked_class(alert: object, n_classes: int) -> int:
    """Return the number of a class when there is such a class.

    Args:
        alert: the number.
        n_classes: how many classes there are.

    Returns:
        The number.

    Raises:
        InputError: there is no class of this number.
    """
    whole = isinstance(alert, Integral) and not isinstance(alert, bool)
    number = int(alert) if whole else -1  # type: ignore[call-overload]
    if not 0 <= number < n_classes:
        raise InputError(
            f"`alert` must be a class number from 0 to {n_classes - 1}, got {alert!r}."
        )
    return number


def is_number(value: object) -> bool:
    """Return whether a stored value is a number, not a truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def numbers(value: object) -> tuple[float, ...] | None:
    """Return a stored list of finite numbers; None if it is anything else."""
    if not isinstance(value, list | tuple):
        return None
    if not all(is_number(item) and math.isfinite(item) for item in value):
        return None
    return tuple(float(item) for item in value)
