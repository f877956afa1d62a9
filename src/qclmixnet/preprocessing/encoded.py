"""What leaves this room: the encoded table, and which columns belong together."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64

__all__ = ["ColumnGroup", "EncodedTable", "RowSource"]


@runtime_checkable
class RowSource(Protocol):
    """Encoded rows by number, wherever they are: in memory or in files."""

    @property
    def n_rows(self) -> int:
        """Rows there are."""

    @property
    def n_num(self) -> int:
        """Numbers of a row."""

    @property
    def n_cat(self) -> int:
        """Category codes of a row."""

    def take(self, rows: Int64[np.ndarray, " taken"]) -> "EncodedTable":
        """Return the named rows, in that order, in memory."""


@dataclass(frozen=True)
class ColumnGroup:
    """What one column of the caller's table became.

    Attributes:
        name: the column.
        numbers: its positions in ``x_num``: several for a date or for a number whose
            holes are marked, none for a category.
        categories: its position in ``x_cat``, if it is a category.
    """

    name: str
    numbers: tuple[int, ...]
    categories: tuple[int, ...]


@dataclass(frozen=True)
class EncodedTable:
    """A table as two arrays, ready for a network.

    Attributes:
        x_num: scaled numbers, finite; ``TableEncoder.numeric_names`` names them.
        x_cat: category codes: 0 missing, 1 other, 2 and up the levels kept in training.
        unseen: for each column that has any, the number of cells whose level was not in
            the training table.
    """

    x_num: Float32[np.ndarray, "rows n_num"]
    x_cat: Int64[np.ndarray, "rows n_cat"]
    unseen: Mapping[str, int]

    @property
    def n_rows(self) -> int:
        """Rows there are."""
        return len(self.x_num)

    @property
    def n_num(self) -> int:
        """Numbers of a row."""
        return int(self.x_num.shape[1])

    @property
    def n_cat(self) -> int:
        """Category codes of a row."""
        return int(self.x_cat.shape[1])

    def take(self, rows: Int64[np.ndarray, " taken"] | slice) -> "EncodedTable":
        """Return the named rows, in that order; those of a slice are not copied."""
        return EncodedTable(self.x_num[rows], self.x_cat[rows], self.unseen)
