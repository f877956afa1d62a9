"""Every bad column in one error: collect first, then raise once."""

from collections.abc import Sequence
from dataclasses import dataclass

from qclmixnet.core.errors import InputError, InputTypeError

__all__ = ["Problem", "quoted", "raise_problems"]


@dataclass(frozen=True)
class Problem:
    """Why one column cannot be used, and what to do.

    Attributes:
        name: the column.
        dtype: the caller's dtype.
        reason: a phrase that ends with what to do.
        is_type: the cells are of a type that no table of ours can hold.
    """

    name: str
    dtype: str
    reason: str
    is_type: bool = False


def raise_problems(problems: Sequence[Problem], n_columns: int) -> None:
    """Raise one error that names every problem; return when there is none.

    Args:
        problems: in the order of the columns.
        n_columns: how many columns the table has.

    Raises:
        InputTypeError: at least one column holds cells of an unusable type.
        InputError: columns cannot be used for other reasons.
    """
    if not problems:
        return
    lines = [f"- {p.name!r} ({p.dtype}): {p.reason}." for p in problems]
    head = f"{len(problems)} of {n_columns} columns cannot be used:"
    error = InputTypeError if any(p.is_type for p in problems) else InputError
    raise error("\n".join([head, *lines]))


def quoted(names: Sequence[str]) -> str:
    """Join names for a message.

    >>> quoted(["age", "sex"])
    "'age', 'sex'"
    """
    return ", ".join(repr(name) for name in names)
