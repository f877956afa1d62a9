"""The kind of a column that is read in parts, by the rules of a table read at once."""

import numpy as np
import pandas as pd

from qclmixnet.preprocessing.facts import DateScan, Facts, LevelScan, start_facts
from qclmixnet.table import ColumnSchema, Kind
from qclmixnet.table.columns import Content, PlainColumn
from qclmixnet.table.infer import MIN_ROWS_FOR_ID
from qclmixnet.table.problems import Problem
from qclmixnet.table.text import text_to_dates

__all__ = ["ColumnScan"]


class ColumnScan:
    """Looks at the parts of a column one after the other.

    Args:
        name: the column.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.dtype = ""
        self._content: Content = "missing"
        self._n_rows = self._n_missing = 0
        self._n_infinite, self._first_infinite = 0, 0
        self._low: float | None = None
        self._high: float | None = None
        self._differs = False
        self._scan = start_facts("number")
        self._levels: LevelScan | None = None
        self._dates: DateScan | None = None
        self._different: _Different | None = None
        self._sample: list[np.ndarray] = []

    def add(self, column: PlainColumn, sampled: np.ndarray) -> None:
        """Look at the next rows.

        Args:
            column: the cells.
            sampled: which of these rows belong to the sample.
        """
        if column.content != "missing":
            self._begin(column)
        cells = column.cells
        if column.content in ("text", "category"):
            self._add_texts(cells)
        elif column.content != "missing":
            self._add_values(cells)
        else:
            self._add_holes(cells)
        self._n_rows += len(cells)
        self._sample.append(_shared(cells[sampled]))

    def _begin(self, column: PlainColumn) -> None:
        """Learn what the cells are from the first part that has any."""
        if self._content != "missing":
            return
        self._content, self.dtype = column.content, column.dtype
        if column.content in ("text", "category"):
            self._levels = LevelScan()
        if column.content in ("text", "integer"):
            self._different = _Different(is_free=self._n_rows == 0)
        if column.content in ("text", "date"):
            self._dates = DateScan()
        if self._n_rows:  # the parts before were holes
            self._add_holes(np.full(self._n_rows, np.nan))

    def _add_holes(self, cells: np.ndarray) -> None:
        if self._content == "missing":
            self.dtype = self.dtype or "null"
        elif self._content in ("text", "category"):
            self._add_texts(np.full(len(cells), None, dtype=object))
        elif self._content == "date":
            self._add_values(np.full(len(cells), "NaT", dtype="datetime64[us]"))
        else:
            self._add_values(np.full(len(cells), np.nan))

    def _add_texts(self, cells: np.ndarray) -> None:
        assert self._levels is not None
        self._levels.add(cells)
        self._n_missing += int(pd.isna(cells).sum())
        if self._dates is not None:
            dates, not_a_date = text_to_dates(cells)
            if not_a_date is None:
                self._dates.add(dates)
            else:
                self._dates = None
        if self._different is not None:
            self._different.add(cells)

    def _add_values(self, cells: np.ndarray) -> None:
        missing = np.isnan(cells) if cells.dtype.kind == "f" else np.isnat(cells)
        self._n_missing += int(missing.sum())
        present = cells[~missing]
        if cells.dtype.kind == "f":
            infinite = np.flatnonzero(np.isinf(cells))
            if len(infinite) and not self._n_infinite:
                self._first_infinite = self._n_rows + int(infinite[0])
            self._n_infinite += len(infinite)
            self._scan.add(cells)
        elif self._dates is not None:
            self._dates.add(cells)
        if len(present):
            numbers = present.view(np.int64) if present.dtype.kind == "M" else present
            low, high = numbers.min().item(), numbers.max().item()
            self._low = low if self._low is None else min(low, self._low)
            self._high = high if self._high is None else max(high, self._high)
        if self._different is not None:
            self._different.add(cells)

    @property
    def problem(self) -> Problem | None:
        """Why the column cannot be used; None if it can."""
        if not self._n_infinite:
            return None
        return Problem(
            self.name,
            self.dtype,
            f"contains infinity in {self._n_infinite} row(s), first in row "
            f"{self._first_infinite}; replace it by a missing value (NaN) or a finite "
            "limit",
        )

    @property
    def schema(self) -> ColumnSchema:
        """What the column is taken to be."""
        return ColumnSchema(self.name, self._kind, self.dtype)

    @property
    def _kind(self) -> Kind:
        if self._content == "missing":
            return "constant"
        if self._levels is not None:
            return self._kind_of_texts(self._levels)
        alike = self._low == self._high and not self._n_missing
        if alike or self._n_missing == self._n_rows:
            return "constant"
        if self._content == "integer":
            return "id" if self._numbers_rows() else "number"
        known: dict[str, Kind] = {"boolean": "boolean", "date": "date"}
        return known.get(self._content, "number")

    def _kind_of_texts(self, levels: LevelScan) -> Kind:
        few = levels.facts().is_complete and levels.n_levels < 2
        if few and not (levels.n_levels and self._n_missing):
            return "constant"
        if self._dates is not None:
            return "date"
        return "id" if self._all_differ() else "category"

    def _all_differ(self) -> bool:
        if self._n_rows < MIN_ROWS_FOR_ID or self._n_missing:
            return False
        return self._different is not None and self._different.all_differ()

    def _numbers_rows(self) -> bool:
        assert self._low is not None
        assert self._high is not None
        narrow = self._high - self._low + 1 <= 3 * self._n_rows
        return narrow and self._all_differ()

    @property
    def facts(self) -> Facts:
        """What an encoder has to know of all rows."""
        kind = self._kind
        if kind == "date":
            assert self._dates is not None
            return self._dates.facts()
        return self._scan.facts() if self._levels is None else self._levels.facts()

    def sample(self) -> np.ndarray:
        """Return the cells of the sample, as the column's kind has them."""
        parts = self._sample
        if self._content == "missing":
            return np.concatenate(parts)
        hole = np.array([np.nan])
        if self._levels is not None:
            hole = np.array([None], dtype=object)
        elif self._content == "date":
            hole = np.array(["NaT"], dtype="datetime64[us]")
        # Parts of holes alone were read as numbers.
        filled = [
            part if part.dtype == hole.dtype else hole.repeat(len(part))
            for part in parts
        ]
        cells = np.concatenate(filled)
        if self._kind == "date" and self._levels is not None:
            return text_to_dates(cells)[0]
        return cells


def _shared(cells: np.ndarray) -> np.ndarray:
    """Let equal texts be one object: each cell of a part has come with its own."""
    if cells.dtype != object:
        return cells
    codes, levels = pd.factorize(cells)
    return np.append(levels, np.array([None], dtype=object))[codes]


class _Different:
    """Tells whether all cells differ; gives up at the first two that do not.

    Eight bytes per row are kept while all differ: hashes of texts, or the numbers.
    """

    def __init__(self, *, is_free: bool) -> None:
        self._parts: list[np.ndarray] | None = [] if is_free else None

    def add(self, cells: np.ndarray) -> None:
        if self._parts is None:
            return
        numbers = cells
        if cells.dtype == object:
            if pd.isna(cells).any() or len(pd.unique(cells)) < len(cells):
                self._parts = None
                return
            numbers = pd.util.hash_array(cells, categorize=False)
        if len(np.unique(numbers)) < len(numbers):
            self._parts = None
        else:
            self._parts.append(numbers)

    def all_differ(self) -> bool:
        if self._parts is None:
            return False
        together = np.concatenate(self._parts)
        return len(np.unique(together)) == len(together)
