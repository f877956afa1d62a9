"""Splits in time: nothing of the test block's time or later is learned from."""

import datetime as dt
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from qclmixnet import load_dataset
from qclmixnet.core.errors import InputError, InputTypeError
from qclmixnet.evaluation import Fold, time_ordered_folds

TIMES = st.lists(st.integers(-20, 20), min_size=6, max_size=40).filter(
    lambda times: len(set(times)) >= 6
)


def parts(folds: tuple[Fold, ...]) -> list[tuple[list[int], list[int]]]:
    return [(fold.train.tolist(), fold.test.tolist()) for fold in folds]


def test_blocks_by_hand() -> None:
    folds = time_ordered_folds([7, 1, 2, 8, 3, 4, 5, 6], n_folds=2)
    assert parts(folds) == [([1, 2, 4, 5], [6, 7]), ([1, 2, 4, 5, 6, 7], [0, 3])]
    assert {fold.train.dtype for fold in folds} == {np.dtype(np.int64)}
    assert {fold.test.dtype for fold in folds} == {np.dtype(np.int64)}


@given(times=TIMES, n_folds=st.integers(1, 3), gap=st.integers(0, 3))
@settings(max_examples=100)
def test_a_training_row_is_before_every_test_row_and_the_gap(
    times: list[int], n_folds: int, gap: int
) -> None:
    time = np.array(times)
    try:
        folds = time_ordered_folds(times, n_folds=n_folds, gap=gap, min_train_share=0.3)
    except InputError:
        reject()  # too few different times, or all of them in the gap
    assert len(folds) == n_folds
    for fold in folds:
        begin = time[fold.test].min()
        # Exactly the rows before the gap, in the order of the table.
        assert fold.train.tolist() == np.flatnonzero(time < begin - gap).tolist()
        assert fold.test.tolist() == sorted(fold.test.tolist())
    tested = np.concatenate([fold.test for fold in folds])
    begin = time[folds[0].test].min()
    assert sorted(tested.tolist()) == np.flatnonzero(time >= begin).tolist()
    assert (time < begin).sum() >= 0.3 * len(time)
    for earlier, later in pairwise(folds):
        assert time[earlier.test].max() < time[later.test].min()


@given(times=TIMES, data=st.data())
@settings(max_examples=50)
def test_the_order_of_the_rows_does_not_matter(
    times: list[int], data: st.DataObject
) -> None:
    order = np.array(data.draw(st.permutations(range(len(times)))))
    try:
        folds = time_ordered_folds(np.array(times), n_folds=2)
    except InputError:
        reject()
    shuffled = time_ordered_folds(np.array(times)[order], n_folds=2)
    for one, other in zip(folds, shuffled, strict=True):
        assert sorted(order[other.train].tolist()) == one.train.tolist()
        assert sorted(order[other.test].tolist()) == one.test.tolist()


def test_blocks_hold_about_as_many_rows_when_times_differ() -> None:
    time = np.random.default_rng(0).permutation(1003)
    folds = time_ordered_folds(time, n_folds=4, min_train_share=0.2)
    sizes = [len(fold.test) for fold in folds]
    assert len(folds[0].train) == 201
    assert sum(sizes) == 802
    assert max(sizes) - min(sizes) == 1


def test_a_share_of_whole_rows_is_met_exactly() -> None:
    (fold,) = time_ordered_folds(range_of(10), n_folds=1, min_train_share=0.7)
    assert len(fold.train) == 7


def range_of(n: int) -> list[int]:
    return list(range(n))


def test_equal_times_stay_on_one_side_even_when_blocks_become_uneven() -> None:
    time = [0] * 5 + [1] * 50 + [2] + [3]
    folds = time_ordered_folds(time, n_folds=2, min_train_share=0.5)
    assert [len(fold.test) for fold in folds] == [1, 1]
    with pytest.raises(InputError, match=r"`n_folds` is 3, but only 2 of the 4"):
        time_ordered_folds(time, n_folds=3, min_train_share=0.5)


DAYS = np.datetime64("2024-02-26") + np.arange(8)


@pytest.mark.parametrize(
    "time",
    [
        DAYS,
        DAYS.astype("M8[ns]"),
        pd.Series(DAYS, index=list("abcdefgh")),
        pd.DatetimeIndex(DAYS),
        pd.DatetimeIndex(DAYS).tz_localize("Europe/Vienna"),
        pd.Series(DAYS).dt.to_period("D"),
        [pd.Timestamp(day).date() for day in DAYS],
        [pd.Timestamp(day) for day in DAYS],
        np.array([pd.Timestamp(day).to_pydatetime() for day in DAYS], dtype=object),
        [str(day) for day in DAYS],
        pl.Series(DAYS),
    ],
    ids=lambda time: f"{type(time).__name__}",
)
@pytest.mark.parametrize(
    "gap", [dt.timedelta(days=2), np.timedelta64(48, "h"), pd.Timedelta("2D")]
)
def test_dates_of_every_kind_take_a_timedelta_as_gap(time: object, gap: object) -> None:
    folds = time_ordered_folds(time, n_folds=2, gap=gap)  # type: ignore[arg-type]
    assert parts(folds) == [([0, 1], [4, 5]), ([0, 1, 2, 3], [6, 7])]


@pytest.mark.parametrize("kind", ["int8", "uint64", "float32", "Int64", "Float64"])
def test_numbers_of_every_kind_take_a_number_as_gap(kind: str) -> None:
    folds = time_ordered_folds(pd.Series(range(8), dtype=kind), n_folds=2, gap=1.5)
    assert parts(folds) == [([0, 1, 2], [4, 5]), ([0, 1, 2, 3, 4], [6, 7])]


