"""What crosses the border of this room: the schema, the checked table, the labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from qclmixnet.core.errors import ModelFormatError

__all__ = ["ColumnSchema", "Kind", "Labels", "Schema", "Table"]

Kind = Literal["number", "boolean", "category", "date", "constant", "id"]
"""How a column is understood; columns of kind constant and id are left out."""


@dataclass(frozen=True)
class ColumnSchema:
    """One column of the training table.

    Attributes:
        name: its name as text; columns of arrays are called ``x0``, ``x1``, ...
        kind: how it is understood.
        dtype: the caller's dtype, for messages only: it takes no part in ``==``.
    """

    name: str
    kind: Kind
    dtype: str = field(compare=False)


@dataclass(frozen=True)
class Schema:
    """The columns of the training table, in training order.

    Attributes:
        columns: all of them, ignored ones included.

    >>> Schema((ColumnSchema("age", "number", "int64"),)).names
    ('age',)
    """

    columns: tuple[ColumnSchema, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, ignored ones included."""
        return tuple(column.name for column in self.columns)

    @property
    def used(self) -> tuple[ColumnSchema, ...]:
        """Columns that are learned from: all but constants and ids."""
        return tuple(c for c in self.columns if c.kind not in ("constant", "id"))

    def of_kind(self, *kinds: Kind) -> tuple[str, ...]:
        """Names of the columns of these kinds, in training order."""
        return tuple(column.name for column in self.columns if column.kind in kinds)

    def to_dict(self) -> dict[str, object]:
        """Return the schema as plain lists and texts, fit for JSON."""
        return {
            "columns": [
                {"name": c.name, "kind": c.kind, "dtype": c.dtype} for c in self.columns
            ]
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, object]) -> "Schema":
        """Rebuild a schema from what ``to_dict`` returned.

        Args:
            state: the dict, also after a way through JSON.

        Returns:
            An equal schema.

        Raises:
            ModelFormatError: `state` is not what ``to_dict`` returns.

        >>> schema = Schema((ColumnSchema("age", "number", "int64"),))
        >>> Schema.from_dict(schema.to_dict()) == schema
        True
        """
        rows = state.get("columns")
        if not isinstance(rows, list):
            raise ModelFormatError("The stored schema has no list of columns.")
        return cls(tuple(_column_from(row) for row in rows))


def _column_from(row: object) -> ColumnSchema:
    if isinstance(row, dict) and {"name", "kind", "dtype"} <= row.keys():
        name, kind, dtype = row["name"], row["kind"], row["dtype"]
        if isinstance(name, str) and isinstance(dtype, str) and kind in get_args(Kind):
            return ColumnSchema(name, kind, dtype)
    raise ModelFormatError(f"The stored schema has a damaged column: {row!r}.")


@dataclass(frozen=True)
class Table:
    """A checked table: one plain NumPy array for each column that is learned from.

    Attributes:
        columns: numbers and booleans as float64 with NaN, dates as datetime64[us] with
            NaT, categories as object arrays of str with None.
        n_rows: number of rows of every column.
    """

    columns: Mapping[str, np.ndarray]
    n_rows: int


@dataclass(frozen=True)
class Labels:
    """Checked labels: ``classes[codes]`` gives back what the caller passed.

    Attributes:
        classes: the distinct labels, sorted, in the caller's dtype.
        codes: int64, the position in `classes` for each row.
    """

    classes: np.ndarray
    codes: np.ndarray
