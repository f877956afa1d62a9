"""Batches in which every class present can be compared with itself.

Contrastive losses need two rows of a class in the batch: a lone row has no positive.

References:
    Khosla et al. (2020), "Supervised Contrastive Learning", section 3.2,
    arXiv 2004.11362 (positives are other rows of the same class in the batch).
    DIFF(paper): neither they nor Jahin et al. (2025, arXiv 2506.13987) say how
    batches of rare classes are drawn; we keep the class shares of the table and add a
    second row wherever a class would be alone.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from qclmixnet.core import checks
from qclmixnet.core.errors import InputError

__all__ = ["ClassAwareBatchSampler"]

# Batch normalisation and contrastive terms say nothing on one or two rows.
_SMALLEST_BATCH = 3


class ClassAwareBatchSampler:
    """Deals all rows into random batches; no class is alone in a batch.

    One pass is one epoch: every row comes up once, in a fresh random order, in batches
    whose sizes differ by at most one. Behind those rows a batch carries one more row
    of each class that it would otherwise hold a single row of, drawn evenly from the
    rest of that class. A class that has only one row in all stays alone.

    Args:
        labels: class of every row, on any scale of whole numbers.
        batch_size: most rows of a batch before the additional ones. With less than 5,
            batches can be larger, since none is smaller than 3 rows.
        generator: source of randomness, advanced by each pass.

    Raises:
        InputError: `labels` is empty or `batch_size` is below 1.

    >>> labels = np.array([0] * 9 + [1] * 3)
    >>> generator = torch.Generator().manual_seed(0)
    >>> sampler = ClassAwareBatchSampler(labels, batch_size=6, generator=generator)
    >>> len(sampler), sorted(torch.cat(list(sampler)).unique().tolist()) == [*range(12)]
    (2, True)
    """

    def __init__(
        self,
        labels: Int[np.ndarray, " rows"] | Int[Tensor, " rows"],
        *,
        batch_size: int,
        generator: torch.Generator,
    ) -> None:
        batch_size = checks.check_integer(batch_size, "batch_size", low=1)
        given = torch.as_tensor(labels).detach().cpu()
        if given.ndim != 1 or len(given) == 0:
            raise InputError(
                f"`labels` must hold one class per row, got shape {tuple(given.shape)}."
            )
        self.generator = generator
        _, codes, counts = np.unique(
            given.numpy(), return_inverse=True, return_counts=True
        )
        self._codes, self._counts = torch.from_numpy(codes), torch.from_numpy(counts)
        # Rows in the order of their class, and where each class starts in that order.
        self._by_class = self._codes.argsort(stable=True)
        self._starts = self._counts.cumsum(0) - self._counts
        n_rows = len(given)
        self._rank = torch.empty(n_rows, dtype=torch.int64)
        self._rank[self._by_class] = torch.arange(n_rows)
        self._rank -= self._starts[self._codes]
        wanted = -(-n_rows // batch_size)
        n_batches = max(1, min(wanted, n_rows // _SMALLEST_BATCH))
        smaller, n_larger = divmod(n_rows, n_batches)
        self._sizes = torch.full((n_batches,), smaller)
        self._sizes[:n_larger] += 1

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[Int[Tensor, " batch"]]:
        device = self.generator.device
        order = torch.randperm(
            len(self._codes), generator=self.generator, device=device
        ).cpu()
        extra, n_extra = self._second_rows(order)
        dealt = torch.split(order, self._sizes.tolist())
        more = torch.split(extra, n_extra.tolist())
        for rows, companions in zip(dealt, more, strict=True):
            yield torch.cat([rows, companions])

    def _second_rows(
        self, order: Int[Tensor, " rows"]
    ) -> tuple[Int[Tensor, " extra"], Int[Tensor, " batches"]]:
        """Draw a companion for each lone row; and how many go to each batch."""
        n_batches, n_classes = len(self._sizes), len(self._counts)
        batch = torch.arange(n_batches).repeat_interleave(self._sizes)
        pair = batch * n_classes + self._codes[order]  # (rows,)
        pair, at = pair.sort()
        new = torch.ones(len(pair) + 1, dtype=torch.bool)
        new[1:-1] = pair[1:] != pair[:-1]
        lone = order[at[new[:-1] & new[1:]]]  # sorted by batch
        alone = batch[at[new[:-1] & new[1:]]]
        size = self._counts[self._codes[lone]]
        lone, alone, size = lone[size > 1], alone[size > 1], size[size > 1]
        draw = torch.rand(
            len(lone),
            generator=self.generator,
            device=self.generator.device,
            dtype=torch.float64,
        ).cpu()
        step = 1 + torch.minimum((draw * (size - 1)).long(), size - 2)
        place = (self._rank[lone] + step) % size
        extra = self._by_class[self._starts[self._codes[lone]] + place]
        return extra, alone.bincount(minlength=n_batches)