def test_the_row_exactly_a_gap_before_is_not_learned_from() -> None:
    (fold,) = time_ordered_folds(range_of(4), n_folds=1, gap=1)
    assert fold.train.tolist() == [0]


def test_nanoseconds_are_never_learned_from_too_early() -> None:
    # Parts of a microsecond are one time: no row is in training that is not before.
    time = np.array([0, 1000, 1001, 1002, 5000, 6000], dtype="M8[ns]")
    folds = time_ordered_folds(time, n_folds=2, min_train_share=0.5)
    assert parts(folds) == [([0, 1, 2, 3], [4]), ([0, 1, 2, 3, 4], [5])]


def test_entities_of_the_test_block_are_not_learned_from() -> None:
    groups = ["a", "b", "c", None, "b", None, "a", "d"]
    folds = time_ordered_folds(range_of(8), n_folds=2, groups=groups)
    assert parts(folds) == [([0, 2, 3], [4, 5]), ([1, 2, 3, 4, 5], [6, 7])]


def test_a_training_part_without_rows_is_refused() -> None:
    with pytest.raises(InputError, match=r"block 1 of 2 .* in the gap.*got 9"):
        time_ordered_folds(range_of(8), n_folds=2, gap=9)
    with pytest.raises(InputError, match=r"or share an entity with it"):
        time_ordered_folds(range_of(8), n_folds=2, groups=["a"] * 8)


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ([1.0, np.nan, 3.0], r"`time` is missing in 1 of 3 rows \(first in row 1"),
        ([dt.date(2024, 1, 1), None], r"`time` is missing in 1 of 2 rows"),
        ([None, None], r"missing in 2 of 2"),
        ([1.0, np.inf], r"`time` contains infinity, in row 1"),
        ([True, False], r"dates or numbers, got a boolean column"),
        (["2024-01-01", "soon"], r"got a text column .* such as 'soon'; .*to_datetime"),
        (
            pd.Series(["a", "b"], dtype="category"),
            r"dates or numbers, got a category column",
        ),
        ([[1, 2], [3, 4]], r"one axis, .* shape \(2, 2\)"),
        (np.zeros((2, 2)), r"one axis, .* shape \(2, 2\)"),
        ([{"a": 1}], r"must hold dates or numbers"),
        ([], r"`time` has no rows"),
        (np.array(["300000-01-01"], dtype="M8[s]"), r"too far from today"),
        ([3, 3, 3], r"only 0 of the 1 different times"),
    ],
)
def test_times_that_give_no_order_are_refused(time: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        time_ordered_folds(time, n_folds=1)


def test_something_that_is_no_column_is_a_type_error() -> None:
    with pytest.raises(InputTypeError, match=r"`time` must be a Series"):
        time_ordered_folds(5, n_folds=1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_folds": 0}, r"`n_folds` .* at least 1, got 0"),
        ({"min_train_share": 0.0}, r"`min_train_share` .* got 0\.0"),
        ({"min_train_share": 1.0}, r"`min_train_share` .* got 1\.0"),
        ({"gap": -1}, r"`gap` .* at least 0, got -1"),
        ({"gap": float("nan")}, r"`gap` .* got nan"),
        ({"gap": dt.timedelta(days=1)}, r"`gap` must be a number .* got .*timedelta"),
        ({"gap": np.timedelta64(1, "D")}, r"`gap` must be a number .* got .*1,'D'"),
        ({"groups": ["a", "b"]}, r"`groups` .* 8 as `time`, .* \(2,\)"),
    ],
)
@pytest.mark.usefixtures("users_view")
def test_wrong_arguments_are_named_with_their_value(
    arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        time_ordered_folds(range_of(8), **({"n_folds": 2} | arguments))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "gap", [7, -dt.timedelta(days=1), np.timedelta64(1, "M"), np.timedelta64("NaT")]
)
def test_dates_refuse_a_gap_without_a_fixed_length(gap: object) -> None:
    with pytest.raises(InputError, match=r"`gap` must be a timedelta"):
        time_ordered_folds(DAYS, n_folds=2, gap=gap)  # type: ignore[arg-type]


def test_a_gap_longer_than_all_of_time_is_in_words() -> None:
    with pytest.raises(InputError, match=r"all rows before it are in the gap"):
        time_ordered_folds(DAYS, n_folds=2, gap=dt.timedelta.max)


def test_a_real_table_of_days_is_parted_between_days() -> None:
    days = load_dataset("portal_surveys").frame["date"]
    folds = time_ordered_folds(days, n_folds=5, gap=pd.Timedelta(days=30))
    for fold in folds:
        begin = days.iloc[fold.test].min()
        assert days.iloc[fold.train].max() < begin - pd.Timedelta(days=30)
        assert not set(days.iloc[fold.train]) & set(days.iloc[fold.test])
    sizes = [len(fold.test) for fold in folds]
    assert max(sizes) < 1.1 * min(sizes)


def test_folds_serve_as_cv_of_scikit_learn() -> None:
    X = np.arange(40.0).reshape(-1, 1)
    y = np.tile([0, 1], 20)
    folds = time_ordered_folds(X[:, 0], n_folds=3)
    cv = [(fold.train, fold.test) for fold in folds]
    assert len(cross_val_score(LogisticRegression(), X, y, cv=cv)) == 3
