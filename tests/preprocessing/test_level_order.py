import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qclmixnet.preprocessing import rank_levels

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def draw(
    seed: int, n_levels: int, n_classes: int, n_rows: int = 400
) -> tuple[IntArray, IntArray, FloatArray]:
    """Levels of one column whose classes differ, with weights."""
    rng = np.random.default_rng(seed)
    level = rng.integers(n_levels, size=n_rows)
    shares = rng.dirichlet(np.ones(n_classes), size=n_levels)
    codes = np.array([rng.choice(n_classes, p=shares[one]) for one in level])
    return level[:, None], codes, rng.uniform(0.2, 3.0, size=n_rows)


def smoothed_shares(
    level: IntArray, codes: IntArray, weights: FloatArray, n_levels: int, n_classes: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Shares of the classes with three average rows added, row by row."""
    total = np.zeros((n_levels, n_classes))
    for one, code, weight in zip(level[:, 0], codes, weights, strict=True):
        total[one, code] += weight
    prior = total.sum(axis=0) / total.sum()
    rows = total.sum(axis=1)
    shares = np.array(
        [
            [(total[i, c] + 3 * prior[c]) / (rows[i] + 3) for c in range(n_classes)]
            for i in range(n_levels)
        ]
    )
    return shares, prior, rows


def ranks_of(values: FloatArray) -> list[float]:
    """0 for the smallest; no two may be equal."""
    return [float((values < value).sum()) for value in values]


def either_way(values: FloatArray) -> tuple[list[float], list[float]]:
    assert np.diff(np.sort(values)).min() > 1e-9
    return ranks_of(values), ranks_of(-values)


def test_three_levels_by_hand() -> None:
    # Shares of class 1 are 0, 1/2 and 1, in the order of codes 2, 0, 1.
    level = np.array([[2], [2], [0], [0], [1], [1]])
    codes = np.array([0, 0, 0, 1, 1, 1])
    ranks = rank_levels(level, (3,), codes, np.ones(6), n_classes=2)
    assert ranks.dtype == np.float32
    assert ranks.tolist() in ([1.0, 2.0, 0.0], [1.0, 0.0, 2.0])


def test_few_rows_move_a_level_less_than_many() -> None:
    # One row of class 1 is a share of 1, ten of twelve are not; but one row is little:
    # (1 + 3/2) / (1 + 3) is below (10 + 3/2) / (12 + 3).
    level = np.repeat([0, 1, 2], [1, 12, 13])[:, None]
    codes = np.repeat([1, 1, 0, 1, 0], [1, 10, 2, 2, 11])
    ranks = rank_levels(level, (3,), codes, np.ones(26), n_classes=2)
    assert ranks.tolist() in ([1.0, 2.0, 0.0], [1.0, 0.0, 2.0])


@pytest.mark.parametrize("seed", range(5))
def test_two_classes_are_ordered_by_the_share_of_one(seed: int) -> None:
    level, codes, weights = draw(seed, 7, 2)
    shares, _, _ = smoothed_shares(level, codes, weights, 7, 2)
    ranks = rank_levels(level, (7,), codes, weights, n_classes=2)
    assert ranks.tolist() in either_way(shares[:, 1])


@pytest.mark.parametrize("n_classes", [3, 5, 9])
@pytest.mark.parametrize("seed", range(3))
def test_more_classes_are_ordered_along_the_first_principal_component(
    seed: int, n_classes: int
) -> None:
    level, codes, weights = draw(seed, 7, n_classes)
    shares, prior, rows = smoothed_shares(level, codes, weights, 7, n_classes)
    away = (shares - prior) / np.sqrt(prior)
    covariance = sum(
        (n * np.outer(row, row) for n, row in zip(rows, away, strict=True)),
        start=np.zeros((n_classes, n_classes)),
    )
    values, vectors = np.linalg.eigh(covariance)
    assert values[-1] > 1.01 * values[-2]  # else there is no first one
    ranks = rank_levels(level, (7,), codes, weights, n_classes=n_classes)
    assert ranks.tolist() in either_way(away @ vectors[:, -1])


@given(
    seed=st.integers(0, 999), n_classes=st.integers(2, 4), n_levels=st.integers(1, 6)
)
def test_a_weight_of_three_is_a_row_three_times(
    seed: int, n_classes: int, n_levels: int
) -> None:
    level, codes, _ = draw(seed, n_levels, n_classes, n_rows=30)
    times = np.random.default_rng(seed).integers(1, 4, size=30)
    weighted = rank_levels(
        level, (n_levels,), codes, times.astype(np.float64), n_classes=n_classes
    )
    again = np.repeat(np.arange(30), times)
    repeated = rank_levels(
        level[again],
        (n_levels,),
        codes[again],
        np.ones(len(again)),
        n_classes=n_classes,
    )
    np.testing.assert_array_equal(weighted, repeated)


def test_codes_that_do_not_occur_lie_where_the_average_is() -> None:
    # Codes 0 and 3 do not occur; 1 and 4 have less than the average of class 1.
    level = np.repeat([1, 4, 2, 5], 10)[:, None]
    codes = np.repeat([0, 0, 1, 0, 1, 0, 1], [10, 8, 2, 3, 7, 1, 9])
    ranks = rank_levels(level, (6,), codes, np.ones(40), n_classes=2)
    assert sorted(ranks) == list(range(6))
    assert set(ranks[[0, 3]]) == {2.0, 3.0}
    low, high = sorted([set(ranks[[1, 4]]), set(ranks[[2, 5]])], key=min)
    assert low == {0.0, 1.0}
    assert high == {4.0, 5.0}


def test_columns_are_ranked_each_alone_one_after_the_other() -> None:
    (first, codes, weights), (second, _, _) = draw(0, 5, 3), draw(1, 4, 3)
    both = rank_levels(np.hstack([first, second]), (6, 4), codes, weights, n_classes=3)
    alone = [
        rank_levels(first, (6,), codes, weights, n_classes=3),
        rank_levels(second, (4,), codes, weights, n_classes=3),
    ]
    np.testing.assert_array_equal(both, np.concatenate(alone))


def test_no_columns_have_no_ranks() -> None:
    none = np.zeros((4, 0), dtype=np.int64)
    ranks = rank_levels(none, (), np.array([0, 1, 0, 1]), np.ones(4), n_classes=2)
    assert ranks.shape == (0,)
    assert ranks.dtype == np.float32


@pytest.mark.parametrize("n_levels", [1, 4])
def test_a_column_of_one_value_has_ranks_nevertheless(n_levels: int) -> None:
    level = np.zeros((6, 1), dtype=np.int64)
    codes = np.array([0, 0, 1, 1, 2, 2])
    ranks = rank_levels(level, (n_levels,), codes, np.ones(6), n_classes=3)
    assert sorted(ranks) == list(range(n_levels))


def test_a_class_without_rows_changes_nothing() -> None:
    level, codes, weights = draw(3, 6, 2)
    two = rank_levels(level, (6,), codes, weights, n_classes=2)
    three = rank_levels(level, (6,), codes, weights, n_classes=3)
    assert three.tolist() in (two.tolist(), (5 - two).tolist())


def test_the_size_of_the_table_takes_the_smoothing_away() -> None:
    # With many rows the order is that of the plain shares, which differ by 1/1000.
    level = np.repeat([0, 1, 2], 100_000)[:, None]
    codes = np.concatenate(
        [np.arange(100_000) < n_ones for n_ones in (50_100, 50_000, 50_200)]
    ).astype(np.int64)
    ranks = rank_levels(level, (3,), codes, np.ones(300_000), n_classes=2)
    assert ranks.tolist() in ([1.0, 0.0, 2.0], [1.0, 2.0, 0.0])
