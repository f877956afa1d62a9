"""Tables that are split by time or by owner: outer folds, inner folds, gaps, words."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from qclmixnet.baselines import make_baseline
from qclmixnet.benchmark import (
    LabelledTable,
    RunDescription,
    labelled_table,
    load_run,
    read_split_by,
    run_benchmark,
)
from qclmixnet.benchmark.cell import inner_folds_of
from qclmixnet.benchmark.folds import folds_of, holdout_of, lacking_classes
from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.evaluation import Fold

N_ROWS = 120
DAYS = pd.Series(pd.date_range("2024-01-01", periods=N_ROWS), name="day")
WHO = pd.Series(np.arange(N_ROWS) % 15, name="who")


def a_table(
    *,
    time: pd.Series | None = None,
    groups: pd.Series | None = None,
    gap: str = "",
    target: list[str] | None = None,
) -> LabelledTable:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=N_ROWS), "z": rng.normal(size=N_ROWS)})
    usual = np.where(frame["x"] + 0.5 * rng.normal(size=N_ROWS) > 0.5, "yes", "no")
    y = pd.Series(usual if target is None else target)
    split_by = read_split_by(time, groups, gap=gap)
    return labelled_table("own", frame, y, split_by=split_by)


def shuffled() -> tuple[pd.Series, LabelledTable]:
    """Give days in any order, and a table that is to be split by them."""
    days = DAYS.sample(frac=1, random_state=3).reset_index(drop=True)
    return days, a_table(time=days, gap="5 days")


def test_test_blocks_follow_each_other_behind_the_gap() -> None:
    days, table = shuffled()
    folds = folds_of(table, np.arange(N_ROWS), n_folds=3, seed=0)
    tested = [days[fold.test] for fold in folds]
    assert [len(part) for part in tested] == [20, 20, 20]
    assert tested[0].min() == DAYS[60]
    for fold, part in zip(folds, tested, strict=True):
        # Sixty days come before the first block; five of them are in the gap.
        assert days[fold.train].max() == part.min() - pd.Timedelta(days=6)
        assert len(fold.train) == (part.min() - DAYS[0]).days - 5


def test_inner_folds_look_at_the_past_of_the_training_part_only() -> None:
    days, table = shuffled()
    for fold in folds_of(table, np.arange(N_ROWS), n_folds=3, seed=0):
        inner = inner_folds_of(table, fold, seed=0)
        assert set(inner) == {"inner-0", "inner-1", "inner-2", "holdout"}
        for split in inner.values():
            assert set(split.train) | set(split.test) <= set(fold.train)
            assert days[split.train].max() < days[split.test].min()
            assert days[split.test].max() < days[fold.test].min()


def test_the_holdout_in_time_is_the_last_quarter() -> None:
    table = a_table(time=DAYS)
    fold = holdout_of(table, np.arange(80), n_parts=4, seed=0)
    assert fold.train.tolist() == list(range(60))
    assert fold.test.tolist() == list(range(60, 80))


@pytest.mark.parametrize("time", [None, DAYS], ids=["owners", "owners and time"])
def test_no_owner_is_on_both_sides(time: pd.Series | None) -> None:
    table = a_table(time=time, groups=WHO.astype("category"))
    for fold in folds_of(table, np.arange(N_ROWS), n_folds=5, seed=0):
        splits = [fold, *inner_folds_of(table, fold, seed=0).values()]
        for split in splits:
            assert not set(WHO[split.train]) & set(WHO[split.test])


def test_an_inner_part_with_one_class_is_left_out() -> None:
    # The second class begins on day 40: the first inner block, learned from days 0
    # to 29, cannot be fitted, the last quarter can.
    table = a_table(time=DAYS, target=["a"] * 40 + ["a", "b"] * 40)
    fold = Fold(np.arange(60), np.arange(60, 120))
    assert set(inner_folds_of(table, fold, seed=0)) == {"inner-2", "holdout"}


def test_scores_of_a_run_equal_a_plain_loop_over_blocks(tmp_path: Path) -> None:
    table = a_table(time=DAYS, gap="2D")
    what = RunDescription(
        ("own",), ("logistic_regression",), n_folds=2, time_column="day", gap="2D"
    )
    rows = run_benchmark(what, tmp_path, table=table).rows
    as_is = rows[rows["rule"] == "as_is"].sort_values("fold")
    for number, first in enumerate((60, 90)):
        train, test = slice(0, first - 2), slice(first, first + 30)
        clf = make_baseline("logistic_regression", random_state=0)
        clf.fit(table.frame.iloc[train], table.codes[train])
        expected = f1_score(
            table.codes[test], clf.predict(table.frame.iloc[test]), average="macro"
        )
        row = as_is.iloc[number]
        assert row["macro_f1"] == pytest.approx(expected, abs=1e-12)
        assert (row["n_train"], row["n_test"]) == (first - 2, 30)
    assert set(rows.loc[rows["rule"] == "tuned", "inner"]) == {"3-fold"}
    assert load_run(tmp_path).description == what
    other = RunDescription(("own",), ("logistic_regression",), n_folds=2)
    with pytest.raises(InputError, match=r"another time column \(day there, none now"):
        run_benchmark(other, tmp_path, table=a_table())


def test_a_class_that_comes_up_later_is_told_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    target = ["a", "b"] * 45 + ["c"] * 30
    table = a_table(time=DAYS, target=target)
    what = RunDescription(("own",), ("knn",), n_folds=2, time_column="day")
    words = r"not among the rows to learn from: 'c' in fold 2\."
    with pytest.warns(DataWarning, match=words):
        rows = run_benchmark(what, tmp_path, table=table).rows
    assert (rows["status"] == "ok").all()
    assert (rows.loc[rows["fold"] == 1, "macro_f1"] == 0).all()


def test_a_training_part_of_one_class_is_refused(tmp_path: Path) -> None:
    table = a_table(time=DAYS, target=["a"] * 70 + ["b"] * 50)
    what = RunDescription(("own",), ("knn",), n_folds=2, time_column="day")
    words = r"fold 1 of 2 \(60 rows\) holds one class only, 'a'"
    with pytest.raises(InputError, match=words):
        run_benchmark(what, tmp_path / "run", table=table)
    assert not (tmp_path / "run").exists()
    folds = folds_of(table, np.arange(100), n_folds=1, seed=0)
    assert folds[0].train.tolist() == list(range(50))
    with pytest.raises(InputError, match="one class only"):
        lacking_classes(table, folds)


def test_times_and_owners_are_part_of_the_checksum() -> None:
    tables = [
        a_table(),
        a_table(time=DAYS),
        a_table(time=DAYS.shift(1).bfill()),
        a_table(groups=WHO),
        a_table(groups=WHO // 2),
    ]
    assert len({table.checksum for table in tables}) == len(tables)


@pytest.mark.parametrize(
    ("time", "gap", "words"),
    [
        (DAYS, "7", "a length of at least 0 with its unit.* got '7'"),
        (DAYS, "-1 day", "length of at least 0 .* got '-1 day'"),
        (DAYS, "soon", "length of at least 0 .* got 'soon'"),
        (WHO, "7 days", "a number of at least 0 in the unit .* got '7 days'"),
        (WHO, "nan", "a number of at least 0 .* got 'nan'"),
        (None, "7 days", "needs a time column as well"),
        (DAYS.where(DAYS.index > 0), "", "time column 'day' is missing in 1 of 120"),
        (WHO.astype(str) + "h", "", "'who' must hold dates or numbers, got a text"),
    ],
)
def test_bad_times_and_gaps_are_refused(
    time: pd.Series | None, gap: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        read_split_by(time, None, gap=gap)


def test_bad_owners_are_refused_by_their_name() -> None:
    with pytest.raises(InputError, match="The group column 'kg' must tell whose"):
        read_split_by(None, pd.Series([0.5, 1.5], name="kg"))


def test_gaps_are_read_in_the_unit_of_the_times() -> None:
    dates, numbers = read_split_by(DAYS, None, gap="1h"), read_split_by(WHO, None)
    assert dates is not None
    assert dates.gap == 3.6e9
    assert numbers is not None
    assert numbers.gap == 0
    late = read_split_by(WHO, None, gap="2.5")
    assert late is not None
    assert late.gap == 2.5
    zero = read_split_by(DAYS, None, gap="0")
    assert zero is not None
    assert zero.gap == 0
    assert read_split_by(None, None) is None
