"""The columns of an event table that later rows may look back on."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from jaxtyping import Float64, Int64
from pandas.api.types import infer_dtype, is_complex_dtype, is_numeric_dtype

from qclmixnet.core.errors import InputError
from qclmixnet.preprocessing.event_times import read_times
from qclmixnet.preprocessing.lag_settings import LagSettings

__all__ = ["EventSchema", "Events", "stacked"]


@dataclass(frozen=True)
class Events:
    """What later rows may ask of these rows.

    Attributes:
        entity: the columns that tell entities apart.
        times: int64 microseconds for dates, float64 otherwise.
        numbers: looked-back columns of numbers, NaN where missing.
        others: looked-back columns of any other kind.
        weights: events that each row stands for: itself and those of its entity that
            were left out right before it.
    """

    entity: pd.DataFrame
    times: np.ndarray
    numbers: Float64[np.ndarray, "rows columns"]
    others: pd.DataFrame
    weights: Int64[np.ndarray, " rows"]

    def take(
        self, rows: Int64[np.ndarray, " taken"], weights: Int64[np.ndarray, " taken"]
    ) -> "Events":
        """Return the named rows, with new weights."""
        entity, others = self.entity.iloc[rows], self.others.iloc[rows]
        return Events(entity, self.times[rows], self.numbers[rows], others, weights)

    def followed_by(self, later: "Events") -> "Events":
        """Put later rows below these."""
        return Events(
            stacked(self.entity, later.entity),
            np.concatenate([self.times, later.times]),
            np.concatenate([self.numbers, later.numbers]),
            stacked(self.others, later.others),
            np.concatenate([self.weights, later.weights]),
        )


@dataclass(frozen=True)
class EventSchema:
    """The columns that matter, and their kinds in the training table.

    Attributes:
        time_column: the column of times.
        is_date: the times are dates.
        entity: each column that tells entities apart, and whether it holds numbers.
        columns: looked-back columns.
        numbers: those of them that hold numbers or booleans.
    """

    time_column: str
    is_date: bool
    entity: tuple[tuple[str, bool], ...]
    columns: tuple[str, ...]
    numbers: tuple[str, ...]

    @classmethod
    def infer(cls, frame: pd.DataFrame, settings: LagSettings) -> "EventSchema":
        """Find the columns in the training table.

        Args:
            frame: the training table, whose columns have different names.
            settings: which columns are wanted.

        Returns:
            Their kinds.

        Raises:
            InputError: a column is absent, times cannot be read, or windows are wanted
                of columns without numbers.
        """
        named = [settings.time_column, *settings.entity, *(settings.columns or ())]
        present = list(frame.columns)
        absent = [name for name in dict.fromkeys(named) if name not in present]
        if absent:
            raise InputError(
                f"`X` has no column {', '.join(map(repr, absent))}, which an argument "
                f"names; it has {present}."
            )
        columns = settings.columns
        if columns is None:
            besides = {settings.time_column, *settings.entity}
            found = [name for name in present if _is_number(frame[name])]
            columns = tuple(name for name in found if name not in besides)
        numbers = tuple(name for name in columns if _is_number(frame[name]))
        if settings.columns and settings.windows and not numbers:
            raise InputError(
                "`windows` need a column of numbers or booleans, but `columns` names "
                f"none: {list(columns)}; name one, or leave `windows` empty."
            )
        return cls(
            time_column=settings.time_column,
            is_date=read_times(
                frame[settings.time_column], _time_name(settings.time_column)
            ).is_date,
            entity=tuple(
                (name, _holds_numbers(frame[name])) for name in settings.entity
            ),
            columns=columns,
            numbers=numbers,
        )

    def read(self, frame: pd.DataFrame) -> Events:
        """Read the columns of a table that has them all.

        Args:
            frame: the training table, or a later one.

        Returns:
            One event per row, in the order of the table.

        Raises:
            InputError: a column is of another kind than in training, or holds
                something that has no place in time.
        """
        for name, was_number in self.entity:
            holds_numbers = _holds_numbers(frame[name])
            if holds_numbers != was_number and frame[name].notna().any():
                had, has = _kinds("numbers", "other cells", first=was_number)
                raise InputError(
                    f"Column {name!r} tells entities apart and held {had} in training, "
                    f"but now holds {has} ({frame[name].dtype}); convert it."
                )
        name = _time_name(self.time_column)
        times = read_times(frame[self.time_column], name)
        if times.is_date != self.is_date:
            had, has = _kinds("dates", "numbers", first=self.is_date)
            raise InputError(
                f"{name} held {had} in training, but now holds {has}; convert it."
            )
        numbers = np.empty((len(frame), len(self.numbers)), dtype=np.float64)
        for position, number in enumerate(self.numbers):
            numbers[:, position] = _as_numbers(frame[number])
        others = [column for column in self.columns if column not in self.numbers]
        owners = [column for column, _ in self.entity]
        return Events(
            entity=frame[owners].reset_index(drop=True),
            times=times.moments,
            numbers=numbers,
            others=frame[others].reset_index(drop=True),
            weights=np.ones(len(frame), dtype=np.int64),
        )


def stacked(above: pd.DataFrame, below: pd.DataFrame) -> pd.DataFrame:
    """Put the rows of two frames below each other; categories stay categories."""
    columns = {}
    for name in below.columns:
        both = pd.concat([above[name], below[name]], ignore_index=True)
        if isinstance(below[name].dtype, pd.CategoricalDtype):
            both = both.astype("category")  # objects, where the levels differ
        columns[name] = both
    return pd.DataFrame(columns, index=range(len(above) + len(below)))


def _time_name(column: str) -> str:
    return f"The time column {column!r}"


def _kinds(this: str, that: str, *, first: bool) -> tuple[str, str]:
    return (this, that) if first else (that, this)


def _is_number(column: pd.Series) -> bool:
    return is_numeric_dtype(column.dtype) and not is_complex_dtype(column.dtype)


def _holds_numbers(column: pd.Series) -> bool:
    """Whether the cells are numbers, also where the dtype does not say so."""
    numbers = ("integer", "floating", "mixed-integer-float", "boolean", "decimal")
    return _is_number(column) or infer_dtype(column, skipna=True) in numbers


def _as_numbers(column: pd.Series) -> npt.NDArray[np.float64]:
    """Numbers as float64 with NaN; a column without any value may have any dtype."""
    if not _is_number(column):
        if column.notna().any():
            raise InputError(
                f"Column {column.name!r} held numbers in training, but is now "
                f"{column.dtype}; convert it."
            )
        return np.full(len(column), np.nan)
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(numbers).any():
        raise InputError(
            f"Column {column.name!r} contains infinity, in row "
            f"{int(np.isinf(numbers).argmax())} (counted from 0) first; write NaN for "
            "missing."
        )
    return numbers
