"""What `LagFeatures` is asked for, checked, and how it names its columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qclmixnet.core.checks import check_choice, check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.preprocessing.past_events import STATISTICS, Statistic

__all__ = ["EARLIER_EVENTS", "LagSettings", "lag_name", "window_name"]

EARLIER_EVENTS = "earlier events"


@dataclass(frozen=True)
class LagSettings:
    """The arguments of `LagFeatures`, with columns as tuples.

    Attributes:
        time_column: the column of times.
        entity: columns that say whose event a row is; none for one entity in all.
        columns: columns to look back on; None for all numbers.
        lags: how many events ago.
        windows: lengths of windows, in events.
        statistics: of each window.
        since_last: whether the time since the last event is wanted.
        count_earlier: whether the number of earlier events is wanted.
    """

    time_column: str
    entity: tuple[str, ...]
    columns: tuple[str, ...] | None
    lags: tuple[int, ...]
    windows: tuple[int, ...]
    statistics: tuple[Statistic, ...]
    since_last: bool
    count_earlier: bool

    @classmethod
    def checked(cls, arguments: Mapping[str, object]) -> "LagSettings":
        """Check the arguments, each by its name.

        Args:
            arguments: of `LagFeatures`, as its ``get_params`` gives them.

        Returns:
            The same, as tuples.

        Raises:
            InputError: an argument is not allowed.
        """
        time_column = arguments["time_column"]
        if not isinstance(time_column, str):
            raise InputError(
                f"`time_column` must be the name of a column, got {time_column!r}."
            )
        entity = arguments["entity"]
        owners: tuple[str, ...] = ()
        if isinstance(entity, str):
            owners = (entity,)
        elif entity is not None:
            owners = _names(entity, "entity")
            if not owners:
                raise InputError("`entity` names no column; pass None for one entity.")
        if time_column in owners:
            raise InputError(f"`entity` must not name the time column, got {entity!r}.")
        columns = arguments["columns"]
        windows = _lengths(arguments["windows"], "windows", low=2)
        statistics = _statistics(arguments["statistics"])
        if windows and not statistics:
            raise InputError("`windows` need at least one of `statistics`, got none.")
        return cls(
            time_column=time_column,
            entity=owners,
            columns=None if columns is None else _names(columns, "columns"),
            lags=_lengths(arguments["lags"], "lags", low=1),
            windows=windows,
            statistics=statistics,
            since_last=_truth(arguments["since_last"], "since_last"),
            count_earlier=_truth(arguments["count_earlier"], "count_earlier"),
        )

    @property
    def reach(self) -> int:
        """How many events a row looks back at most."""
        return max([1, *self.lags, *self.windows])

    def since_name(self, *, is_date: bool) -> str:
        """Name the time since the last event, by its unit."""
        return f"{'hours' if is_date else self.time_column} since last"

    def new_names(
        self, columns: Sequence[str], numbers: Sequence[str], *, is_date: bool
    ) -> list[str]:
        """Name the new columns, in their order.

        Args:
            columns: the columns looked back on.
            numbers: those of them that hold numbers.
            is_date: the times are dates.

        Returns:
            The names.
        """
        names = []
        for column in columns:
            names += [lag_name(column, n) for n in self.lags]
            if column in numbers:
                names += [
                    window_name(column, statistic, window)
                    for window in self.windows
                    for statistic in self.statistics
                ]
        names += [self.since_name(is_date=is_date)] if self.since_last else []
        return names + ([EARLIER_EVENTS] if self.count_earlier else [])


def lag_name(column: str, n_events: int) -> str:
    """Name a value of the past.

    >>> lag_name("amount", 2)
    'amount lag 2'
    """
    return f"{column} lag {n_events}"


def window_name(column: str, statistic: Statistic, window: int) -> str:
    """Name a statistic of the last events.

    >>> window_name("amount", "mean", 5)
    'amount mean of last 5'
    """
    return f"{column} {statistic} of last {window}"


def _listed(value: object, name: str, what: str) -> Sequence[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InputError(f"`{name}` must be a list of {what}, got {value!r}.")
    if len(set(map(repr, value))) < len(value):
        raise InputError(f"`{name}` must differ from each other, got {value!r}.")
    return value


def _names(value: object, name: str) -> tuple[str, ...]:
    listed = _listed(value, name, "column names")
    names = tuple(item for item in listed if isinstance(item, str))
    if len(names) < len(listed):
        raise InputError(f"`{name}` must be a list of column names, got {value!r}.")
    return names


def _lengths(value: object, name: str, *, low: int) -> tuple[int, ...]:
    listed = _listed(value, name, "whole numbers")
    return tuple(check_integer(item, name, low=low) for item in listed)


def _statistics(value: object) -> tuple[Statistic, ...]:
    asked = [
        check_choice(item, "statistics", STATISTICS)
        for item in _listed(value, "statistics", f"some of {', '.join(STATISTICS)}")
    ]
    return tuple(
        statistic for name in asked for statistic in STATISTICS if statistic == name
    )


def _truth(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"`{name}` must be True or False, got {value!r}.")
    return value
