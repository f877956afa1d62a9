"""Reading the caller's files and columns for the commands."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from qclmixnet.core.errors import InputError
from qclmixnet.table.files import read_file

__all__ = ["check_columns", "read_features_and_target"]


def check_columns(frame: pd.DataFrame, names: Sequence[str], *, source: str) -> None:
    """Refuse names that are not columns of ``frame``, all in one sentence.

    Args:
        frame: the table.
        names: columns that must be there.
        source: what to call the table in the message.

    Raises:
        InputError: at least one is not there.
    """
    missing = [name for name in names if name not in frame.columns]
    if not missing:
        return
    columns = [str(name) for name in frame.columns]
    hints = [
        f" Did you mean {close[0]!r}?"
        for name in missing[:1]
        if (close := difflib.get_close_matches(name, columns, n=1))
    ]
    shown = ", ".join(columns[:20])
    more = f" and {len(columns) - 20} more" if len(columns) > 20 else ""
    listed = ", ".join(repr(name) for name in missing)
    raise InputError(
        f"{source} has no column {listed}.{''.join(hints)} Its columns: {shown}{more}."
    )


def read_features_and_target(
    path: Path, *, target: str, drop: Sequence[str]
) -> tuple[pd.DataFrame, pd.Series]:
    """Read a file and split off the column that holds the class.

    Args:
        path: the file.
        target: the column of the class.
        drop: columns to leave out.

    Returns:
        Features and labels.

    Raises:
        InputError: the file cannot be read, a column is not there, the target is
            also dropped, or no feature is left.
    """
    frame = read_file(path)
    check_columns(frame, [target, *drop], source=str(path))
    if target in drop:
        raise InputError(f"The target {target!r} cannot be dropped.")
    X = frame.drop(columns=[target, *drop])
    if X.shape[1] == 0:
        raise InputError(f"{path} has no column left to learn from.")
    return X, frame[target]
