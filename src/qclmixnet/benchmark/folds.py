"""The folds of a table: by class, by time, or by whose the rows are."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from qclmixnet.benchmark.split_by import SplitBy
from qclmixnet.benchmark.tables import LabelledTable
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.grouped import grouped_folds
from qclmixnet.evaluation.protocol import Fold, stratified_folds
from qclmixnet.evaluation.time_order import time_ordered_folds

__all__ = ["folds_of", "holdout_of", "lacking_classes"]


def folds_of(
    table: LabelledTable, rows: npt.NDArray[np.int64], *, n_folds: int, seed: int
) -> tuple[Fold, ...]:
    """Split rows of a table as it is to be split.

    By time they are blocks in their order, each learned from what was before it, and
    the seed plays no part.

    Args:
        table: the whole table.
        rows: row numbers of it.
        n_folds: number of folds.
        seed: of the draw.

    Returns:
        Row numbers of the whole table.

    Raises:
        InputError: the rows cannot be split so.
    """
    by = table.split_by
    if by is None:
        folds = stratified_folds(
            table.codes[rows], table.groups[rows], n_folds=n_folds, seed=seed
        )
    elif by.moments is not None:
        folds = _in_time(by, rows, n_folds=n_folds, min_train_share=0.5)
    else:
        assert by.groups is not None
        folds = grouped_folds(
            table.codes[rows], by.groups[rows], n_folds=n_folds, seed=seed
        )
    return tuple(Fold(rows[fold.train], rows[fold.test]) for fold in folds)


def holdout_of(
    table: LabelledTable, rows: npt.NDArray[np.int64], *, n_parts: int, seed: int
) -> Fold:
    """Keep one part in so many of the rows aside, by time the last one.

    Args:
        table: the whole table.
        rows: row numbers of it.
        n_parts: parts of about the same size.
        seed: of the draw.

    Returns:
        Row numbers of the whole table.

    Raises:
        InputError: the rows cannot be split so.
    """
    by = table.split_by
    if by is None or by.moments is None:
        return folds_of(table, rows, n_folds=n_parts, seed=seed)[0]
    (fold,) = _in_time(by, rows, n_folds=1, min_train_share=1 - 1 / n_parts)
    return Fold(rows[fold.train], rows[fold.test])


def _in_time(
    by: SplitBy, rows: npt.NDArray[np.int64], *, n_folds: int, min_train_share: float
) -> tuple[Fold, ...]:
    assert by.moments is not None
    return time_ordered_folds(
        # As plain numbers, so that the gap is one, too.
        by.moments[rows].astype(np.float64),
        n_folds=n_folds,
        gap=by.gap,
        min_train_share=min_train_share,
        groups=None if by.groups is None else by.groups[rows],
    )


def lacking_classes(table: LabelledTable, folds: Sequence[Fold]) -> list[str]:
    """Name the classes that some fold tests but does not learn.

    Args:
        table: the whole table.
        folds: its splits.

    Returns:
        For example ``["'fraud' in fold 1"]``.

    Raises:
        InputError: a training part holds one class only.
    """
    lacking = []
    for number, fold in enumerate(folds, start=1):
        learned = np.unique(table.codes[fold.train])
        if len(learned) == 1:
            raise InputError(
                f"The training part of fold {number} of {len(folds)} "
                f"({len(fold.train)} rows) holds one class only, "
                f"{str(table.classes[learned[0]])!r}, and nothing can be learned from "
                "it. Use fewer folds, a smaller gap, or leave out the rows before the "
                "first of another class."
            )
        tested = np.setdiff1d(table.codes[fold.test], learned)
        lacking += [f"{str(table.classes[k])!r} in fold {number}" for k in tested]
    return lacking
