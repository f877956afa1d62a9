"""The order in which an epoch goes through the rows."""

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Int
from torch import Tensor

from qclmixnet.core.by_class import group_by_class

__all__ = ["SPREAD_FROM", "epoch_order"]

SPREAD_FROM = 300_000
"""Rows from which on an epoch spreads every class evenly over its batches."""

# About so many rows are sorted at a time; row numbers below 2^31 take four bytes.
_ROWS_AT_ONCE = 1 << 20
_MOST_SHORT = 2**31

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def epoch_order(
    labels: Int[Tensor, " rows"], generator: torch.Generator
) -> Int[Tensor, " rows"]:
    """Return all rows in random order.

    In tables above `SPREAD_FROM` rows, where an epoch has more than a thousand steps,
    the rows of each class come at even distances, in random order and from a random
    start: a rare class is then never absent from a long stretch of steps.

    Args:
        labels: class of each row.
        generator: the source of the order, on the CPU.

    Returns:
        Row numbers, on the CPU; of large tables in as few bytes as they need.
    """
    n_rows = len(labels)
    if n_rows <= SPREAD_FROM:
        return torch.randperm(n_rows, generator=generator)
    dtype = torch.int32 if n_rows < _MOST_SHORT else torch.int64
    shuffled = torch.randperm(n_rows, generator=generator, dtype=dtype).numpy()
    by_class, counts = group_by_class(shuffled, labels.cpu().numpy())
    late = torch.rand(len(counts), generator=generator, dtype=torch.float64).numpy()
    out = shuffled  # which is not needed any more
    end = 0
    n_parts = -(-n_rows // _ROWS_AT_ONCE)
    low = np.zeros_like(counts)
    for part in range(1, n_parts + 1):
        high = counts if part == n_parts else _rank_at(part / n_parts, counts, late)
        start, end = end, end + int((high - low).sum())
        out[start:end] = by_class[_in_turn(low, high, counts, late)]
        low = high
    return torch.from_numpy(out)


def _rank_at(time: float, counts: IntArray, late: FloatArray) -> IntArray:
    """Return how many rows of each class come before a time from 0 to 1."""
    size = np.maximum(counts, 1)
    rank = np.clip(np.ceil(time * size - late), 0, counts).astype(np.int64)
    # The times themselves decide, not a rounded product.
    rank -= (rank > 0) & ((rank - 1 + late) / size >= time)
    rank += (rank < counts) & ((rank + late) / size < time)
    return rank


def _in_turn(
    low: IntArray, high: IntArray, counts: IntArray, late: FloatArray
) -> IntArray:
    """Return places in a list by class, in the order of the times of their rows.

    Of a class of n rows row number r comes at ``(r + late) / n``.
    """
    n_own = high - low
    of_class = np.repeat(np.arange(len(counts)), n_own)
    rank = np.arange(len(of_class)) + (low - (np.cumsum(n_own) - n_own))[of_class]
    when = (rank + late[of_class]) / counts[of_class]
    places = (np.cumsum(counts) - counts)[of_class] + rank
    turn: IntArray = places[np.argsort(when, kind="stable")]
    return turn
