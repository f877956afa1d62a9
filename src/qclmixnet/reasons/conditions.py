"""A condition on one column of a caller's table: whether it holds, and its words."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from qclmixnet.table import Kind, Table

__all__ = ["Condition", "between", "column_values", "in_words"]

Relation = Literal["above", "at most", "is", "is not", "missing", "present"]

_WORDS = {"above": ">", "at most": "<=", "is": "is", "is not": "is not"}


@dataclass(frozen=True)
class Condition:
    """What must be true of one cell.

    Attributes:
        column: the column.
        kind: of the column.
        relation: how the cell relates to `value`.
        value: a number (a date is days since 1970) or a level; not looked at for
            "missing" and "present".
        missing_too: a missing cell satisfies it as well; only for "above", "at most".

    >>> Condition("amount", "number", "above", 120.5).text
    'amount > 120.5'
    >>> Condition("country", "category", "is", "X").text
    "country is 'X'"
    """

    column: str
    kind: Kind
    relation: Relation
    value: float | str = 0.0
    missing_too: bool = False

    @property
    def text(self) -> str:
        """The condition in words."""
        if self.relation in ("missing", "present"):
            return f"{self.column} is {self.relation.replace('present', 'not missing')}"
        if isinstance(self.value, str):
            return f"{self.column} {self.relation} {self.value!r}"
        or_missing = " (or missing)" if self.missing_too else ""
        if self.kind == "boolean":
            truth = "true" if self.relation == "above" else "false"
            return f"{self.column} is {truth}{or_missing}"
        limit = self.limit
        return f"{self.column} {_WORDS[self.relation]} {limit}{or_missing}"

    @property
    def limit(self) -> str:
        """The value in the column's own units."""
        if self.kind != "date" or isinstance(self.value, str):
            return f"{self.value:.12g}" if isinstance(self.value, float) else self.value
        moment = np.datetime64(round(self.value * 86_400), "s")
        return str(moment).replace("T00:00:00", "").replace("T", " ")

    def holds(self, table: Table) -> npt.NDArray[np.bool_]:
        """Tell for each row whether it is true."""
        cells = table.columns[self.column]
        if self.kind == "category":
            missing = np.array([cell is None for cell in cells], dtype=bool)
            equal = np.array([cell == self.value for cell in cells], dtype=bool)
            by_relation = {
                "is": equal,
                "is not": ~equal,
                "missing": missing,
                "present": ~missing,
            }
            return by_relation[self.relation]
        values = column_values(cells)
        missing = np.isnan(values)
        if self.relation in ("missing", "present"):
            return missing if self.relation == "missing" else ~missing
        value = float(self.value)
        true = values > value if self.relation == "above" else values <= value
        out: npt.NDArray[np.bool_] = np.where(missing, self.missing_too, true)
        return out


def column_values(cells: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Numbers as they are; dates as days since 1970, NaN where missing."""
    if cells.dtype.kind != "M":
        return np.asarray(cells, dtype=np.float64)
    days = cells.astype("datetime64[us]").astype(np.int64) / 86_400e6
    return np.where(np.isnat(cells), np.nan, days)


def between(low: float, high: float) -> float:
    """Return the number of fewest digits from `low` to just below `high`.

    >>> between(119.7, 123.4), between(0.1234, 0.1267), between(-2.0, 7.0)
    (120.0, 0.125, 0.0)
    """
    if low <= 0 < high:
        return 0.0
    middle = low / 2 + high / 2
    for digits in range(1, 17):
        value = float(f"{middle:.{digits - 1}e}")
        if low <= value < high:
            return value
    return low


def in_words(conditions: tuple[Condition, ...]) -> str:
    """Join conditions, two limits of one column to one.

    >>> in_words(
    ...     (
    ...         Condition("a", "number", "above", 1.0),
    ...         Condition("b", "boolean", "above", 0.5),
    ...         Condition("a", "number", "at most", 4.0),
    ...     )
    ... )
    '1 < a <= 4 and b is true'
    """
    parts: dict[str, str] = {}
    limits: dict[str, dict[str, Condition]] = {}
    for number, condition in enumerate(conditions):
        is_limit = condition.kind in ("number", "date") and condition.relation in _WORDS
        if is_limit and not condition.missing_too:
            parts.setdefault(f"limit of {condition.column}", "")
            limits.setdefault(condition.column, {})[condition.relation] = condition
        else:
            parts[str(number)] = condition.text
    for column, ends in limits.items():
        text = next(iter(ends.values())).text
        if len(ends) == 2:
            text = f"{ends['above'].limit} < {column} <= {ends['at most'].limit}"
        parts[f"limit of {column}"] = text
    return " and ".join(parts.values()) or "always"
