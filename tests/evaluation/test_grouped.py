"""Rows of one owner stay together, each row is tested once, and mistakes are told."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.evaluation import grouped_folds, number_groups


def test_each_row_is_tested_once_and_no_owner_is_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    codes, groups = rng.integers(0, 3, 200), rng.integers(0, 25, 200)
    folds = grouped_folds(codes, groups, n_folds=4, seed=1)
    tested = np.concatenate([fold.test for fold in folds])
    assert sorted(tested.tolist()) == list(range(200))
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert sorted([*fold.train, *fold.test]) == list(range(200))


def test_owners_of_a_rare_class_are_spread_over_the_folds() -> None:
    # Three of twelve owners have the rare class: one of them for each fold.
    groups = np.repeat(np.arange(12), 5)
    codes = np.isin(groups, [0, 4, 9]).astype(np.int64)
    for seed in range(5):
        folds = grouped_folds(codes, groups, n_folds=3, seed=seed)
        assert [int(codes[fold.test].sum()) for fold in folds] == [5, 5, 5]


def test_the_seed_changes_the_draw_and_nothing_else_does() -> None:
    codes, groups = np.tile([0, 1], 30), np.repeat(np.arange(20), 3)
    first, again, other = (
        [fold.test.tolist() for fold in grouped_folds(codes, groups, n_folds=4, seed=s)]
        for s in (0, 0, 1)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    "groups",
    [
        ["b", None, "a", "b", None],
        pd.Series([2.0, np.nan, 1.0, 2.0, np.nan]),
        pd.Series(["b", None, "a", "b", None], dtype="category"),
        pd.to_datetime(pd.Series(["2024-01-02", None, "2024-01-01"] + [None] * 2)),
    ],
    ids=["texts", "numbers", "categories", "dates"],
)
def test_a_missing_owner_is_one_of_its_own(groups: Sequence[object]) -> None:
    codes = number_groups(groups, n_rows=5)
    same = codes[0] == codes[3]
    assert len(set(codes.tolist())) == (4 if same else 5)
    assert same or "datetime" in str(getattr(groups, "dtype", ""))


def test_what_cannot_be_split_is_said() -> None:
    codes = np.tile([0, 1], 6)
    with pytest.raises(InputError, match=r"at least 4 different groups.* belong to 3"):
        grouped_folds(codes, np.repeat([0, 1, 2], 4), n_folds=4, seed=0)
    with pytest.raises(InputError, match="least 7 rows; the largest class has 6"):
        grouped_folds(codes, np.arange(12), n_folds=7, seed=0)
    with pytest.raises(InputError, match=r"fractions such as 0\.5"):
        number_groups([1.0, 0.5], n_rows=2)
    with pytest.raises(InputError, match=r"one value per row: 3, got .* \(2,\)"):
        number_groups(["a", "b"], n_rows=3)
