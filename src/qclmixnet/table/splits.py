"""Splitting rows into a training part and a held-out part, class by class."""

import math

import numpy as np

from qclmixnet.core.checks import check_real

__all__ = ["stratified_holdout"]

_ROWS_FOR_A_HELD_OUT_ONE = 4


def stratified_holdout(
    codes: np.ndarray, *, fraction: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split rows so that every class keeps about the same share on both sides.

    Of a class with n rows, ``round(fraction * n)`` are held out: at least 1 from 4
    rows on, never all, and none of a class with 1 row. When that would hold out
    nothing at all, one row of the largest class is held out, if it has 2 or more.

    Args:
        codes: class of each row, whole numbers.
        fraction: share of each class to hold out, strictly between 0 and 1.
        generator: source of the draw; the same state gives the same split.

    Returns:
        Row numbers for training and held out, both int64 and sorted.

    Raises:
        InputError: `fraction` is out of range.

    >>> rng = np.random.default_rng(0)
    >>> _, held_out = stratified_holdout(
    ...     np.repeat([0, 1], [8, 4]), fraction=0.25, generator=rng
    ... )
    >>> (held_out < 8).sum(), (held_out >= 8).sum()
    (np.int64(2), np.int64(1))
    """
    check_real(fraction, "fraction", low=0, high=1, open_low=True, open_high=True)
    _, classes, counts = np.unique(codes, return_inverse=True, return_counts=True)
    n_held = np.array([_n_held_out(int(n), fraction) for n in counts], dtype=np.int64)
    if len(counts) and not n_held.any() and counts.max() > 1:
        n_held[np.argmax(counts)] = 1
    shuffled = generator.permutation(len(classes))
    by_class = shuffled[np.argsort(classes[shuffled], kind="stable")]
    starts = np.cumsum(counts) - counts
    rank = np.arange(len(classes)) - np.repeat(starts, counts)
    is_held = rank < np.repeat(n_held, counts)
    train, held_out = np.sort(by_class[~is_held]), np.sort(by_class[is_held])
    return train.astype(np.int64), held_out.astype(np.int64)


def _n_held_out(n: int, fraction: float) -> int:
    wanted = math.floor(fraction * n + 0.5)
    if n >= _ROWS_FOR_A_HELD_OUT_ONE:
        wanted = max(wanted, 1)
    return min(wanted, n - 1)
