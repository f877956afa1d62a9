"""A CSV file that grows by a row at a time and survives a kill in between."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from qclmixnet.core.errors import InputError

__all__ = ["RowFile"]


class RowFile:
    """Rows of fixed columns in a CSV file.

    Args:
        path: the file; made with its first row.
        dtypes: columns in order, and what each holds.

    Raises:
        InputError: the file has other columns.
    """

    def __init__(self, path: Path, dtypes: Mapping[str, str]) -> None:
        self.path = path
        self._dtypes = dict(dtypes)
        if path.exists():
            self._cut_torn_line()
            self.read()

    def read(self) -> pd.DataFrame:
        """Return all rows, none when there is no file yet.

        Returns:
            A frame with the columns of the file.

        Raises:
            InputError: the file has other columns.
        """
        names = list(self._dtypes)
        if not self.path.exists() or self.path.stat().st_size == 0:
            return pd.DataFrame(columns=names).astype(self._dtypes)
        try:
            found = pd.read_csv(
                self.path,
                dtype=self._dtypes,
                keep_default_na=False,
                na_values={n: [""] for n, d in self._dtypes.items() if d == "float64"},
            )
        except (ValueError, KeyError) as error:
            raise self._foreign() from error
        if list(found.columns) != names:
            raise self._foreign()
        return found

    def find(self, **key: object) -> dict[str, dict[str, Any]]:
        """Return the rows with these values, by variant."""
        rows = self.read()
        for name, value in key.items():
            rows = rows[rows[name] == value]
        return {str(row["variant"]): dict(row) for row in rows.to_dict("records")}  # type: ignore[arg-type]

    def append(self, row: Mapping[str, object]) -> None:
        """Write a row to the disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists() or self.path.stat().st_size == 0
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(self._dtypes)
            writer.writerow([_cell(row[name]) for name in self._dtypes])
            file.flush()
            os.fsync(file.fileno())

    def _cut_torn_line(self) -> None:
        """Drop what a kill left of a row that was being written."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            with self.path.open("r+b") as file:
                file.truncate(len(whole))

    def _foreign(self) -> InputError:
        return InputError(
            f"{self.path} does not hold rows of this kind; name another place."
        )


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if value != value else f"{value:.6g}"
    if isinstance(value, str):
        return " ".join(value.split())  # one row, one line
    return value
