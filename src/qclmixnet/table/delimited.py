"""Reading CSV and TSV without the silent repairs that pandas makes."""

import csv
import gzip
import io
import warnings
from collections import Counter
from pathlib import Path
from typing import Literal

import pandas as pd

from qclmixnet.core.errors import InputError

__all__ = ["MISSING_MARKERS", "read_delimited"]

MISSING_MARKERS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?")
"""Cells of a CSV file that stand for a missing value."""

# Without it, pandas before 3.1 reads the last digits wrong; since 3.1 it needs no word.
_FLOAT_PRECISION: Literal["round_trip"] | None = (
    "round_trip" if tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1) else None
)


def read_delimited(path: Path) -> pd.DataFrame:
    """Read a CSV or TSV file, refusing what pandas would repair in silence.

    Args:
        path: ends in .csv or .tsv, perhaps followed by .gz.

    Returns:
        The table; integers, floats, booleans and texts as pandas tells them.

    Raises:
        InputError: a name comes twice, or a row has too few or too many cells.
    """
    header, delimiter = _read_header(path)
    twice = [name for name, n in Counter(header).items() if n > 1 and name]
    if twice:
        raise InputError(
            f"{path.name!r} has the same column name more than once: "
            f"{', '.join(map(repr, twice))}; rename or drop the extra columns."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=delimiter,
                encoding="utf-8-sig",
                index_col=False,
                keep_default_na=False,
                na_values=list(MISSING_MARKERS),
                skipinitialspace=True,
                float_precision=_FLOAT_PRECISION,
                low_memory=False,
            )
    except (pd.errors.ParserWarning, pd.errors.ParserError):
        _refuse_ragged(path, delimiter, len(header))
        raise
    # A row that is too short leaves its last cell missing: only then look closer.
    if len(frame) and frame.iloc[:, -1].isna().any():
        _refuse_ragged(path, delimiter, len(header))
    return frame


def _open_text(path: Path) -> io.TextIOWrapper:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _read_header(path: Path) -> tuple[list[str], str]:
    """Names and delimiter: the candidate that cuts the header into most cells."""
    candidates = "\t" if ".tsv" in path.suffixes else ",;\t|"
    best: tuple[list[str], str] = ([], candidates[0])
    for delimiter in candidates:
        with _open_text(path) as text:
            rows = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
            cells = [cell.strip() for cell in next(filter(None, rows), [])]
        if len(cells) > len(best[0]):
            best = (cells, delimiter)
    if not best[0]:
        raise InputError(f"{path.name!r} is empty.")
    return best


def _refuse_ragged(path: Path, delimiter: str, n_columns: int) -> None:
    with _open_text(path) as text:
        rows = csv.reader(text, delimiter=delimiter, skipinitialspace=True)
        for cells in rows:
            if cells and len(cells) != n_columns:
                raise InputError(
                    f"{path.name!r} has {len(cells)} cells in line {rows.line_num}, "
                    f"but {n_columns} columns; correct that line."
                )
