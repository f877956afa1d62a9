"""The four tables that are ordered in time, with and without features of the past.

What a row may know of the past is what was known at its time: a label of an earlier row
is told only `delay` later. Features look back on the whole table, before any cut.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from qclmixnet import LagFeatures, load_dataset

__all__ = ["TABLES", "TimedTable", "load", "told_later"]


@dataclass(frozen=True)
class TimedTable:
    """How a table is read.

    Attributes:
        time: its column of times.
        delay: how long after a row's time its label is known: the gap before a test
            block, and what a feature of earlier labels waits for.
        every: keep one row in so many, in the order of time.
        most_train: rows to learn from at most; half as many are tested.
        lags: adds the features of the past to features and labels.
    """

    time: str
    delay: object
    every: int
    most_train: int
    lags: Callable[[pd.DataFrame, pd.Series], pd.DataFrame]


def told_later(
    X: pd.DataFrame,
    told: pd.DataFrame,
    *,
    time: str,
    delay: object,
    entity: str | None,
    windows: tuple[int, ...],
) -> pd.DataFrame:
    """Means of what earlier rows were told to be, by those told before a row's time.

    Every row becomes two events: it is asked about at its time, with nothing known, and
    told `delay` later. A window of n events counts both, so that about n / 2 of them
    say something.

    Args:
        X: the features.
        told: numbers that are known later, row by row.
        time: column of times.
        delay: how much later.
        entity: whose past it is, None for that of all.
        windows: lengths in events.

    Returns:
        The new columns alone, in the order of the rows.
    """
    keys = X[[time]] if entity is None else X[[time, entity]]
    known = keys.assign(**{time: X[time] + delay})
    events = pd.concat(
        [pd.concat([keys, told * float("nan")], axis=1), known.join(told)],
        ignore_index=True,
    )
    past = LagFeatures(
        time,
        entity=entity,
        columns=list(told),
        lags=(),
        windows=windows,
        since_last=False,
        count_earlier=False,
    ).fit_transform(events)
    new = past.iloc[: len(X), events.shape[1] :]
    names = [f"{name}, {entity or 'all'}" for name in new.columns]
    return new.set_axis(names, axis=1).set_axis(X.index)


def _flights(X: pd.DataFrame, y: pd.Series) -> pd.DataFrame:
    """Share of cancelled flights of late, at the airport and for the carrier."""
    told = pd.DataFrame({"cancelled": (y == "cancelled").astype(float)})
    new = [
        told_later(
            X,
            told,
            time="scheduled_departure",
            delay=TABLES["nycflights"].delay,
            entity=entity,
            windows=(100, 400),
        )
        for entity in ("origin", "carrier")
    ]
    return pd.concat([X, *new], axis=1)


def _surveys(X: pd.DataFrame, y: pd.Series) -> pd.DataFrame:
    """Give what was caught at the plot on earlier days, and shares of common species.

    A species is named on the spot, so that it is known on the days after.
    """
    caught = {f"is {name}": (y == name).astype(float) for name in sorted(set(y))}
    last = LagFeatures(
        "date", entity="plot_id", columns=["caught"], lags=(1,)
    ).fit_transform(X.assign(caught=y.astype("category")))
    shares = LagFeatures(
        "date",
        entity="plot_id",
        columns=list(caught),
        lags=(),
        windows=(50,),
        since_last=False,
        count_earlier=False,
    ).fit_transform(X.assign(**caught))
    kept = last.drop(columns="caught")
    return kept.join(shares.drop(columns=list(caught)).iloc[:, X.shape[1] :])


def _covid(X: pd.DataFrame, y: pd.Series) -> pd.DataFrame:
    """Share of positive and of invalid tests of late, at the clinic and in all."""
    told = pd.DataFrame(
        {name: (y == name).astype(float) for name in ("positive", "invalid")}
    )
    new = [
        told_later(
            X,
            told,
            time="pan_day",
            delay=TABLES["covid_testing"].delay,
            entity=entity,
            windows=windows,
        )
        for entity, windows in (("clinic_name", (40, 200)), (None, (200, 1000)))
    ]
    return pd.concat([X, *new], axis=1)


def _mails(X: pd.DataFrame, y: pd.Series) -> pd.DataFrame:
    """Give size of the last mails, hours since the last, and the share of spam."""
    past = LagFeatures(
        "time", columns=["num_char"], lags=(1,), windows=(10,), count_earlier=False
    ).fit_transform(X)
    told = pd.DataFrame({"spam": (y == "spam").astype(float)})
    spam = told_later(
        X,
        told,
        time="time",
        delay=TABLES["email_spam"].delay,
        entity=None,
        windows=(40, 200),
    )
    return pd.concat([past, spam], axis=1)


TABLES: Mapping[str, TimedTable] = {
    "email_spam": TimedTable("time", pd.Timedelta(days=1), 1, 3_200, _mails),
    "covid_testing": TimedTable("pan_day", 2, 1, 2_000, _covid),
    "nycflights": TimedTable(
        "scheduled_departure", pd.Timedelta(hours=6), 12, 4_000, _flights
    ),
    "portal_surveys": TimedTable("date", pd.Timedelta(0), 1, 1_000, _surveys),
}
N_SPECIES = 4
"""The commonest species of portal_surveys' first half; all others become one class."""


def load(name: str, *, lags: bool) -> tuple[pd.DataFrame, pd.Series]:
    """Return features and labels in the order of time, thinned after looking back."""
    table = TABLES[name]
    data = load_dataset(name)
    order = data.frame[table.time].argsort(kind="stable").to_numpy()
    X = data.frame.iloc[order].reset_index(drop=True)
    y = data.target.iloc[order].reset_index(drop=True).astype(object)
    if name == "portal_surveys":
        common = y.iloc[: len(y) // 2].value_counts().index[:N_SPECIES]
        y = y.where(y.isin(common), "other")
    if lags:
        X = table.lags(X, y)
    return X.iloc[:: table.every], y.iloc[:: table.every]
