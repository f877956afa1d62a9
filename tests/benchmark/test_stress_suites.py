"""Stressed tables in runs: plans, counts of named tables, rows beside plain loops."""

import dataclasses
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from qclmixnet.baselines import make_baseline
from qclmixnet.benchmark import (
    LabelledTable,
    RunDescription,
    StressPart,
    choose_parts,
    load_table,
    plan_stress,
    run_benchmark,
    stressed,
)
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation import Fold, Stress, cut_rows, stratified_folds

LARGE = ("nycflights", "nursery", "nass_cds")
CUT = 10_000  # as in the full study


@cache
def as_it_is(name: str) -> tuple[LabelledTable, Fold]:
    """Load a table without its smallest classes, and its first fold, only once."""
    table = load_table(f"{name}~imbalance~0")
    folds = stratified_folds(table.codes, table.groups, n_folds=2, seed=0)
    return table, folds[0]


def cut_fold(table: LabelledTable, fold: Fold) -> Fold:
    kept = cut_rows(table.codes[fold.train], max_rows=CUT, seed=0)
    return Fold(fold.train[kept], fold.test)


def test_the_full_study_thins_the_large_tables_to_a_thousand_to_one() -> None:
    parts = choose_parts("full", kinds=["imbalance"])
    reached = {name for part in parts if 1000 in part.levels for name in part.tables}
    assert reached == set(LARGE)


@pytest.mark.parametrize("name", LARGE)
def test_a_thousand_to_one_is_reached_with_a_test_part_that_can_judge(
    name: str,
) -> None:
    table, fold = as_it_is(name)
    fold = cut_fold(table, fold)
    part = Stress("imbalance", 1000).apply(table.split(fold, seed=(0, 0)), seed=(0, 0))
    counts, whole = np.bincount(part.codes_train), np.bincount(table.codes[fold.train])
    assert counts.max() / counts.min() >= 1000
    assert counts.min() >= 2
    smallest = counts.argmin()
    assert smallest == whole.argmin()
    others = np.arange(len(counts)) != smallest
    assert counts[others].tolist() == whole[others].tolist()
    tested = np.bincount(part.codes_test)
    assert tested.min() >= 70
    assert tested.argmin() == smallest
    assert tested.tolist() == np.bincount(table.codes[fold.test]).tolist()


def test_three_thousand_to_one_is_reached_on_flights() -> None:
    table, fold = as_it_is("nycflights")
    whole = table.split(cut_fold(table, fold), seed=(0, 0))
    part = Stress("imbalance", 3000).apply(whole, seed=(0, 0))
    counts = np.bincount(part.codes_train)
    assert counts.tolist() == [3, np.bincount(whole.codes_train)[1]]
    assert counts.max() / counts.min() >= 3000


