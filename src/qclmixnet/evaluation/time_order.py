"""How rows in time are split: learn from what was before, test on what came next."""

import contextlib
import datetime as dt
import math
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.protocol import Fold
from qclmixnet.preprocessing.event_times import EventTimes, read_times
from qclmixnet.table.source import object_array

__all__ = ["time_ordered_folds"]


def time_ordered_folds(
    time: object,
    *,
    n_folds: int,
    gap: float | dt.timedelta | np.timedelta64 = 0,
    min_train_share: float = 0.5,
    groups: object = None,
) -> tuple[Fold, ...]:
    """Split rows by time: each test part is a block, learned from the rows before it.

    The first blocks of time are only learned from. The rest is cut into test blocks of
    about the same number of rows; each is tested once, and the training part grows from
    fold to fold (an expanding window). Rows of equal time are never parted: every
    training row is strictly before every test row.

    Labels are not looked at: a training part may lack classes that come up later, or
    hold a single one, which no classifier can learn from. Count the classes of each
    fold, and take fewer folds or a larger `min_train_share` where one is lacking.

    Args:
        time: when each row happened, in any order: dates of any kind, ISO texts of
            dates, or numbers; none missing. Dates are read to the microsecond.
        n_folds: number of test blocks, >= 1.
        gap: time before the first row of a test block that is not learned from, >= 0: a
            timedelta where times are dates (0 will do for none), otherwise a number in
            the unit of `time`. Give the time that a label takes to become known.
        min_train_share: share of the rows that are before the first test block at
            least, the gap included; above 0 and below 1.
        groups: entity of each row (a customer, a patient). When given, the entities of
            a test block are left out of its training part, so that each fold tests on
            entities never seen. Rows whose entity is missing are never left out.

    Returns:
        One split per test block, in the order of time.

    Raises:
        InputError: an argument is out of range, times are missing or cannot be read,
            `groups` has another length, there are too few different times, or a
            training part is left without rows.

    >>> for fold in time_ordered_folds([1, 2, 2, 3, 4, 5], n_folds=2):
    ...     print(fold.train, fold.test)
    [0 1 2] [3]
    [0 1 2 3] [4 5]
    """
    check_integer(n_folds, "n_folds", low=1)
    check_real(
        min_train_share, "min_train_share", low=0, high=1, open_low=True, open_high=True
    )
    times = read_times(time, "`time`")
    moments, width = times.moments, _gap_width(gap, times)
    entities = _entities(groups, len(moments))
    different, counts = np.unique(moments, return_counts=True)
    borders = _borders(counts, n_folds, min_train_share)
    # The first and the last time of each test block.
    blocks = zip(different[borders[:-1]], different[borders[1:] - 1], strict=True)
    folds = []
    for number, (first, last) in enumerate(blocks, start=1):
        is_test = (moments >= first) & (moments <= last)
        is_train = (moments < first) & (moments < first - width)
        if entities is not None:
            is_train &= ~np.isin(entities, entities[is_test & (entities >= 0)])
        if not is_train.any():
            raise InputError(
                f"Test block {number} of {n_folds} leaves no row to learn from: all "
                "rows before it are in the gap"
                + ("." if entities is None else " or share an entity with it.")
                + f" Use a smaller `gap` (got {gap!r}) or a larger `min_train_share` "
                f"(got {min_train_share!r})."
            )
        folds.append(Fold(np.flatnonzero(is_train), np.flatnonzero(is_test)))
    return tuple(folds)


def _borders(
    counts: npt.NDArray[np.int64], n_folds: int, min_train_share: float
) -> npt.NDArray[np.int64]:
    """Cut different times into a first part and blocks of about as many rows.

    Args:
        counts: rows at each different time, in order.
        n_folds: blocks.
        min_train_share: share of the rows in the first part, at least.

    Returns:
        Where each block begins and, last, the number of different times.

    Raises:
        InputError: there are too few different times.

    >>> _borders(np.array([2, 2, 3, 1]), n_folds=2, min_train_share=0.25).tolist()
    [1, 2, 4]
    """
    n_times, until = len(counts), np.cumsum(counts)
    # 1e-9: a share of 0.7 of 10 rows are 7 rows, and not 7.000000000000001.
    wanted = min_train_share * until[-1] - 1e-9
    border = int(np.searchsorted(until, wanted)) + 1
    if n_times - border < n_folds:
        raise InputError(
            f"`n_folds` is {n_folds}, but only {n_times - border} of the {n_times} "
            f"different times lie behind the first {min_train_share:g} of the rows "
            "(`min_train_share`), and rows of equal time stay together. Use fewer "
            "folds, a smaller share or finer times."
        )
    borders = [border]
    for left in range(n_folds, 1, -1):
        done = until[border - 1]
        goal = done + (until[-1] - done) / left
        # Leave a different time for each of the other blocks.
        possible = np.arange(border + 1, n_times - left + 2)
        border = int(possible[np.argmin(np.abs(until[possible - 1] - goal))])
        borders.append(border)
    return np.array([*borders, n_times], dtype=np.int64)


def _gap_width(gap: object, times: EventTimes) -> float:
    """Width of the gap in the unit of the times: microseconds for dates."""
    if not times.is_date:
        if isinstance(gap, dt.timedelta | np.timedelta64):
            raise InputError(
                "`gap` must be a number in the unit of `time`, since the times are "
                f"numbers, got {gap!r}."
            )
        return check_real(gap, "gap", low=0)
    width = math.nan
    if isinstance(gap, np.timedelta64):
        with contextlib.suppress(TypeError):  # months have no fixed length
            width = float(gap / np.timedelta64(1, "us"))
    elif isinstance(gap, dt.timedelta):
        width = gap / dt.timedelta(microseconds=1)
    elif isinstance(gap, Real) and gap == 0:
        width = 0.0
    if not width >= 0:
        raise InputError(
            "`gap` must be a timedelta of at least 0 and of fixed length, since the "
            f"times are dates, for example pandas.Timedelta(days=7); got {gap!r}."
        )
    return float(np.ceil(width))


def _entities(groups: object, n_rows: int) -> npt.NDArray[np.int64] | None:
    """Number the entities; -1 is a missing one."""
    if groups is None:
        return None
    cells = object_array(groups, "groups")
    if cells.shape != (n_rows,):
        raise InputError(
            f"`groups` must have one value per row: {n_rows} as `time`, got an array "
            f"of shape {cells.shape}."
        )
    return pd.factorize(cells)[0].astype(np.int64)
