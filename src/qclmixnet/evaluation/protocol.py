"""How rows are split: stratified, identical rows together, tiny classes kept whole."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError

__all__ = ["KEEP_WHOLE", "Fold", "cut_rows", "duplicate_groups", "stratified_folds"]

KEEP_WHOLE = 100
"""Classes with fewer rows than this keep all of them when training rows are cut."""


@dataclass(frozen=True)
class Fold:
    """Row numbers of one split, int64 and sorted.

    Attributes:
        train: rows to learn from.
        test: rows to score on.
    """

    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def duplicate_groups(X: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Return a number for each row, the same for rows with the same features.

    Missing cells are equal to each other. The numbers are 64-bit hashes: should two
    different rows ever share one, they are merely kept in the same fold.

    Args:
        X: the features.

    Returns:
        uint64 of shape (n_rows,).

    >>> groups = duplicate_groups(pd.DataFrame({"a": [1.0, None, 1.0, None]}))
    >>> bool(groups[0] == groups[2]), bool(groups[1] == groups[3])
    (True, True)
    """
    return np.asarray(pd.util.hash_pandas_object(X, index=False), dtype=np.uint64)


def stratified_folds(
    codes: npt.NDArray[np.int64],
    groups: npt.NDArray[np.uint64],
    *,
    n_folds: int,
    seed: int,
) -> tuple[Fold, ...]:
    """Split rows into folds with about the same share of each class.

    Rows of one group never straddle training and test. A class whose rows are all in
    one group cannot be both learned and tested: they stay in every training part. A
    class with fewer groups than folds is in the test part of some folds only.

    Args:
        codes: class of each row.
        groups: group of each row, see `duplicate_groups`.
        n_folds: number of folds, at least 2.
        seed: of the draw.

    Returns:
        One split per fold.

    Raises:
        InputError: there are not enough different rows, or only one class can be
            tested.

    >>> codes, groups = np.repeat([0, 1], 6), np.arange(12, dtype=np.uint64)
    >>> folds = stratified_folds(codes, groups, n_folds=3, seed=0)
    >>> [np.bincount(codes[fold.test]).tolist() for fold in folds]
    [[2, 2], [2, 2], [2, 2]]
    """
    check_integer(n_folds, "n_folds", low=2)
    # Different rows are dealt out by the class of their first copy; copies follow.
    _, first, group_of = np.unique(groups, return_index=True, return_inverse=True)
    label = codes[first]
    n_groups = np.bincount(label)
    if int((n_groups > 1).sum()) < 2:
        raise InputError(
            "Cross-validation needs at least 2 classes with 2 different rows each; "
            f"this table has {int((n_groups > 1).sum())}."
        )
    if n_groups.max() < n_folds:
        raise InputError(
            f"{n_folds} folds need a class with at least {n_folds} different rows; the "
            f"largest class of this table has {n_groups.max()}. Use fewer folds."
        )
    testable = np.flatnonzero(n_groups[label] > 1)
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    fold_of = np.full(len(first), -1)
    with warnings.catch_warnings():
        # A class with fewer rows than folds is allowed here, and documented above.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        for number, (_, test) in enumerate(splitter.split(testable, label[testable])):
            fold_of[testable[test]] = number
    fold_of_row = fold_of[group_of]
    return tuple(
        Fold(np.flatnonzero(fold_of_row != k), np.flatnonzero(fold_of_row == k))
        for k in range(n_folds)
    )


def cut_rows(
    codes: npt.NDArray[np.int64], *, max_rows: int, seed: int
) -> npt.NDArray[np.int64]:
    """Choose at most ``max_rows`` rows, class by class, keeping small classes whole.

    Classes with fewer than `KEEP_WHOLE` rows keep every row; of the others the same
    share is drawn from each, but never fewer than `KEEP_WHOLE` rows.

    Args:
        codes: class of each row.
        max_rows: rows to choose. Classes kept whole may make it a few more.
        seed: of the draw.

    Returns:
        Row numbers, int64 and sorted; all rows when there are no more than `max_rows`.

    >>> codes = np.repeat([0, 1], [1000, 20])
    >>> np.bincount(codes[cut_rows(codes, max_rows=200, seed=0)]).tolist()
    [180, 20]
    """
    check_integer(max_rows, "max_rows", low=1)
    if len(codes) <= max_rows:
        return np.arange(len(codes), dtype=np.int64)
    generator = np.random.default_rng(seed)
    classes, counts = np.unique(codes, return_counts=True)
    small = counts < KEEP_WHOLE
    share = max(0.0, (max_rows - counts[small].sum()) / max(1, counts[~small].sum()))
    chosen = [np.flatnonzero(np.isin(codes, classes[small]))]
    for label, count in zip(classes[~small], counts[~small], strict=True):
        rows = np.flatnonzero(codes == label)
        wanted = min(count, max(KEEP_WHOLE, int(share * count)))
        chosen.append(generator.choice(rows, size=wanted, replace=False))
    return np.sort(np.concatenate(chosen)).astype(np.int64)
