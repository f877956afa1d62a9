"""Splits: stratified, identical rows together, tiny classes kept."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qclmixnet import load_dataset
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.protocol import (
    KEEP_WHOLE,
    cut_rows,
    duplicate_groups,
    stratified_folds,
)


def _each_its_own(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.uint64)


@given(
    counts=st.lists(st.integers(2, 30), min_size=2, max_size=5),
    n_folds=st.integers(2, 5),
    seed=st.integers(0, 99),
)
def test_every_row_is_tested_once_and_classes_are_spread(
    counts: list[int], n_folds: int, seed: int
) -> None:
    codes = np.repeat(np.arange(len(counts)), counts)
    if max(counts) < n_folds:
        return
    folds = stratified_folds(
        codes, _each_its_own(len(codes)), n_folds=n_folds, seed=seed
    )
    tested = np.concatenate([fold.test for fold in folds])
    assert sorted(tested) == list(range(len(codes)))
    for fold in folds:
        assert set(fold.train) | set(fold.test) == set(range(len(codes)))
        assert not set(fold.train) & set(fold.test)
        shares = np.bincount(codes[fold.test], minlength=len(counts))
        assert (np.abs(shares - np.array(counts) / n_folds) <= 1.0 + 1e-9).all()


@pytest.mark.parametrize("name", ["wine_red", "caravan"])
def test_identical_rows_share_a_fold(name: str) -> None:
    frame = load_dataset(name).frame
    codes = pd.factorize(load_dataset(name).target, sort=True)[0]
    folds = stratified_folds(codes, duplicate_groups(frame), n_folds=5, seed=1)
    plain = frame.astype(str).agg("|".join, axis=1)
    assert plain.duplicated().any()
    for fold in folds:
        assert not set(plain.iloc[fold.train]) & set(plain.iloc[fold.test])


def test_a_class_of_five_rows_is_in_every_one_of_five_folds() -> None:
    data = load_dataset("yeast")
    codes = pd.factorize(data.target, sort=True)[0]
    rare = int(np.bincount(codes).argmin())
    folds = stratified_folds(codes, duplicate_groups(data.frame), n_folds=5, seed=0)
    assert [int((codes[fold.test] == rare).sum()) for fold in folds] == [1] * 5


def test_a_class_of_one_row_is_always_learned_and_never_tested() -> None:
    codes = np.array([0] * 20 + [1] * 10 + [2])
    for fold in stratified_folds(codes, _each_its_own(31), n_folds=3, seed=0):
        assert 30 in fold.train
        assert 30 not in fold.test


def test_fewer_rows_than_folds_do_not_warn() -> None:
    codes = np.repeat([0, 1], [20, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds = stratified_folds(codes, _each_its_own(22), n_folds=5, seed=0)
    assert sum(int((codes[fold.test] == 1).sum()) for fold in folds) == 2


def test_the_same_seed_gives_the_same_folds() -> None:
    codes, groups = np.repeat([0, 1], 20), _each_its_own(40)

    def split(seed: int) -> list[list[int]]:
        folds = stratified_folds(codes, groups, n_folds=4, seed=seed)
        return [fold.test.tolist() for fold in folds]

    assert split(3) == split(3)
    assert split(3) != split(4)


def test_one_testable_class_is_refused() -> None:
    with pytest.raises(InputError, match="at least 2 classes with 2 different rows"):
        stratified_folds(np.array([0] * 20 + [1]), _each_its_own(21), n_folds=2, seed=0)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(
        InputError, match="5 folds need a class with at least 5 different"
    ):
        stratified_folds(np.array([0, 0, 1, 1]), _each_its_own(4), n_folds=5, seed=0)


def test_equal_rows_of_every_kind_share_a_group() -> None:
    row = {
        "number": 1.5,
        "text": "a",
        "date": pd.Timestamp("2024-01-02"),
        "flag": True,
        "hole": None,
    }
    frame = pd.DataFrame([row, row, {**row, "text": "b"}])
    first, second, third = duplicate_groups(frame)
    assert first == second != third


def test_small_tables_are_not_cut() -> None:
    assert cut_rows(np.zeros(7, dtype=np.int64), max_rows=7, seed=0).tolist() == list(
        range(7)
    )


@given(
    counts=st.lists(st.integers(1, 2000), min_size=1, max_size=6),
    max_rows=st.integers(1, 3000),
    seed=st.integers(0, 9),
)
def test_cutting_keeps_small_classes_whole_and_shares_of_the_others(
    counts: list[int], max_rows: int, seed: int
) -> None:
    codes = np.repeat(np.arange(len(counts)), counts)
    rows = cut_rows(codes, max_rows=max_rows, seed=seed)
    assert len(np.unique(rows)) == len(rows)
    kept = np.bincount(codes[rows], minlength=len(counts))
    if len(codes) <= max_rows:
        assert kept.tolist() == counts
        return
    for count, left in zip(counts, kept, strict=True):
        assert left == count if count < KEEP_WHOLE else left >= KEEP_WHOLE
    large = np.array(counts) >= KEEP_WHOLE
    floor = kept[large] > KEEP_WHOLE
    shares = kept[large][floor] / np.array(counts)[large][floor]
    if len(shares) > 1:
        assert np.ptp(shares) <= 1 / KEEP_WHOLE
    assert len(rows) <= max(max_rows, KEEP_WHOLE * len(counts)) + KEEP_WHOLE * len(
        counts
    )


def test_copies_with_other_labels_are_counted_by_their_first() -> None:
    codes = np.array([0, 1, 1, 0, 0, 1, 1, 0])
    groups = np.repeat(np.arange(4, dtype=np.uint64), 2)
    with pytest.raises(InputError, match="largest class of this table has 2"):
        stratified_folds(codes, groups, n_folds=4, seed=0)
    for fold in stratified_folds(codes, groups, n_folds=2, seed=0):
        assert not set(groups[fold.train]) & set(groups[fold.test])
