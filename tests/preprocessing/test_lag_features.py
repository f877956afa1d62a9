"""Features of the past: right by a slow loop, and blind to everything later."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from qclmixnet import load_dataset
from qclmixnet.core.errors import InputError, InputTypeError
from qclmixnet.preprocessing import LagFeatures

LEVELS = pd.CategoricalDtype(["red", "green", "blue"])


def full(**changes: Any) -> LagFeatures:
    arguments: dict[str, Any] = {
        "entity": "who",
        "columns": ["amount", "flag", "colour"],
        "lags": (1, 3),
        "windows": (2, 4),
        "statistics": ("mean", "std", "min", "max"),
    }
    return LagFeatures("time", **(arguments | changes))


ROWS = st.tuples(
    st.integers(0, 9),
    st.sampled_from(["a", "b", "c", None]),
    st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([0.1, 0.2, 1.0])),
    st.booleans(),
    st.sampled_from([*LEVELS.categories, None]),
)


def frame_of(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    names = ["time", "who", "amount", "flag", "colour"]
    frame = pd.DataFrame(list(rows), columns=names)
    plain = frame.astype({"time": "int64", "amount": "float64", "flag": "bool"})
    return plain.astype({"who": "str", "colour": LEVELS})


def frames(low: int = 1, high: int = 25) -> st.SearchStrategy[pd.DataFrame]:
    return st.lists(ROWS, min_size=low, max_size=high).map(frame_of)


def slow_past(frame: pd.DataFrame, row: int) -> list[int]:
    """Rows of the same entity strictly before, the latest first."""
    who, time = frame["who"].tolist(), frame["time"].tolist()
    past = [
        other
        for other in range(len(frame))
        if isinstance(who[row], str)
        and who[other] == who[row]
        and time[other] < time[row]
    ]
    return sorted(past, key=lambda other: (time[other], other), reverse=True)


def slow_features(frame: pd.DataFrame) -> list[list[Any]]:
    """Plain Python loops, for the arguments of `full`."""
    out = []
    for row in range(len(frame)):
        past, features = slow_past(frame, row), []
        for name in ("amount", "flag", "colour"):
            cells = frame[name].tolist()
            features += [
                cells[past[lag - 1]] if len(past) >= lag else None for lag in (1, 3)
            ]
            if name == "colour":
                continue
            for window in (2, 4):
                seen = [float(cells[other]) for other in past[:window]]
                seen = [value for value in seen if not math.isnan(value)]
                features += [
                    statistics.fmean(seen) if seen else None,
                    statistics.stdev(seen) if len(seen) > 1 else None,
                    min(seen, default=None),
                    max(seen, default=None),
                ]
        time = frame["time"].tolist()
        features.append(time[row] - time[past[0]] if past else None)
        features.append(len(past))
        out.append(features)
    return out


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right, check_exact=True)


def test_features_by_hand() -> None:
    frame = pd.DataFrame(
        {
            "when": pd.to_datetime(
                ["2024-01-01 12", "2024-01-03 00", "2024-01-02 00", "2024-01-03 06"]
            ),
            "card": [1, 1, 2, 1],
            "amount": [10.0, 30.0, 5.0, 70.0],
        }
    )
    found = LagFeatures(
        "when", entity="card", lags=(1, 2), windows=(2,), statistics=("mean", "std")
    ).fit_transform(frame)
    assert list(found.columns) == [
        "when",
        "card",
        "amount",
        "amount lag 1",
        "amount lag 2",
        "amount mean of last 2",
        "amount std of last 2",
        "hours since last",
        "earlier events",
    ]
    same(found[["when", "card", "amount"]], frame)
    nan = math.nan
    np.testing.assert_allclose(
        found.iloc[:, 3:].to_numpy(),
        [
            [nan, nan, nan, nan, nan, 0],
            [10, nan, 10, nan, 36, 1],
            [nan, nan, nan, nan, nan, 0],
            [30, 10, 20, math.sqrt(200), 6, 2],
        ],
    )


@given(frame=frames())
@settings(max_examples=40)
def test_features_equal_those_of_a_slow_loop(frame: pd.DataFrame) -> None:
    found = full().fit_transform(frame)
    expected = slow_features(frame)
    new = found.iloc[:, 5:]
    assert new.shape[1] == len(expected[0])
    for position, name in enumerate(new.columns):
        column = [features[position] for features in expected]
        if name.startswith("colour"):
            assert new[name].dtype == LEVELS
            assert new[name].astype(object).where(new[name].notna(), None).tolist() == [
                cell if isinstance(cell, str) else None for cell in column
            ]
        else:
            np.testing.assert_allclose(
                new[name].to_numpy(dtype=np.float64),
                np.array(column, dtype=np.float64),
                rtol=1e-9,
                # statistics.stdev rounds its exact answer; 1e6 loses 1e-10 of a mean.
                atol=1e-9,
            )


@given(early=frames(), later=st.lists(ROWS, min_size=1, max_size=15), data=st.data())
@settings(max_examples=40)
def test_rows_that_come_later_do_not_change_a_bit(
    early: pd.DataFrame, later: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    # Whatever rows of the last time or after it are added, changed, moved or deleted.
    last = int(early["time"].max())
    after = frame_of([(last + row[0], *row[1:]) for row in later])
    n_rows = len(early) + len(after)
    places = data.draw(st.permutations(range(n_rows)))
    mixed = pd.concat([early, after], ignore_index=True)
    # Shuffled, but early rows keep their order: it decides between equal times.
    order = np.array(places)
    order[order < len(early)] = np.arange(len(early))
    found = full().fit_transform(mixed.iloc[order])
    same(found.loc[list(range(len(early)))], full().fit_transform(early))


@given(frame=frames(low=2), border=st.integers(0, 9), data=st.data())
@settings(max_examples=40)
def test_new_rows_get_what_the_whole_table_would_give_them(
    frame: pd.DataFrame, border: int, data: st.DataObject
) -> None:
    at_border = frame["time"] == border
    stays = data.draw(st.lists(st.booleans(), min_size=len(frame), max_size=len(frame)))
    is_known = (frame["time"] < border) | (at_border & np.array(stays))
    known, new = frame[is_known], frame[~is_known]
    if not len(known) or not len(new):
        return
    whole = full().fit_transform(pd.concat([known, new]))
    fitted = full().fit(known)
    same(fitted.transform(new), whole.loc[new.index])
    # One row at a time sees the training rows only.
    first = new.iloc[[0]]
    alone = full().fit_transform(pd.concat([known, first])).loc[first.index]
    same(fitted.transform(first), alone)


@given(frame=frames(), data=st.data())
@settings(max_examples=25)
def test_rows_and_index_come_back_in_the_order_given(
    frame: pd.DataFrame, data: st.DataObject
) -> None:
    # Different times: else the order in the table decides which event is the later.
    frame["time"] = data.draw(st.permutations(range(len(frame))))
    frame.index = pd.Index([7] * len(frame), name="key")
    order = data.draw(st.permutations(range(len(frame))))
    whole = full().fit_transform(frame)
    same(whole.iloc[:, :5], frame)
    same(full().fit_transform(frame.iloc[order]), whole.iloc[order])


def test_entities_late_in_training_do_not_hold_others_up() -> None:
    known = pd.DataFrame({"time": [1, 9], "who": ["a", "b"], "x": [1.0, 2.0]})
    new = pd.DataFrame({"time": [5, 0], "who": ["a", "c"], "x": [3.0, 4.0]})
    found = LagFeatures("time", entity="who").fit(known).transform(new)
    assert found["x lag 1"].tolist()[0] == 1.0
    assert found["earlier events"].tolist() == [1, 0]


def test_a_row_before_the_training_rows_of_its_entity_is_refused() -> None:
    frame = pd.DataFrame({"time": [1, 5, 9], "who": ["a", "a", "b"], "x": [1, 2, 3]})
    lags = LagFeatures("time", entity="who").fit(frame)
    new = pd.DataFrame({"time": [6, 4, 9], "who": ["a", "a", "b"], "x": [1, 2, 3]})
    with pytest.raises(
        InputError, match=r"1 of 3 rows .*\(row 1, .* before the last training row"
    ):
        lags.transform(new)
    with pytest.raises(InputError, match=r"use `fit_transform`"):
        lags.transform(frame)
    assert len(lags.transform(new.iloc[[0, 2]])) == 2


def test_transform_does_not_remember_its_rows() -> None:
    known = pd.DataFrame({"time": [1], "x": [1.0]})
    lags = LagFeatures("time").fit(known)
    first = lags.transform(pd.DataFrame({"time": [2], "x": [2.0]}))
    second = lags.transform(pd.DataFrame({"time": [3], "x": [3.0]}))
    assert first["x lag 1"].tolist() == second["x lag 1"].tolist() == [1.0]


def test_only_the_rows_that_can_be_asked_for_are_kept() -> None:
    frame = pd.DataFrame({"time": range(100), "who": list("ab") * 50, "x": range(100)})
    lags = LagFeatures("time", entity="who", lags=(2,), windows=(3,)).fit(frame)
    # The last three, and the one before them for a new row at the very last time.
    assert len(lags.history_.times) == 2 * 4
    new = pd.DataFrame({"time": [99, 100], "who": ["b", "b"], "x": [0, 0]})
    found = lags.transform(new)
    assert found["earlier events"].tolist() == [49, 51]
    assert found["x lag 2"].tolist() == [95.0, 99.0]


def test_a_huge_value_that_left_the_window_leaves_no_trace() -> None:
    values = [1e200, 1.0, 2.0, 4.0, 0.0]
    frame = pd.DataFrame({"time": range(5), "x": values})
    lags = LagFeatures("time", windows=(2,), statistics=("mean", "std"))
    found = lags.fit_transform(frame)
    assert found["x mean of last 2"].tolist()[3:] == [1.5, 3.0]
    np.testing.assert_allclose(
        found["x std of last 2"].tolist()[2:],
        [1e200 / math.sqrt(2), math.sqrt(0.5), math.sqrt(2)],
    )


def test_equal_values_have_themselves_as_mean_and_no_deviation() -> None:
    frame = pd.DataFrame({"time": range(8), "x": [0.1] * 8})
    lags = LagFeatures("time", windows=(7,), statistics=("mean", "std"))
    found = lags.fit_transform(frame)
    assert found["x mean of last 7"].tolist()[1:] == [0.1] * 7
    assert found["x std of last 7"].tolist()[2:] == [0.0] * 6


def test_no_columns_named_are_all_numbers_but_time_and_entity() -> None:
    frame = pd.DataFrame(
        {
            "time": [1, 2],
            "shop": [1, 1],
            "till": [3, 3],
            "text": ["a", "b"],
            "price": [1.5, 2.5],
            "paid": [True, False],
            "count": pd.array([1, None], dtype="Int64"),
        }
    )
    lags = LagFeatures("time", entity=["shop", "till"]).fit(frame)
    assert lags.columns_ == lags.numbers_ == ["price", "paid", "count"]
    found = lags.fit_transform(frame)
    new = found[["price lag 1", "paid lag 1", "count lag 1"]]
    assert new.iloc[1].tolist() == [1.5, 1.0, 1.0]
    assert set(new.dtypes) == {np.dtype(np.float64)}


def test_entities_of_two_columns_are_told_apart_by_both() -> None:
    frame = pd.DataFrame(
        {
            "time": range(6),
            "shop": ["a", "a", "b", "a", None, None],
            "till": [1, 2, 1, 1, 1, 1],
            "x": range(6),
        }
    )
    found = LagFeatures("time", entity=("shop", "till")).fit_transform(frame)
    assert found["earlier events"].tolist() == [0, 0, 0, 1, 0, 0]
    assert found["x lag 1"].tolist()[3] == 0.0


def test_a_missing_entity_has_no_past_in_new_rows_either() -> None:
    frame = pd.DataFrame({"time": [1, 2], "who": ["a", None], "x": [1.0, 2.0]})
    lags = LagFeatures("time", entity="who").fit(frame)
    found = lags.transform(frame.iloc[::-1].assign(time=[0, 3]))
    assert found["earlier events"].tolist() == [0, 1]
    assert found["x lag 1"].tolist()[1] == 1.0


def test_times_of_every_kind_say_the_same() -> None:
    days = pd.to_datetime(["2024-02-28", "2024-02-29", "2024-03-01"])
    hours = []
    for times in (
        days,
        days.tz_localize("Europe/Vienna"),
        days.astype("M8[s]"),
        days.date,
        days.strftime("%Y-%m-%d"),
    ):
        frame = pd.DataFrame({"time": times, "x": [1, 2, 3]})
        hours.append(LagFeatures("time").fit_transform(frame)["hours since last"])
    assert all(found.tolist()[1:] == [24.0, 24.0] for found in hours)


def test_numbers_as_time_keep_their_unit() -> None:
    frame = pd.DataFrame({"pan_day": [4.0, 4.5, 7.0], "x": [1, 2, 3]})
    found = LagFeatures("pan_day").fit_transform(frame)
    assert found["pan_day since last"].tolist()[1:] == [0.5, 2.5]


def test_other_columns_keep_their_kind_when_levels_are_new() -> None:
    known = pd.DataFrame(
        {
            "time": [1, 2],
            "colour": pd.Categorical(["red", "blue"]),
            "seen": pd.to_datetime(["2024-01-01", "2024-01-02"]),
        }
    )
    new = known.assign(time=[3, 4], colour=pd.Categorical(["green", "red"]))
    lags = LagFeatures("time", columns=["colour", "seen"]).fit(known)
    found = lags.transform(new)
    assert isinstance(found["colour lag 1"].dtype, pd.CategoricalDtype)
    assert found["colour lag 1"].tolist() == ["blue", "green"]
    assert found["seen lag 1"].dtype == known["seen"].dtype


def test_a_column_that_is_missing_throughout_may_lose_its_kind() -> None:
    known = pd.DataFrame({"time": [1, 2], "who": [1, 1], "x": [1.0, 2.0]})
    new = pd.DataFrame({"time": [3], "who": [1], "x": [None]}, dtype=object)
    found = LagFeatures("time", entity="who").fit(known).transform(new)
    assert found["x lag 1"].tolist() == [2.0]


def test_a_target_is_never_looked_back_on() -> None:
    frame = pd.DataFrame({"time": [1, 2, 3], "x": [1, 2, 3]})
    y = pd.Series([0, 1, 0], name="fraud")
    found = LagFeatures("time").fit_transform(frame, y)
    same(found, LagFeatures("time").fit_transform(frame))
    assert not [name for name in found.columns if "fraud" in name]


def test_features_can_be_left_out() -> None:
    frame = pd.DataFrame({"time": [1, 2], "x": [1, 2]})
    nothing = LagFeatures("time", lags=(), since_last=False, count_earlier=False)
    same(nothing.fit_transform(frame), frame)


def test_it_is_a_citizen_of_scikit_learn() -> None:
    lags = full(lags=[2])
    assert clone(lags).get_params() == lags.get_params()
    assert lags.get_params()["lags"] == [2]
    assert lags.set_params(lags=(1,)).lags == (1,)
    frame = frame_of([(3, "a", 1.0, True, "red"), (1, "a", None, False, None)])
    before = frame.copy()
    with pytest.raises(NotFittedError):
        lags.transform(frame)
    found = lags.fit_transform(frame)
    same(frame, before)
    same(lags.fit_transform(frame), found)
    assert lags.fit(frame) is lags
    assert lags.n_features_in_ == 5
    assert lags.feature_names_in_.tolist() == list(frame.columns)
    assert lags.get_feature_names_out().tolist() == list(found.columns)
    assert lags.get_feature_names_out(list(frame.columns)).tolist() == list(found)
    with pytest.raises(InputError, match=r"`input_features` .* got \['z'\]"):
        lags.get_feature_names_out(["z"])
    for container in ("default", "pandas"):
        lags.set_output(transform=container)
        same(lags.fit_transform(frame), found)
        later = lags.transform(frame.assign(time=9))
        assert list(later.columns) == list(found.columns)
    as_polars = lags.set_output(transform="polars").fit_transform(frame)
    assert isinstance(as_polars, pl.DataFrame)
    assert as_polars.columns == list(found.columns)


def test_arguments_changed_after_the_fit_wait_for_the_next_fit() -> None:
    frame = pd.DataFrame({"time": [1, 2], "x": [1, 2]})
    lags = LagFeatures("time").fit(frame).set_params(lags=(1, 2), time_column="x")
    found = lags.transform(frame.assign(time=[3, 4]))
    assert list(found.columns) == lags.get_feature_names_out().tolist()
    assert "x lag 2" not in found.columns


def test_it_stands_in_a_pipeline_before_a_classifier() -> None:
    data = load_dataset("email_spam")
    X = data.frame.select_dtypes(["number", "datetime"]).iloc[:600]
    y = data.target.iloc[:600]
    seen: list[pd.DataFrame] = []

    class Spy(HistGradientBoostingClassifier):  # type: ignore[misc]  # untyped library
        def predict(self, X: pd.DataFrame) -> Any:
            seen.append(X)
            return super().predict(X.drop(columns="time"))

        def fit(self, X: pd.DataFrame, y: object) -> "Spy":
            super().fit(X.drop(columns="time"), y)
            return self

    lags = LagFeatures("time", columns=["num_char"], windows=(5,))
    pipeline = make_pipeline(lags, Spy(max_iter=2)).fit(X[:400], y[:400])
    pipeline.predict(X[400:])
    whole = clone(lags).fit_transform(X)
    same(seen[0], whole[400:])


def two_rows(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"time": [1, 2], "who": ["a", "b"], "x": [1.0, 2.0]} | columns)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"time_column": 3}, r"`time_column` must be the name of a column, got 3"),
        (
            {"time_column": "when"},
            r"no column 'when', .* it has \['time', 'who', 'x'\]",
        ),
        ({"entity": "whom"}, r"no column 'whom'"),
        ({"entity": 3}, r"`entity` must be a list of column names, got 3"),
        ({"entity": [3]}, r"`entity` must be a list of column names, got \[3\]"),
        ({"entity": []}, r"`entity` names no column"),
        ({"entity": "time"}, r"`entity` must not name the time column, got 'time'"),
        ({"columns": ["y", "z"]}, r"no column 'y', 'z'"),
        ({"columns": "x"}, r"`columns` must be a list of column names, got 'x'"),
        ({"columns": ["x", "x"]}, r"`columns` must differ .* got \['x', 'x'\]"),
        ({"lags": 1}, r"`lags` must be a list of whole numbers, got 1"),
        ({"lags": (0,)}, r"`lags` must be a whole number of at least 1, got 0"),
        ({"lags": (1, 1)}, r"`lags` must differ .* got \(1, 1\)"),
        ({"lags": (1.5,)}, r"`lags` .* got 1\.5"),
        ({"windows": (1,)}, r"`windows` .* at least 2, got 1"),
        ({"windows": (2,), "statistics": ()}, r"at least one of `statistics`"),
        ({"statistics": "mean"}, r"`statistics` must be a list of .* got 'mean'"),
        ({"statistics": ("median",)}, r"`statistics` must be one of .* got 'median'"),
        ({"columns": ["who"], "windows": (2,)}, r"`windows` need a column of numbers"),
        ({"since_last": 1}, r"`since_last` must be True or False, got 1"),
        ({"count_earlier": "no"}, r"`count_earlier` must be True or False, got 'no'"),
    ],
)
@pytest.mark.usefixtures("users_view")
def test_wrong_arguments_are_named_with_their_value(
    arguments: dict[str, Any], words: str
) -> None:
    lags = LagFeatures(**({"time_column": "time"} | arguments))
    with pytest.raises(InputError, match=words):
        lags.fit(two_rows())


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (
            two_rows(time=[1.0, None]),
            r"column 'time' is missing in 1 of 2 rows .* row 1",
        ),
        (two_rows(time=["soon", "late"]), r"column 'time' must hold dates or numbers"),
        (two_rows(x=[1.0, np.inf]), r"Column 'x' contains infinity, in row 1"),
        (two_rows(**{"x lag 1": [1, 2]}), r"named like new ones: \['x lag 1'\]"),
        (two_rows()[["time", "x", "x"]], r"more than once: \['x'\]"),
        (two_rows().rename(columns={"x": 5}), r"texts as column names, got \[5\]"),
        (two_rows()[:0], r"`X` has no rows"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(
    frame: pd.DataFrame, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        LagFeatures("time").fit(frame)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (two_rows().drop(columns="x"), r"\['x'\] are absent, \[\] are extra"),
        (two_rows(z=[1, 2]), r"\[\] are absent, \['z'\] are extra"),
        (two_rows(who=[1, 2]), r"'who' .* held other cells .* now holds numbers"),
        (two_rows(x=["a", "b"]), r"'x' held numbers in training, but is now"),
        (
            two_rows(time=pd.to_datetime(["2024-01-01", "2024-01-02"])),
            r"'time' held numbers in training, but now holds dates",
        ),
    ],
)
def test_new_tables_must_be_as_in_training(frame: pd.DataFrame, words: str) -> None:
    lags = LagFeatures("time", entity="who").fit(two_rows(time=[-1, -1]))
    with pytest.raises(InputError, match=words):
        lags.transform(frame)


def test_other_tables_are_a_type_error() -> None:
    with pytest.raises(InputTypeError, match=r"pandas DataFrame.* got ndarray"):
        LagFeatures("time").fit(np.zeros((2, 2)))
    with pytest.raises(InputTypeError, match=r"`to_pandas\(\)`"):
        LagFeatures("time").fit(pl.DataFrame({"time": [1]}))


def test_columns_of_new_rows_may_come_in_another_order() -> None:
    lags = LagFeatures("time", entity="who").fit(two_rows())
    new = two_rows(time=[3, 4])
    same(lags.transform(new[["x", "time", "who"]]), lags.transform(new))
