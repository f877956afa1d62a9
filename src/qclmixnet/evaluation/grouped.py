"""How rows of the same owner are split: together, and by class as well as may be."""

import warnings

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.protocol import Fold
from qclmixnet.table.source import object_array

__all__ = ["grouped_folds", "number_groups"]


def number_groups(groups: object, *, n_rows: int) -> npt.NDArray[np.int64]:
    """Number the owners of rows; a row whose owner is missing is its own.

    Args:
        groups: owner of each row: texts, categories, whole numbers, booleans or dates.
        n_rows: rows of the table.

    Returns:
        int64 of shape (n_rows,), counted from 0.

    Raises:
        InputError: there is another number of values, or they are fractions.

    >>> number_groups(["ann", "bob", None, "ann"], n_rows=4).tolist()
    [0, 1, 2, 0]
    """
    cells = object_array(groups, "groups")
    if cells.shape != (n_rows,):
        raise InputError(
            f"`groups` must have one value per row: {n_rows}, got an array of shape "
            f"{cells.shape}."
        )
    fraction = next(
        (c for c in cells if isinstance(c, float | np.floating) and c % 1 > 0), None
    )
    if fraction is not None:
        raise InputError(
            "`groups` must tell whose each row is, by texts, categories or whole "
            f"numbers, but holds fractions such as {float(fraction)!r}, as a "
            "measurement does."
        )
    codes = pd.factorize(cells)[0].astype(np.int64)
    missing = np.flatnonzero(codes < 0)
    codes[missing] = codes.max(initial=-1) + 1 + np.arange(len(missing))
    return codes


def grouped_folds(
    codes: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    *,
    n_folds: int,
    seed: int,
) -> tuple[Fold, ...]:
    """Split rows so that each owner's are on one side, classes spread evenly.

    Each row is tested once. Whole owners are dealt out, so that shares of classes are
    only about the same; a class with few owners is missing from some parts.

    Args:
        codes: class of each row.
        groups: owner of each row, see `number_groups`.
        n_folds: number of folds, at least 2.
        seed: of the draw.

    Returns:
        One split per fold.

    Raises:
        InputError: there are fewer owners than folds, no class has as many rows, or
            the rows are so unevenly owned that a fold is empty.

    >>> codes, groups = np.tile([0, 1], 6), np.repeat([0, 1, 2], 4)
    >>> folds = grouped_folds(codes, groups, n_folds=3, seed=0)
    >>> sorted(set(groups[fold.test]).pop() for fold in folds) == [0, 1, 2]
    True
    """
    check_integer(n_folds, "n_folds", low=2)
    n_groups = len(np.unique(groups))
    if n_groups < n_folds:
        raise InputError(
            f"{n_folds} folds need at least {n_folds} different groups; the rows "
            f"belong to {n_groups}. Use fewer folds."
        )
    largest = int(np.bincount(codes).max())
    if largest < n_folds:
        raise InputError(
            f"{n_folds} folds need a class with at least {n_folds} rows; the largest "
            f"class has {largest}. Use fewer folds."
        )
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer rows than folds is allowed here, and documented above.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = tuple(
            Fold(train.astype(np.int64), test.astype(np.int64))
            for train, test in splitter.split(codes, codes, groups)
        )
    if any(not len(fold.test) or not len(fold.train) for fold in folds):
        raise InputError(
            f"{n_folds} folds cannot be made: a few of the {n_groups} groups own most "
            "rows, and one fold would be empty. Use fewer folds."
        )
    return folds
