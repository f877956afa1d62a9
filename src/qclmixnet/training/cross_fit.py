"""Folds of which each member of an ensemble leaves one out."""

import numpy as np
import numpy.typing as npt

__all__ = ["NEVER", "deal_folds", "folds_by_hash", "hash_rows"]

_HASHES_AT_ONCE = 1 << 18

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


def hash_rows(
    x_num: npt.NDArray[np.float32], x_cat: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
    """Return 64 bits of each row; equal rows have equal ones, others hardly ever.

    >>> bits = hash_rows(np.float32([[0.0], [-0.0], [1.0]]), np.array([[3], [3], [3]]))
    >>> bool(bits[0] == bits[1]), bool(bits[0] == bits[2])
    (True, False)
    """
    out = np.zeros(len(x_num), dtype=np.uint64)
    numbers = (x_num + np.float32(0)).view(np.uint32)  # -0 becomes 0
    for column in (*numbers.T, *x_cat.T):
        out = _stirred(out ^ column.astype(np.uint64))
    return out


def folds_by_hash(
    codes: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.uint64],
    *,
    n_folds: int,
    seed: int,
) -> npt.NDArray[np.int8]:
    """Deal the rows of a large table to folds, copies of a row together.

    Each row goes where its own bits say, so that nothing has to be sorted; the folds
    of many rows are of nearly equal size all the same, as they are in each class with
    many rows. A class whose rows all fall into one fold is left out by no member.

    Args:
        codes: class of each row.
        hashes: 64 bits of each row, as from `hash_rows`.
        n_folds: folds, 2 to 127.
        seed: of the dealing.

    Returns:
        Fold of each row, or `NEVER`.
    """
    salt = _stirred(np.array([seed], dtype=np.uint64))
    n_classes = int(codes.max()) + 1
    counts = np.zeros(n_classes * n_folds, dtype=np.int64)
    folds = np.empty(len(hashes), dtype=np.int8)
    for start in range(0, len(hashes), _HASHES_AT_ONCE):
        part = slice(start, start + _HASHES_AT_ONCE)
        folds[part] = _stirred(hashes[part] ^ salt) % np.uint64(n_folds)
        place = codes[part] * n_folds + folds[part]
        counts += np.bincount(place, minlength=len(counts))
    in_one = (counts.reshape(n_classes, n_folds) > 0).sum(axis=1) < 2
    folds[in_one[codes]] = NEVER
    return folds


def _stirred(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Let each bit of a number depend on all: the finish of SplitMix64 (Vigna 2015)."""
    out = bits + np.uint64(0x9E3779B97F4A7C15)
    out = (out ^ (out >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    out = (out ^ (out >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return out ^ (out >> np.uint64(31))
