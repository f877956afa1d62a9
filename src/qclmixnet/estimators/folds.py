"""Folds of encoded rows, wherever these are, copies of a row together."""

import numpy as np
import numpy.typing as npt

from qclmixnet.preprocessing import EncodedTable, RowSource
from qclmixnet.training import deal_folds
from qclmixnet.training.cross_fit import folds_by_hash, hash_rows

__all__ = ["folds_of_rows"]

# Rows of up to this size are compared byte by byte, which takes four times as much.
_MOST_BYTES = 64 * 2**20
_ROWS_AT_ONCE = 65_536


def folds_of_rows(
    encoded: RowSource, codes: npt.NDArray[np.int64], *, n_folds: int, seed: int
) -> npt.NDArray[np.integer]:
    """Deal rows to folds.

    Args:
        encoded: the rows.
        codes: their classes.
        n_folds: folds, >= 2.
        seed: of the dealing.

    Returns:
        Fold of each row, or -1 for rows that every member learns from: dealt round
        robin as by `deal_folds` up to 64 MB of rows, by their hash above.
    """
    if encoded.n_rows * (4 * encoded.n_num + 8 * encoded.n_cat) <= _MOST_BYTES:
        copies = _copies(encoded.take(np.arange(encoded.n_rows)))
        generator = np.random.default_rng(seed)
        return deal_folds(codes, copies, n_folds=n_folds, generator=generator)
    hashes = np.empty(encoded.n_rows, dtype=np.uint64)
    for start in range(0, encoded.n_rows, _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, encoded.n_rows))
        part = encoded.take(rows)
        hashes[rows] = hash_rows(part.x_num, part.x_cat)
    return folds_by_hash(codes, hashes, n_folds=n_folds, seed=seed)


def _copies(encoded: EncodedTable) -> npt.NDArray[np.int64]:
    """Number the different rows; equal rows have equal numbers."""
    parts = [encoded.x_num + np.float32(0), encoded.x_cat]  # -0 becomes 0
    as_bytes = np.hstack(
        [
            np.ascontiguousarray(part).view(np.uint8).reshape(len(part), -1)
            for part in parts
        ]
    )
    rows = np.ascontiguousarray(as_bytes).view(f"V{as_bytes.shape[1]}")[:, 0]
    _, numbers = np.unique(rows, return_inverse=True)
    out: npt.NDArray[np.int64] = numbers.astype(np.int64)
    return out
