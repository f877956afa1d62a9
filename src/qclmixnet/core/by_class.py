"""Rows of large tables put together by class, with no more memory than the result."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

__all__ = ["group_by_class"]

_ROWS_AT_ONCE = 1 << 18

IntArray = npt.NDArray[np.int64]


def group_by_class(
    rows: npt.NDArray[np.integer], codes: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.integer], IntArray]:
    """Put row numbers together by class; within a class they keep their order.

    What ``rows[np.argsort(codes[rows], kind="stable")]`` gives, part by part.

    Args:
        rows: row numbers in any order.
        codes: class of each row of the table, >= 0.

    Returns:
        The row numbers, those of class 0 first; and how many each class has.

    >>> rows, counts = group_by_class(np.array([4, 0, 3, 1]), np.array([1, 0, 1, 0, 1]))
    >>> rows.tolist(), counts.tolist()
    ([3, 1, 4, 0], [2, 2])
    """
    n_classes = int(codes.max(initial=-1)) + 1
    counts = np.zeros(n_classes, dtype=np.int64)
    for part in _parts(rows):
        counts += np.bincount(codes[part], minlength=n_classes)
    next_ = np.cumsum(counts) - counts
    grouped = np.empty_like(rows)
    for part in _parts(rows):
        of_part = codes[part]
        order = np.argsort(of_part, kind="stable")
        n_own = np.bincount(of_part, minlength=n_classes)
        sorted_ = of_part[order]
        place = np.arange(len(part)) + (next_ - (np.cumsum(n_own) - n_own))[sorted_]
        grouped[place] = part[order]
        next_ += n_own
    return grouped, counts


def _parts(rows: npt.NDArray[np.integer]) -> Iterator[npt.NDArray[np.integer]]:
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE]
