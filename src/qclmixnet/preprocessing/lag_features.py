"""Features of the past for a table whose rows are events in time."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.extensions import take
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from qclmixnet.core.errors import InputError, InputTypeError
from qclmixnet.preprocessing.event_table import Events, EventSchema, stacked
from qclmixnet.preprocessing.lag_settings import (
    EARLIER_EVENTS,
    LagSettings,
    lag_name,
    window_name,
)
from qclmixnet.preprocessing.past_events import (
    EventOrder,
    Statistic,
    entity_codes,
    window_statistics,
)

__all__ = ["LagFeatures"]

_MICROSECONDS_PER_HOUR = 3.6e9


class LagFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Add what an entity's earlier rows say, and never a later one.

    Each row is an event of an entity (a customer, a machine, a site) at a time. The
    rows of the same entity strictly before that time are its past; rows at the same
    time do not see each other. Among past rows of equal time, the lower one in the
    table counts as the later event. A row whose entity is missing has no past and is
    nobody's.

    The given columns stay in front as they are, followed by, for example:

    * ``"amount lag 2"``: the value two events ago. Numbers and booleans become
      float64; other columns (categories, texts, dates) keep their kind.
    * ``"amount mean of last 5"``: over the last five events, fewer at the start of an
      entity. Missing values do not count. Numbers and booleans only.
    * ``"hours since last"``: hours since the entity's last event where times are dates;
      ``"day since last"``, in the unit of the column, where ``day`` holds numbers.
    * ``"earlier events"``: how many events of the entity lie before.

    What has no past is missing (NaN). `fit_transform` looks back within the training
    rows; `transform` takes rows that follow them and lets them look back on the
    training rows and on each other. Given more and more rows, neither changes a
    feature of the rows before. Features look back only, so it is no leak to call
    `fit_transform` on the whole table and to split the rows by time afterwards.

    A target is not looked at: `y` is ignored. To use earlier labels, give them as a
    column, and only where the label of an event is known before the entity's next
    event; then drop that column from the result, which holds the row's own label too.

    Args:
        time_column: the column of times: dates, ISO texts of dates, or numbers.
        entity: the column, or columns together, that say whose event a row is; None
            for one entity in all.
        columns: columns to look back on; None for all numbers and booleans other than
            the time and the entity.
        lags: how many events ago, each >= 1.
        windows: lengths of the windows in events, each >= 2.
        statistics: of each window: "mean", "std" (divided by n - 1), "min", "max".
        since_last: add the time since the entity's last event.
        count_earlier: add the number of earlier events. With one entity in all it only
            numbers the rows.

    Attributes:
        columns_: columns that are looked back on.
        numbers_: those of them that hold numbers or booleans.
        history_: the training rows that later rows may look back on: the last few of
            each entity.
        feature_names_in_: names of the columns of `X`.
        n_features_in_: how many they are.

    >>> frame = pd.DataFrame(
    ...     {"day": [1, 2, 2, 5], "who": list("abaa"), "amount": [10, 20, 30, 40]}
    ... )
    >>> LagFeatures("day", entity="who").fit_transform(frame).iloc[:, 3:]
       amount lag 1  day since last  earlier events
    0           NaN             NaN               0
    1           NaN             NaN               0
    2          10.0             1.0               1
    3          30.0             3.0               2
    """

    def __init__(
        self,
        time_column: str,
        *,
        entity: str | Sequence[str] | None = None,
        columns: Sequence[str] | None = None,
        lags: Sequence[int] = (1,),
        windows: Sequence[int] = (),
        statistics: Sequence[Statistic] = ("mean",),
        since_last: bool = True,
        count_earlier: bool = True,
    ) -> None:
        self.time_column = time_column
        self.entity = entity
        self.columns = columns
        self.lags = lags
        self.windows = windows
        self.statistics = statistics
        self.since_last = since_last
        self.count_earlier = count_earlier

    def fit(self, X: object, y: object = None) -> "LagFeatures":
        """Remember the columns, and the last rows of each entity.

        Args:
            X: the training rows, in any order.
            y: ignored.

        Returns:
            This transformer.

        Raises:
            InputTypeError: `X` is no pandas table.
            InputError: an argument is not allowed, a column is absent, named twice or
                of the wrong kind, or times are missing.
        """
        del y
        self._learn(X)
        return self

    def fit_transform(self, X: object, y: object = None) -> pd.DataFrame:
        """Remember the training rows, and add to each what lies in its past.

        Args:
            X: the training rows, in any order.
            y: ignored.

        Returns:
            `X` with the new columns behind, rows and index as they were.

        Raises:
            InputTypeError: `X` is no pandas table.
            InputError: as for `fit`.
        """
        del y
        frame, events = self._learn(X)
        return self._with_past(frame, events, n_known=0)

    def transform(self, X: object) -> pd.DataFrame:
        """Add to each row what lies in its past: training rows and rows of `X`.

        The rows are not remembered: a later call does not see them.

        Args:
            X: rows that follow the training rows, in any order, with its columns. A
                row at the time of its entity's last training row is allowed.

        Returns:
            `X` with the new columns behind, rows and index as they were, columns in
            the order of the training table.

        Raises:
            InputTypeError: `X` is no pandas table.
            InputError: columns differ from those of training, times are missing, or a
                row is before the last training row of its entity: what lay in its past
                is not kept.
        """
        check_is_fitted(self)
        frame = _checked_frame(X)
        names = list(self.feature_names_in_)
        given, known = set(frame.columns), set(names)
        if given != known:
            absent = [name for name in names if name not in given]
            extra = [name for name in frame.columns if name not in known]
            raise InputError(
                f"`X` must have the columns of the training table: {absent} are "
                f"absent, {extra} are extra."
            )
        frame = frame[names]
        new = self._schema.read(frame)
        _refuse_the_past(self.history_, new)
        events = self.history_.followed_by(new)
        return self._with_past(frame, events, n_known=len(self.history_.times))

    def get_feature_names_out(
        self, input_features: object = None
    ) -> npt.NDArray[np.object_]:
        """Name the columns of the result.

        Args:
            input_features: None, or the names of the training columns.

        Returns:
            The names of the training columns, then those of the new ones.

        Raises:
            InputError: `input_features` are other names.
        """
        check_is_fitted(self)
        names = list(self.feature_names_in_)
        if input_features is not None:
            given = list(np.asarray(input_features, dtype=object))
            if given != names:
                raise InputError(
                    f"`input_features` must be the names of the training columns, "
                    f"{names}, got {given}."
                )
        return np.array([*names, *self._new_names], dtype=object)

    def _learn(self, X: object) -> tuple[pd.DataFrame, Events]:
        settings = LagSettings.checked(self.get_params(deep=False))
        frame = _checked_frame(X)
        schema = EventSchema.infer(frame, settings)
        new_names = settings.new_names(
            schema.columns, schema.numbers, is_date=schema.is_date
        )
        taken = [name for name in new_names if name in frame.columns]
        if taken:
            raise InputError(
                f"`X` already has columns named like new ones: {taken}; rename them."
            )
        events = schema.read(frame)
        self.columns_, self.numbers_ = list(schema.columns), list(schema.numbers)
        self.feature_names_in_ = np.array(frame.columns, dtype=object)
        self.n_features_in_ = len(frame.columns)
        self._settings, self._schema, self._new_names = settings, schema, new_names
        self.history_ = _remembered(events, settings.reach)
        return frame, events

    def _with_past(
        self, frame: pd.DataFrame, events: Events, *, n_known: int
    ) -> pd.DataFrame:
        """Put the new columns behind a frame whose rows follow the known ones."""
        settings, schema = self._settings, self._schema
        order = EventOrder.of(entity_codes(events.entity), events.times)
        numbers = pd.DataFrame(events.numbers, columns=list(schema.numbers))
        new: dict[str, object] = {}
        for n in settings.lags:
            rows = order.rows_ago(n)[n_known:]
            for column in schema.columns:
                source = numbers if column in schema.numbers else events.others
                values = take(source[column].array, rows, allow_fill=True)
                new[lag_name(column, n)] = values
        for window in settings.windows:
            described = window_statistics(
                events.numbers, order, n_events=window, first_row=n_known
            )
            for statistic in settings.statistics:
                for position, column in enumerate(schema.numbers):
                    values = described[statistic][:, position]
                    new[window_name(column, statistic, window)] = values
        last = order.rows_ago(1)[n_known:]
        unit = _MICROSECONDS_PER_HOUR if schema.is_date else 1.0
        passed = (events.times[n_known:] - events.times[last]) / unit
        since = np.where(last < 0, np.nan, passed)
        new[settings.since_name(is_date=schema.is_date)] = since
        n_earlier = order.event_numbers(events.weights)[last]
        new[EARLIER_EVENTS] = np.where(last < 0, 0, n_earlier)
        chosen = {name: new[name] for name in self._new_names}
        return pd.concat([frame, pd.DataFrame(chosen, index=frame.index)], axis=1)


