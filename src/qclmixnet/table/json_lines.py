"""JSON lines, written and read without loss of digits."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd

from qclmixnet.core.errors import InputError

__all__ = ["read_json_lines", "write_json_lines"]


def read_json_lines(path: Path) -> pd.DataFrame:
    """Read one JSON object for each line; a name that a line lacks is missing there.

    Args:
        path: a UTF-8 text file; empty lines are skipped.

    Returns:
        The table; dates stay texts.

    Raises:
        InputError: a line is not a JSON object or has a name twice.
    """
    records: list[dict[str, object]] = []
    with path.open(encoding="utf-8-sig") as text:
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line, object_pairs_hook=_object)
            except ValueError as error:
                raise InputError(
                    f"{path.name!r} is broken in line {number}: {error}."
                ) from error
            if not isinstance(record, dict):
                raise InputError(
                    f"{path.name!r} is broken in line {number}: each line must be a "
                    'JSON object such as {"age": 31}.'
                )
            records.append(record)
    if not records:
        raise InputError(f"{path.name!r} is empty.")
    return pd.DataFrame(records)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"the same name comes twice: {twice}")
    return record


def write_json_lines(frame: pd.DataFrame, path: Path) -> None:
    """Write one JSON object for each row; missing values become null, dates ISO."""
    columns = [_cells(frame.iloc[:, i]) for i in range(frame.shape[1])]
    names = list(frame.columns)
    with path.open("w", encoding="utf-8", newline="\n") as text:
        for row in zip(*columns, strict=True):
            record = dict(zip(names, row, strict=True))
            text.write(json.dumps(record, default=_plain, ensure_ascii=False) + "\n")


def _cells(column: pd.Series) -> list[object]:
    cells = column.astype(object).to_numpy(copy=True)
    cells[np.asarray(pd.isna(cells))] = None
    return list(cells)


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)
