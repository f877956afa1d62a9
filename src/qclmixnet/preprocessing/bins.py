"""Edges of bins that hold about the same number of training rows."""

import numpy as np
import numpy.typing as npt
from jaxtyping import Float32

__all__ = ["cut_points", "quantile_edges"]


def quantile_edges(
    x: Float32[np.ndarray, "rows columns"], *, n_bins: int
) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[np.float64]]]:
    """Choose the edges of each column's bins by the quantiles of its values.

    A column with few different values gets an edge at each of them. In others a value
    that fills a bin alone, such as the 0 of a count, gets an edge, and the other rows
    share the other bins. A column with fewer than three values gets no bins: a linear
    map says all there is to say.

    Args:
        x: the training rows.
        n_bins: bins per column at most, >= 2.

    Returns:
        The columns that have bins, and the increasing edges of each.

    >>> columns, edges = quantile_edges(np.float32([[0, 1], [1, 1], [5, 1]]), n_bins=4)
    >>> columns, edges
    (array([0]), [array([0., 1., 5.])])
    """
    columns, edges = [], []
    for column in range(x.shape[1]):
        values = x[:, column].astype(np.float64)
        different, counts = np.unique(values, return_counts=True)
        if len(different) > n_bins + 1:
            heavy = different[counts * n_bins >= len(values)]
            others = values[~np.isin(values, heavy)]
            shares = np.linspace(0, 1, n_bins - len(heavy) + 1)
            different = np.union1d(heavy, np.quantile(others, shares))
        # float32 arithmetic later must not meet bins of no width.
        wide = np.concatenate([[True], np.diff(different) > 1e-6])
        if wide.sum() >= 3:
            columns.append(column)
            edges.append(different[wide])
    return np.array(columns, dtype=np.int64), edges


def cut_points(
    values: Float32[np.ndarray, " rows"], *, n_bins: int
) -> npt.NDArray[np.float64]:
    """Choose where a tree may cut a column.

    Args:
        values: the column of the training rows, of at least one.
        n_bins: bins that the cuts make at most, >= 2.

    Returns:
        Increasing cuts: halfway between neighbouring values where there are few of
        them, quantiles where there are more than `n_bins`. Bin k holds the values above
        cut k - 1 and up to cut k.

    >>> cut_points(np.float32([1, 2, 2, 5]), n_bins=4)
    array([1.5, 3.5])
    >>> cut_points(np.arange(100, dtype=np.float32), n_bins=4)
    array([24.5, 49.5, 74.5])
    """
    different = np.unique(values).astype(np.float64)
    if len(different) <= n_bins:
        return (different[1:] + different[:-1]) / 2
    shares = np.linspace(0, 100, n_bins + 1)[1:-1]
    between = np.percentile(
        values.astype(np.float64), shares, method="averaged_inverted_cdf"
    )
    return np.unique(between)