def _remembered(events: Events, reach: int) -> Events:
    """Keep what rows after the training rows can ask for."""
    codes = entity_codes(events.entity)
    order = EventOrder.of(codes, events.times)
    rows = order.needed_later(reach)
    rows = rows[codes[rows] >= 0]
    number = pd.Series(order.event_numbers(events.weights)[rows])
    weights = number.groupby(codes[rows]).diff().fillna(number)
    return events.take(rows, weights.to_numpy(dtype=np.int64))


def _refuse_the_past(known: Events, new: Events) -> None:
    n_known = len(known.times)
    codes = entity_codes(stacked(known.entity, new.entity))
    # What is known is sorted by time within an entity; -1 is not among its codes.
    last = pd.Series(known.times).groupby(codes[:n_known]).last()
    latest = last.reindex(codes[n_known:]).to_numpy(dtype=np.float64)
    early = np.flatnonzero(new.times < latest)
    if len(early):
        raise InputError(
            f"{len(early)} of {len(new.times)} rows of `X` (row {early[0]}, counted "
            "from 0, is the first) are before the last training row of their entity, "
            "and what lay in their past is not kept. Give rows that follow the "
            "training rows; for the training rows themselves, or a whole table at "
            "once, use `fit_transform`."
        )


def _checked_frame(X: object) -> pd.DataFrame:
    if not isinstance(X, pd.DataFrame):
        raise InputTypeError(
            "`X` must be a pandas DataFrame, whose columns have names, got "
            f"{type(X).__name__}; polars and pyarrow tables have `to_pandas()`."
        )
    names: list[object] = list(X.columns)
    strange = [name for name in names if not isinstance(name, str)]
    if strange:
        raise InputError(f"`X` must have texts as column names, got {strange}.")
    twice = X.columns[X.columns.duplicated()].unique().tolist()
    if twice:
        raise InputError(
            f"Column names must differ, but these come more than once: {twice}; rename "
            "or drop the extra columns."
        )
    if not len(X):
        raise InputError("`X` has no rows; at least 1 is needed.")
    return X
