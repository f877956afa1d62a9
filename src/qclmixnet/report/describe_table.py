"""What the page on one model says about the table: columns, holes, what is odd."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.report.chart_axes import shortened
from qclmixnet.report.model_data import ClassFacts, ColumnFacts
from qclmixnet.report.words import listed
from qclmixnet.table import Schema, Table

__all__ = ["cell_text", "describe_columns", "rows_of_training", "table_notes"]

_FEW_ROWS = 10
_MANY_HOLES = 0.5
_MOST_NAMED, _MOST_LEVELS = 5, 3
_MOST_LETTERS = 40
_LARGE_RATIO = 20


def describe_columns(schema: Schema, table: Table) -> tuple[ColumnFacts, ...]:
    """Say what is in each column of the training table.

    Args:
        schema: of the training table.
        table: the rows at hand, checked.

    Returns:
        All columns in training order; those that are left out are not looked at.
    """
    out = []
    for column in schema.columns:
        cells = table.columns.get(column.name)
        if cells is None:
            facts = ColumnFacts(column.name, column.kind, None, None, "left out")
        else:
            there = cells[~pd.isna(cells)]
            facts = ColumnFacts(
                column.name,
                column.kind,
                1 - len(there) / len(cells),
                len(pd.unique(there)),
                _content(column.kind, there),
            )
        out.append(facts)
    return tuple(out)


def _content(kind: str, there: npt.NDArray[np.generic]) -> str:
    """Say what the values are: the most frequent ones, or from where to where."""
    if not len(there):
        return "nothing but holes"
    if kind == "category":
        values, counts = np.unique(there.astype(str), return_counts=True)
        order = np.argsort(-counts, kind="stable")[:_MOST_LEVELS]
        parts = [
            f"{shortened(str(values[k]), _MOST_LETTERS)} ({counts[k] / len(there):.0%})"
            for k in order
        ]
        more = len(values) - len(parts)
        return ", ".join(parts) + (f" and {more} more" if more else "")
    if kind == "boolean":
        return f"true in {np.mean(there.astype(np.float64)):.0%}"
    middle = np.sort(there)[len(there) // 2]
    return (
        f"{cell_text(there.min())} to {cell_text(there.max())}, median "
        f"{cell_text(middle)}"
    )


def cell_text(cell: Any, *, most: int = _MOST_LETTERS) -> str:  # noqa: ANN401 - any cell
    """Write a cell of a checked table for people.

    Args:
        cell: a number, a date, a text or a hole.
        most: letters to write.

    Returns:
        The text; a hole is empty.

    >>> day = np.datetime64("2024-05-06T00:00")
    >>> [cell_text(cell) for cell in (3.0, 0.1234567, day)]
    ['3', '0.1235', '2024-05-06']
    >>> cell_text(None), cell_text(np.nan), cell_text("a" * 9, most=4)
    ('', '', 'aaa…')
    """
    if cell is None or pd.isna(cell):
        return ""
    if isinstance(cell, np.datetime64):
        return str(cell.astype("datetime64[s]")).replace("T00:00:00", "")
    if isinstance(cell, float | np.floating):
        # Whole numbers in full, so that a year or a code stays what it is.
        value = float(cell)
        whole = value.is_integer() and abs(value) < 1e15
        return f"{int(value)}" if whole else f"{value:.4g}"
    return shortened(str(cell), most)


def table_notes(
    columns: Sequence[ColumnFacts], classes: Sequence[ClassFacts]
) -> list[str]:
    """Say what is odd about a table.

    Args:
        columns: what is in each.
        classes: how often each comes up.

    Returns:
        A sentence each; none if nothing is odd.
    """
    notes = []
    holes = [
        c.name for c in columns if c.missing is not None and c.missing > _MANY_HOLES
    ]
    if holes:
        notes.append(
            f"More than half of the cells are missing in {_named(holes)}: check that "
            "the file has what the training table had."
        )
    left_out = [c.name for c in columns if c.n_distinct is None]
    if left_out:
        notes.append(
            "Not learned from, because each was an id or a constant in training: "
            f"{_named(left_out)}."
        )
    known = [(each.label, each.n_true) for each in classes if each.n_true is not None]
    if not known:
        return notes
    absent = [label for label, n in known if n == 0]
    if absent:
        notes.append(
            f"The file has no row of {_named(absent)}: nothing is said of how well "
            "that is found."
        )
    few = [label for label, n in known if 0 < n < _FEW_ROWS]
    if few:
        notes.append(
            f"There are fewer than {_FEW_ROWS} rows each of {_named(few)}: scores of a "
            "class of so few are mostly chance."
        )
    counts = [n for _, n in known if n > 0]
    if max(counts) >= _LARGE_RATIO * min(counts):
        notes.append(
            f"The largest class has {max(counts) / min(counts):,.0f} rows for each row "
            "of the smallest. Accuracy says little here; look at recall and precision."
        )
    return notes


def _named(names: Sequence[str]) -> str:
    """Name the first few, and count the rest."""
    shown = [f"“{shortened(name, _MOST_LETTERS)}”" for name in names[:_MOST_NAMED]]
    more = len(names) - len(shown)
    return listed([*shown, f"{more} more"] if more else shown)


def rows_of_training(
    kept: tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]],
    seen: tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]],
) -> int:
    """Count training rows that a model has kept and that are in a table as well.

    Args:
        kept: numbers and category codes of the rows kept, encoded.
        seen: the same of the table.

    Returns:
        How many of the rows kept have an equal in the table.

    >>> one, other = np.array([[1.0], [2.0]]), np.array([[2.0], [3.0]])
    >>> none = np.zeros((2, 0), dtype=np.int64)
    >>> rows_of_training((one, none), (other, none))
    1
    """

    def keys(parts: tuple[npt.NDArray[np.generic], ...]) -> list[bytes]:
        numbers, codes = map(np.ascontiguousarray, parts)
        return [n.tobytes() + c.tobytes() for n, c in zip(numbers, codes, strict=True)]

    there = set(keys(seen))
    return sum(key in there for key in keys(kept))
