"""When each row happened, as numbers that can be compared and subtracted."""

from dataclasses import dataclass

import narwhals as nw
import numpy as np

from qclmixnet.core.errors import InputError
from qclmixnet.table.columns import PlainColumn, array_column, series_column
from qclmixnet.table.problems import Problem
from qclmixnet.table.source import object_array
from qclmixnet.table.text import text_to_dates

__all__ = ["EventTimes", "read_times"]


@dataclass(frozen=True)
class EventTimes:
    """The times of a table's rows, none of them missing.

    Attributes:
        moments: int64 microseconds since 1970 (UTC) for dates, otherwise float64 in the
            unit of the caller, finite. Finer dates, and whole numbers beyond 2 ** 53,
            are rounded: close times may become equal, but never change places.
        is_date: the times are dates.
    """

    moments: np.ndarray
    is_date: bool


def read_times(times: object, name: str) -> EventTimes:
    """Read a column of times: dates of any flavour, ISO texts of dates, or numbers.

    Args:
        times: a Series, an index, a 1-D array or a list, of at least one value. Times
            with a zone are compared in UTC.
        name: what it is called in messages, with the quotes it should have.

    Returns:
        The times as numbers.

    Raises:
        InputTypeError: `times` is nothing that could hold times.
        InputError: it has no rows, not one axis, missing or infinite times, or holds
            something other than dates or numbers.

    >>> read_times(np.array(["1970-01-02"], dtype="M8[D]"), "`time`").moments
    array([86400000000])
    """
    column = _plain_column(times, name)
    cells = column.cells
    example: str | None = None
    if not len(cells):
        raise InputError(f"{name} has no rows; at least 1 is needed.")
    if column.content == "text":
        cells, example = text_to_dates(cells)
    if example is not None or column.content in ("boolean", "category"):
        shown = "" if example is None else f", such as {example!r}"
        raise InputError(
            f"{name} must hold dates or numbers, got a {column.content} column "
            f"({column.dtype}){shown}; convert it, for example with pandas.to_datetime."
        )
    is_date = cells.dtype.kind == "M"
    missing = np.isnat(cells) if is_date else np.isnan(cells)
    if missing.any():
        raise InputError(
            f"{name} is missing in {int(missing.sum())} of {len(cells)} rows (first "
            f"in row {int(missing.argmax())}, counted from 0), and such rows have no "
            "place in time; fill the times in or drop the rows."
        )
    if is_date:
        return EventTimes(cells.astype("datetime64[us]").astype(np.int64), is_date)
    if np.isinf(cells).any():
        raise InputError(
            f"{name} contains infinity, in row {int(np.isinf(cells).argmax())} "
            "(counted from 0) first; correct or drop such rows."
        )
    return EventTimes(cells.astype(np.float64), is_date)


def _plain_column(times: object, name: str) -> PlainColumn:
    try:
        series = nw.from_native(times, pass_through=True, allow_series=True)
        if isinstance(series, nw.Series):
            column = series_column(name, series)
        else:
            array = object_array(times, name.strip("`"))
            if array.ndim != 1:
                raise InputError(
                    f"{name} must have one axis, one time per row, got an array of "
                    f"shape {array.shape}."
                )
            column = array_column(name, array)
    except OverflowError as error:
        raise InputError(
            f"{name} holds dates too far from today; correct or drop such rows."
        ) from error
    if isinstance(column, Problem):
        raise InputError(
            f"{name} must hold dates or numbers, but ({column.dtype}) {column.reason}."
        )
    return column
