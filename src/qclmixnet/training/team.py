"""Processes that train the same members together, each on its share of every batch.

All of them draw the same batches, masks and mixing from generators in the same state.
Of row i of a batch process ``i % size`` takes care. Gradients are summed, so that every
process takes the step that one process with the whole batch would take, and weights
stay the same everywhere without being sent.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch import distributed as processes

__all__ = ["Alone", "Team", "TorchTeam"]


@runtime_checkable
class Team(Protocol):
    """What a process can do with the others; all have to do it, in the same order."""

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""

    @property
    def size(self) -> int:
        """Processes there are."""

    def sum(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return the sums over all processes of tensors of one precision."""

    def gather(
        self, part: Shaped[Tensor, "part ..."], n_rows: int
    ) -> Shaped[Tensor, "rows ..."]:
        """Put all rows together, of which each process has every size-th one."""

    def first_says(self, value: bool) -> bool:  # noqa: FBT001 - it is the answer
        """Return what the process of rank 0 was called with."""


class Alone:
    """A team of one process, which has nobody to wait for."""

    rank = 0
    size = 1

    def sum(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return the tensors."""
        return list(tensors)

    def gather(
        self, part: Shaped[Tensor, "part ..."], n_rows: int
    ) -> Shaped[Tensor, "rows ..."]:
        """Return the part, which is all rows."""
        assert len(part) == n_rows
        return part

    def first_says(self, value: bool) -> bool:  # noqa: FBT001
        """Return the value."""
        return value


class TorchTeam:
    """The processes of torch's default process group, which exists already.

    Args:
        device: where tensors are: with NCCL a GPU of this process alone, with Gloo the
            CPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.rank = processes.get_rank()
        self.size = processes.get_world_size()

    def sum(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return the sums over all processes, the same bits in each.

        Args:
            tensors: of one precision, the same shapes in each process.

        Returns:
            The sums; one message carries all of them.
        """
        flat = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        processes.all_reduce(flat)
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        return [
            part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)
        ]

    def gather(
        self, part: Shaped[Tensor, "part ..."], n_rows: int
    ) -> Shaped[Tensor, "rows ..."]:
        """Put all rows together in their order, without gradients.

        Args:
            part: rows number rank, rank + size, and so on.
            n_rows: rows that all processes have together.

        Returns:
            All rows.
        """
        n_each = -(-n_rows // self.size)
        padded = part.new_zeros(n_each, *part.shape[1:])
        padded[: len(part)] = part.detach()
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        processes.all_gather(parts, padded)
        return torch.stack(parts, dim=1).flatten(0, 1)[:n_rows]

    def first_says(self, value: bool) -> bool:  # noqa: FBT001
        """Return what the process of rank 0 was called with."""
        said = torch.tensor([float(value)], device=self._device)
        processes.broadcast(said, src=0)
        return bool(said.item())
