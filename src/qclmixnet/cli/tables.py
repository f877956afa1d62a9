"""Reading the caller's files and columns for the commands."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from qclmixnet.core.errors import InputError
from qclmixnet.table.files import read_file

__all__ = ["OwnTable", "check_columns", "read_features_and_target", "read_own_table"]


@dataclass(frozen=True)
class OwnTable:
    """The caller's table, and what its rows are to be split by.

    Attributes:
        X: the features.
        y: the labels.
        time: when each row happened, None when no column was named.
        groups: whose each row is, None when no column was named.
    """

    X: pd.DataFrame
    y: pd.Series
    time: pd.Series | None
    groups: pd.Series | None


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
        InputError: as for `read_own_table`.
    """
    table = read_own_table(path, target=target, drop=drop)
    return table.X, table.y


def read_own_table(
    path: Path,
    *,
    target: str,
    drop: Sequence[str],
    time_column: str | None = None,
    group_column: str | None = None,
) -> OwnTable:
    """Read a file and take apart what is learned, what from, and how it is split.

    Args:
        path: the file.
        target: the column of the class.
        drop: columns to leave out.
        time_column: the column of times, if any; a feature unless it is in `drop`.
        group_column: the column of owners, if any; never a feature, as the rows that
            are tested belong to owners that were not learned from.

    Returns:
        The parts.

    Raises:
        InputError: the file cannot be read, a column is not there, the target is
            dropped or named as time or group, or no feature is left.
    """
    frame = read_file(path)
    named = [name for name in (time_column, group_column) if name is not None]
    check_columns(frame, [target, *drop, *named], source=str(path))
    if target in drop:
        raise InputError(f"The target {target!r} cannot be dropped.")
    if target in named:
        raise InputError(
            f"The target {target!r} cannot be the time or the group column as well."
        )
    if len(set(named)) < len(named):
        raise InputError(
            f"Time and group must be two different columns, got {time_column!r} twice."
        )
    left_out = {target, *drop, *([] if group_column is None else [group_column])}
    X = frame.drop(columns=list(left_out))
    if X.shape[1] == 0:
        raise InputError(f"{path} has no column left to learn from.")
    return OwnTable(
        X,
        frame[target],
        None if time_column is None else frame[time_column],
        None if group_column is None else frame[group_column],
    )