def test_the_whole_majority_is_kept_where_nothing_is_cut() -> None:
    table, fold = as_it_is("nycflights")
    part = Stress("imbalance", 1000).apply(table.split(fold, seed=(0, 0)), seed=(0, 0))
    majority = int((table.codes[fold.train] == 1).sum())
    assert np.bincount(part.codes_train).tolist() == [majority // 1000, majority]
    assert majority > 160_000


def test_classes_that_cannot_be_judged_are_left_out_of_imbalance_only() -> None:
    base = load_table("page_blocks")
    table = load_table("page_blocks~imbalance~0")
    assert np.bincount(base.codes).min() < 100 <= np.bincount(table.codes).min()
    for number, label in enumerate(table.classes):
        mine = table.frame[table.codes == number]
        pd.testing.assert_frame_equal(
            mine, base.frame[base.classes[base.codes] == label]
        )
    assert load_table("page_blocks~missing~0.1").classes.tolist() == (
        base.classes.tolist()
    )


def test_a_table_of_small_classes_cannot_be_thinned() -> None:
    with pytest.raises(InputError, match="two classes of at least 100 rows"):
        load_table("glass~imbalance~0")


def test_a_plan_begins_with_each_table_as_it_is_and_tells_what_is_left_out() -> None:
    parts = [
        StressPart("imbalance", ("german",), (10, 3000)),
        StressPart("rows", ("newthyroid", "german"), (300, 50)),
        StressPart("missing", ("newthyroid",), (0.2,)),
    ]
    plan = plan_stress(parts, n_folds=2, max_train_rows=1000)
    assert plan.tables == (
        *("german~imbalance~0", "german~imbalance~10"),
        *("newthyroid", "newthyroid~rows~50", "german", "german~rows~300"),
        *("german~rows~50", "newthyroid~missing~0.2"),
    )
    assert [name for name, _ in plan.left_out] == [
        "german~imbalance~3000",
        "newthyroid~rows~300",
    ]
    with pytest.raises(InputError, match=r"can be made\. glass~imbalance~10"):
        plan_stress(
            [StressPart("imbalance", ("glass",), (10,))], n_folds=2, max_train_rows=100
        )


def test_kinds_and_tables_are_chosen() -> None:
    chosen = choose_parts("quick", kinds=["drift", "rows"])
    assert [part.kind for part in chosen] == ["drift", "rows"]
    assert choose_parts("full", kinds=["imbalance"], tables=["glass"]) == (
        StressPart("imbalance", ("glass",), (10, 30, 100, 1000, 3000)),
    )
    with pytest.raises(InputError, match="must be one of 'imbalance'"):
        choose_parts("quick", kinds=["hunger"])
    with pytest.raises(InputError, match="'large' has no drift; it has rows"):
        choose_parts("large", kinds=["drift"])
    with pytest.raises(InputError, match="named twice"):
        choose_parts("quick", kinds=["rows", "rows"])


WHAT = RunDescription(
    ("newthyroid", "newthyroid~label_noise~0.4", "newthyroid~drift~1"),
    ("logistic_regression",),
    n_folds=2,
    tuned=False,
)


def test_rows_of_stressed_tables_equal_a_plain_loop(tmp_path: Path) -> None:
    run = run_benchmark(WHAT, tmp_path)
    rows = {(row["table"], row["fold"]): row for row in run.rows.to_dict("records")}
    table = load_table("newthyroid")
    folds = stratified_folds(table.codes, table.groups, n_folds=2, seed=0)
    for number, fold in enumerate(folds):
        X, codes = table.frame.iloc[fold.train], table.codes[fold.train]
        generator = np.random.default_rng((0, number))
        order = generator.permutation(len(codes))
        moved = 1 + generator.integers(2, size=len(codes))
        noisy = codes.copy()
        flipped = order[: round(0.4 * len(codes))]
        noisy[flipped] = (codes[flipped] + moved[flipped]) % 3
        clf = make_baseline("logistic_regression", random_state=0).fit(X, noisy)
        found = clf.predict(table.frame.iloc[fold.test])
        row = rows["newthyroid~label_noise~0.4", number]
        assert row["macro_recall"] == pytest.approx(
            balanced_accuracy_score(table.codes[fold.test], found), abs=1e-12
        )
        assert row["n_train"] == len(codes)
        drifted = rows["newthyroid~drift~1", number]
        assert 0.4 < drifted["n_test"] / len(fold.test) < 0.6
        assert 0.4 < drifted["n_train"] / len(fold.train) < 0.6


def test_facts_of_a_stressed_table_are_those_of_its_first_training_part(
    tmp_path: Path,
) -> None:
    what = dataclasses.replace(WHAT, tables=("newthyroid", "newthyroid~rows~50"))
    run = run_benchmark(what, tmp_path)
    plain, few = run.tables
    assert (plain.n_rows, few.n_rows, few.n_classes) == (215, 50, 3)
    stressed_rows = run.rows[run.rows["table"] == "newthyroid~rows~50"]
    assert stressed_rows["n_train"].tolist() == [50, 50]


def test_a_stressed_table_of_ones_own(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.linspace(0, 1, 60)})
    own = LabelledTable("own", frame, np.arange(60) // 30, np.array(["a", "b"]))
    what = dataclasses.replace(WHAT, tables=("own", "own~missing~0.5"))
    rows = run_benchmark(what, tmp_path, table=own).rows
    assert rows["table"].tolist().count("own~missing~0.5") == 2
    assert (rows["status"] == "ok").all()
    assert stressed(own, Stress("missing", 0.5)).name == "own~missing~0.5"


def test_a_tuned_rule_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    what = dataclasses.replace(WHAT, tuned=True)
    with pytest.raises(InputError, match="no inner folds to tune on"):
        run_benchmark(what, tmp_path / "run")
    assert not (tmp_path / "run").exists()
