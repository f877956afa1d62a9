"""Folds of which each member of an ensemble leaves one out."""

import numpy as np
import numpy.typing as npt

__all__ = ["NEVER", "deal_folds"]

NEVER = -1
"""Fold of rows that every member learns from."""


def deal_folds(
    codes: npt.NDArray[np.int64],
    copies: npt.NDArray[np.int64],
    *,
    n_folds: int,
    generator: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Deal rows to folds, class by class, copies of a row together.

    Each class's different rows are dealt round robin in random order, starting where
    the class before ended, so that folds differ by one row at most in each class and
    overall, copies apart. The only row of a class is left out by no member, nor are
    all of a class's rows together, which may be copies of other classes' rows.

    Args:
        codes: class of each row.
        copies: a number of each row, the same for rows with equal features.
        n_folds: folds, >= 2.
        generator: source of the order.

    Returns:
        Fold of each row, or `NEVER`.

    >>> rng = np.random.default_rng(0)
    >>> rows = np.arange(8)
    >>> np.bincount(deal_folds(0 * rows, rows, n_folds=4, generator=rng))
    array([2, 2, 2, 2])
    """
    _, first, group = np.unique(copies, return_index=True, return_inverse=True)
    # A group of copies counts as a row of the class of its first row.
    of_group = codes[first]
    folds = np.full(len(first), NEVER)
    start = 0
    for code in range(int(codes.max()) + 1):
        members = generator.permutation(np.flatnonzero(of_group == code))
        if len(members) > 1:
            folds[members] = (np.arange(len(members)) + start) % n_folds
            start += len(members)
    for code in np.unique(codes):
        own = group[codes == code]
        if np.ptp(folds[own]) == 0:
            folds[own] = NEVER
    return folds[group]
