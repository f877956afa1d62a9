"""Rows of measurements in CSV files: written as they come, read as text.

The standard library alone, for scripts that run where nothing else is installed.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["append_row", "stored_rows", "write_rows"]


def stored_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file; none if it does not exist."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def append_row(
    path: Path, row: Mapping[str, object], columns: Sequence[str] = ()
) -> None:
    """Write a row at the end of a file, below a header if it is the first; print it.

    Without `columns` they are those of the row.
    """
    is_new = not path.exists()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns or list(row))
        if is_new:
            writer.writeheader()
        writer.writerow(row)
    print(dict(row), flush=True)


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write all rows anew, below a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
