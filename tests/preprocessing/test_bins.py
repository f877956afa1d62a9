import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qclmixnet.preprocessing import cut_points, quantile_edges

FloatArray = npt.NDArray[np.float32]


def table(*columns: npt.ArrayLike) -> FloatArray:
    return np.column_stack([np.asarray(column, np.float32) for column in columns])


def edges_of(column: npt.ArrayLike, n_bins: int) -> list[float]:
    """The edges of a single column, none if it has no bins."""
    columns, edges = quantile_edges(table(column), n_bins=n_bins)
    assert columns.tolist() == [0] * len(edges)
    return edges[0].tolist() if edges else []


def test_edges_of_nine_numbers_by_hand() -> None:
    numbers = [8, 0, 5, 2, 7, 1, 4, 3, 6]
    assert edges_of(numbers, 4) == [0.0, 2.0, 4.0, 6.0, 8.0]
    # Thirds of 0..8 lie at 8/3 and 16/3, between the values.
    assert edges_of(numbers, 3) == pytest.approx([0, 8 / 3, 16 / 3, 8])
    assert edges_of(numbers, 8) == list(range(9))


@pytest.mark.parametrize("n_bins", [2, 7, 16, 32])
def test_bins_of_a_continuous_column_hold_equally_many_rows(n_bins: int) -> None:
    x = np.random.default_rng(0).lognormal(sigma=2.0, size=2000).astype(np.float32)
    edges = np.array(edges_of(x, n_bins))
    assert len(edges) == n_bins + 1
    assert edges[0] == x.min()
    assert edges[-1] == x.max()
    counts, _ = np.histogram(x, bins=edges)
    assert counts.sum() == 2000
    assert np.abs(counts - 2000 / n_bins).max() <= 1


@pytest.mark.parametrize("n_values", [3, 4, 5])
def test_a_column_with_few_values_has_an_edge_at_each(n_values: int) -> None:
    values = np.array([-2.5, 0.0, 0.125, 3.0, 70.0])[:n_values]
    shares = np.array([900, 50, 30, 15, 5])[:n_values]  # however rare
    column = np.random.default_rng(0).permutation(np.repeat(values, shares))
    assert edges_of(column, 4) == values.tolist()


def test_one_value_more_and_edges_follow_the_quantiles() -> None:
    column = np.repeat([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [1, 1, 1, 95, 1, 1])
    assert edges_of(column, 5) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    # The 3 fills a bin alone; thirds of 0, 1, 2, 4, 5 lie at 4/3 and 10/3.
    assert edges_of(column, 4) == pytest.approx([0, 4 / 3, 3, 10 / 3, 5])


def test_a_frequent_zero_leaves_the_bins_to_the_others() -> None:
    others = np.random.default_rng(0).lognormal(size=100).astype(np.float32)
    edges = np.array(edges_of(np.concatenate([np.zeros(900), others]), 16))
    assert len(edges) == 17
    assert edges[0] == 0
    counts, _ = np.histogram(others, bins=edges[1:])
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("column", [[3.0] * 6, [0.0, 1.0] * 3, [0.0, 5e-7, 1.0] * 2])
def test_columns_of_fewer_than_three_values_have_no_bins(column: list[float]) -> None:
    assert edges_of(column, 4) == []


def test_columns_are_named_by_their_place() -> None:
    rng = np.random.default_rng(0)
    x = table(np.zeros(30), rng.normal(size=30), np.arange(30) % 2, np.arange(30) % 3)
    columns, edges = quantile_edges(x, n_bins=6)
    assert columns.tolist() == [1, 3]
    assert columns.dtype == np.int64
    assert edges[0].tolist() == edges_of(x[:, 1], 6)
    assert edges[1].tolist() == [0.0, 1.0, 2.0]


def test_nearly_equal_values_are_one_edge() -> None:
    assert edges_of([0.0, 1.0, 1.0 + 2.0**-23, 2.0], 8) == [0.0, 1.0, 2.0]
    assert edges_of([0.0, 1e-5, 2e-5], 8) == pytest.approx([0.0, 1e-5, 2e-5])


def test_the_order_of_the_rows_does_not_matter() -> None:
    x = np.random.default_rng(0).normal(size=101).astype(np.float32)
    assert edges_of(x, 8) == edges_of(x[::-1], 8)


@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (5, 0)])
def test_no_rows_and_no_columns_give_no_bins(shape: tuple[int, int]) -> None:
    columns, edges = quantile_edges(np.zeros(shape, dtype=np.float32), n_bins=4)
    assert columns.shape == (0,)
    assert columns.dtype == np.int64
    assert edges == []


@given(
    x=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 40), st.integers(1, 3)),
        elements=st.floats(-100, 100, width=32) | st.sampled_from([0.0, 1.0, 1.5]),
    ),
    n_bins=st.integers(2, 12),
)
def test_edges_are_finite_increasing_wide_and_inside_the_column(
    x: FloatArray, n_bins: int
) -> None:
    columns, edges = quantile_edges(x, n_bins=n_bins)
    assert len(columns) == len(edges)
    assert columns.tolist() == sorted(set(columns.tolist()))
    for column, its_edges in zip(columns, edges, strict=True):
        assert 3 <= len(its_edges) <= n_bins + 1
        assert np.isfinite(its_edges).all()
        assert (np.diff(its_edges) > 1e-6).all()
        values = x[:, column]
        assert its_edges[0] == values.min()
        assert values.max() - 1e-5 <= its_edges[-1] <= values.max()


def test_few_values_are_cut_halfway() -> None:
    x = np.array([7, -1, 3, 3, 7, 7], np.float32)
    assert cut_points(x, n_bins=3).tolist() == [1.0, 5.0]
    assert cut_points(x[:1], n_bins=3).tolist() == []


@pytest.mark.parametrize("n_bins", [2, 7, 255])
def test_cuts_of_a_continuous_column_part_equally_many_rows(n_bins: int) -> None:
    x = np.random.default_rng(0).lognormal(sigma=2.0, size=2040).astype(np.float32)
    cuts = cut_points(x, n_bins=n_bins)
    assert len(cuts) == n_bins - 1
    counts = np.bincount(np.searchsorted(cuts, x), minlength=n_bins)
    assert abs(counts - 2040 / n_bins).max() <= 1.5


@given(
    x=hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-9, 9, width=32)),
    n_bins=st.integers(2, 20),
)
def test_cuts_increase_and_make_no_more_bins_than_asked(
    x: FloatArray, n_bins: int
) -> None:
    cuts = cut_points(x, n_bins=n_bins)
    assert len(cuts) < n_bins
    assert (np.diff(cuts) > 0).all()
    bins = np.searchsorted(cuts, x)
    # Bin k holds the numbers above cut k - 1 and up to cut k.
    assert (x <= np.append(cuts, np.inf)[bins]).all()
    assert (x > np.append(-np.inf, cuts)[bins]).all()


def test_a_value_that_fills_several_bins_is_cut_off_once() -> None:
    x = np.concatenate([np.zeros(70), np.arange(1, 31)]).astype(np.float32)
    cuts = cut_points(x, n_bins=10)
    # The seventh of nine quantiles lies halfway between the zeros and 1.
    assert cuts.tolist() == [0.0, 0.5, 10.5, 20.5]
