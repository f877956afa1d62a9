"""The order in which an epoch goes through the rows."""

import torch
from jaxtyping import Int
from torch import Tensor

__all__ = ["SPREAD_FROM", "epoch_order"]

SPREAD_FROM = 300_000
"""Rows from which on an epoch spreads every class evenly over its batches."""


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
        Row numbers, on the CPU.
    """
    n_rows = len(labels)
    shuffled = torch.randperm(n_rows, generator=generator)
    if n_rows <= SPREAD_FROM:
        return shuffled
    codes = labels.cpu()[shuffled]
    counts = torch.bincount(codes)
    by_class = torch.argsort(codes, stable=True)  # shuffled within each class
    starts = counts.cumsum(0) - counts
    of_class = codes[by_class]
    rank = torch.arange(n_rows) - starts[of_class]
    late = torch.rand(len(counts), generator=generator, dtype=torch.float64)
    when = (rank + late[of_class]) / counts[of_class]
    return shuffled[by_class[torch.argsort(when)]]
