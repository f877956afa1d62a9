"""Category codes in an order that trees can cut."""

import numpy as np
import numpy.typing as npt

__all__ = ["rank_levels"]

_PRIOR_ROWS = 3.0  # rows of the average class shares that every level starts with


def rank_levels(
    x_cat: npt.NDArray[np.int64],
    cardinalities: tuple[int, ...],
    codes: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    *,
    n_classes: int,
) -> npt.NDArray[np.float32]:
    """Rank the levels of each category column by their shares of the classes.

    Levels are ordered along the first principal component of their class shares, each
    share's distance from the average in units of the root of the average, so that a cut
    between neighbours parts the classes. With two classes it is the order of the share
    of one class.

    Args:
        x_cat: category codes, rows by columns.
        cardinalities: number of codes of each column.
        codes: class of each row.
        weights: how much each row counts, above 0.
        n_classes: how many classes there are.

    Returns:
        The rank of each code, column after column; levels that do not occur have the
        average shares.

    References:
        Coppersmith, Hong, Hosking (1999), "Partitioning nominal attributes in decision
        trees", for the principal component; Wright, König (2019), "Splitting on
        categorical predictors in random forests", for ordering once, before growing.

    >>> x_cat = np.array([[0], [0], [1], [1], [2], [2]])
    >>> codes = np.array([0, 1, 1, 1, 0, 0])
    >>> ranks = rank_levels(x_cat, (3,), codes, np.ones(6), n_classes=2)
    >>> ranks.tolist() in ([1.0, 0.0, 2.0], [1.0, 2.0, 0.0])
    True
    """
    prior = np.bincount(codes, weights=weights, minlength=n_classes)
    prior = prior / prior.sum()
    ranks = []
    for column, n_levels in enumerate(cardinalities):
        cells = np.bincount(
            x_cat[:, column] * n_classes + codes,
            weights=weights,
            minlength=n_levels * n_classes,
        ).reshape(n_levels, n_classes)
        rows = cells.sum(axis=1, keepdims=True)
        shares = (cells + _PRIOR_ROWS * prior) / (rows + _PRIOR_ROWS)
        away = (shares - prior) / np.sqrt(np.maximum(prior, np.finfo(float).tiny))
        _, _, axes = np.linalg.svd(np.sqrt(rows) * away, full_matrices=False)
        order = np.argsort(away @ axes[0], kind="stable")
        rank = np.empty(n_levels, dtype=np.float32)
        rank[order] = np.arange(n_levels)
        ranks.append(rank)
    return np.concatenate(ranks) if ranks else np.zeros(0, dtype=np.float32)
