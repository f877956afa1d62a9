"""What the rows of a table are split by, other than their class."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.grouped import number_groups
from qclmixnet.preprocessing.event_times import read_times

__all__ = ["SplitBy", "read_split_by"]


@dataclass(frozen=True)
class SplitBy:
    """What the rows of a table are split by, other than their class.

    Attributes:
        moments: when each row happened, as numbers, see `read_times`; None where time
            plays no part.
        gap: time before a test part that is not learned from, in their unit.
        groups: number of whose each row is; None where that plays no part.
    """

    moments: npt.NDArray[np.generic] | None = None
    gap: float = 0.0
    groups: npt.NDArray[np.int64] | None = None

    @property
    def content(self) -> bytes:
        """Times and groups as bytes, for a checksum."""
        parts = [a.tobytes() for a in (self.moments, self.groups) if a is not None]
        return b"".join(parts)


def read_split_by(
    time: pd.Series | None, groups: pd.Series | None, *, gap: str = ""
) -> SplitBy | None:
    """Read what the rows of a table are to be split by.

    Args:
        time: when each row happened, None where that plays no part.
        groups: whose each row is, None where that plays no part. The series' names
            name them in messages.
        gap: time before a test part that is not learned from: a number where times are
            numbers, otherwise a length such as ``"7 days"``; empty for none.

    Returns:
        None when neither is given.

    Raises:
        InputError: times or groups are missing or of the wrong kind, or `gap` cannot
            be read or is given without times.

    >>> split = read_split_by(pd.Series(["2024-01-01", "2024-01-02"]), None, gap="12h")
    >>> split.gap / 3.6e9
    12.0
    """
    if gap and time is None:
        raise InputError("A gap is a length of time; it needs a time column as well.")
    if time is None and groups is None:
        return None
    moments, width = None, 0.0
    if time is not None:
        times = read_times(time, f"The time column {str(time.name)!r}")
        moments = times.moments
        width = _gap_width(gap, is_date=times.is_date) if gap else 0.0
    numbers = None
    if groups is not None:
        try:
            numbers = number_groups(groups, n_rows=len(groups))
        except InputError as error:
            name = f"The group column {str(groups.name)!r}"
            raise InputError(str(error).replace("`groups`", name)) from error
    return SplitBy(moments, width, numbers)


def _gap_width(gap: str, *, is_date: bool) -> float:
    """Return the width of a gap in microseconds, or in the unit of the times."""
    try:
        width = pd.Timedelta(gap) / pd.Timedelta("1us") if is_date else float(gap)
    except ValueError:
        width = float("nan")
    # A bare number would be read as nanoseconds.
    if is_date and gap.replace(".", "").strip().isdigit() and float(gap) != 0:
        width = float("nan")
    if not 0 <= width < float("inf"):
        wanted = (
            "a length of at least 0 with its unit, such as '7 days' or '12h', since "
            "the times are dates"
            if is_date
            else "a number of at least 0 in the unit of the time column, since the "
            "times are numbers"
        )
        raise InputError(f"The gap must be {wanted}; got {gap!r}.")
    return float(width)
