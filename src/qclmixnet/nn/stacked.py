"""Layers of many networks at once: stacked weights and batched matrix products.

A member is one network; every tensor of a stacked layer has the members first. Members
share no weight: each draws its own from its own generator and gets its own gradient,
so that members trained together are the members trained alone, only faster.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.nn.shapes import check_width

__all__ = [
    "RowShare",
    "StackedDropout",
    "StackedLinear",
    "StackedNorm",
    "stacked_normal",
]


@dataclass(frozen=True)
class RowShare:
    """Which rows of a batch are here, when several processes have one together.

    Attributes:
        n_rows: rows of the whole batch.
        first: the first one here.
        step: from one row here to the next.
    """

    n_rows: int
    first: int
    step: int


def stacked_normal(
    *shape: int, std: float, generators: Sequence[torch.Generator]
) -> nn.Parameter:
    """Draw one tensor per generator from a normal distribution around 0.

    Args:
        *shape: sizes of each member's tensor.
        std: spread of the distribution, >= 0.
        generators: one per member.

    Returns:
        The tensors as one to learn, members first.

    >>> two = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    >>> stacked_normal(3, 4, std=0.1, generators=two).shape
    torch.Size([2, 3, 4])
    """
    drawn = [torch.empty(shape).normal_(0.0, std, generator=g) for g in generators]
    return nn.Parameter(torch.stack(drawn))


class StackedLinear(nn.Module):
    """One linear map per member.

    Args:
        d_in: width of the rows that come in, >= 1.
        d_out: width of those that go out, >= 1.
        std: spread of the first weights; None for ``1 / sqrt(d_in)``. Biases start
            at 0.
        generators: one per member, the source of its first weights.

    Raises:
        InputError: a size is out of range, or the input has another shape.

    >>> two = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
    >>> StackedLinear(3, 4, generators=two)(torch.zeros(5, 3)).shape
    torch.Size([2, 5, 4])
    """

    def __init__(
        self,
        d_in: int,
        d_out: int,
        *,
        std: float | None = None,
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        self.d_in = check_integer(d_in, "d_in", low=1)
        self.d_out = check_integer(d_out, "d_out", low=1)
        self.weight = stacked_normal(
            self.d_in,
            self.d_out,
            std=1 / math.sqrt(self.d_in) if std is None else std,
            generators=generators,
        )
        self.bias = nn.Parameter(torch.zeros(len(generators), 1, self.d_out))

    def forward(
        self, x: Float[Tensor, "*members batch d_in"]
    ) -> Float[Tensor, "members batch d_out"]:
        """Map rows that are each member's own, or the same rows for all members."""
        if x.ndim == 2:  # one wide product instead of many narrow ones
            check_width(x, self.d_in)
            wide = self.weight.transpose(0, 1).reshape(self.d_in, -1)
            out = (x @ wide).view(len(x), len(self.weight), self.d_out)
            return out.transpose(0, 1) + self.bias
        _check_stack(x, len(self.weight), self.d_in)
        return torch.baddbmm(self.bias, x, self.weight)

    def of_upright(
        self, x: Float[Tensor, "members d_in batch"]
    ) -> Float[Tensor, "members batch d_out"]:
        """Map rows that lie in memory as columns, each member's own."""
        bias, weight = self.bias.transpose(1, 2), self.weight.transpose(1, 2)
        return torch.baddbmm(bias, weight, x).transpose(1, 2)

    def extra_repr(self) -> str:
        """Show the sizes when the module is printed."""
        return f"n_members={len(self.weight)}, d_in={self.d_in}, d_out={self.d_out}"


class StackedNorm(nn.Module):
    """Layer norm with a scale and a shift per member and channel.

    Args:
        n_members: number of members, >= 1.
        width: number of channels, >= 1.

    Raises:
        InputError: a size is out of range, or the input has another shape.

    References:
        Ba, Kiros, Hinton (2016), "Layer Normalization", arXiv 1607.06450.
    """

    def __init__(self, n_members: int, width: int) -> None:
        super().__init__()
        shape = (
            check_integer(n_members, "n_members", low=1),
            1,
            check_integer(width, "width", low=1),
        )
        self.scale = nn.Parameter(torch.ones(shape))
        self.shift = nn.Parameter(torch.zeros(shape))

    def forward(
        self, x: Float[Tensor, "members batch width"]
    ) -> Float[Tensor, "members batch width"]:
        """Normalise each row, then scale and shift it."""
        n_members, _, width = self.scale.shape
        _check_stack(x, n_members, width)
        plain = F.layer_norm(x, (width,))
        return torch.addcmul(self.shift, plain, self.scale)


class StackedDropout(nn.Module):
    """Dropout whose masks are windows of one pool of random bits.

    Drawing a fresh bit for every number costs more than the rest of a small step; a
    window at a random place of a pool of a million bits, drawn anew after every 32
    passes over it, costs a copy. Each member draws the places of its own windows.

    Of a batch that several processes have together each draws the masks of all rows
    and takes those of its `share`, so that they are the masks of one process.

    Args:
        rate: share of the numbers set to 0; the others grow by ``1 / (1 - rate)``.
        generators: one per member, the source of its windows.
        pool_generator: the source of the bits.

    Raises:
        InputError: the rate is not in [0, 1).
    """

    _POOL, _PASSES = 1 << 20, 32

    def __init__(
        self,
        rate: float,
        *,
        generators: Sequence[torch.Generator],
        pool_generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.rate = check_real(rate, "rate", low=0, high=1, open_high=True)
        self._generators = tuple(generators)
        self._pool_generator = pool_generator
        self._pool: Tensor | None = None
        self._used = 0
        self.share: RowShare | None = None
        """The rows that come in while training; None for whole batches."""

    def forward(
        self, x: Float[Tensor, "members batch width"]
    ) -> Float[Tensor, "members batch width"]:
        """Drop numbers while training; change nothing otherwise."""
        if not self.training or self.rate == 0:
            return x
        n_members, n_rows, width = x.shape
        share = self.share or RowShare(n_rows, first=0, step=1)
        size = share.n_rows * width
        pool = self._bits(size, x)
        places = [
            int(torch.randint(len(pool) - size + 1, (), generator=generator))
            for generator in self._generators
        ]
        mask = torch.stack([pool[place : place + size] for place in places])
        of_rows = mask.view(n_members, share.n_rows, width)
        return x * of_rows[:, share.first :: share.step]

    def _bits(self, size: int, like: Tensor) -> Tensor:
        """Return the pool, drawn anew when it is worn or too small."""
        # 1 / (1 - rate) in bfloat16 would be off by up to 0.4 %.
        dtype = torch.promote_types(like.dtype, torch.float32)
        pool = self._pool
        self._used += size
        small = pool is None or len(pool) < 2 * size
        if pool is None or small or self._used > self._PASSES * len(pool):
            n_bits = max(self._POOL, 2 * size)
            kept = torch.rand(n_bits, generator=self._pool_generator) >= self.rate
            pool, self._used = kept.to(like.device, dtype) / (1 - self.rate), 0
        # The module may have moved to another device or precision since the draw.
        self._pool = pool = pool.to(like.device, dtype)
        return pool

    def random_state(self) -> dict[str, Tensor]:
        """Return what decides about the next masks, as tensors on the CPU."""
        states = [g.get_state() for g in (*self._generators, self._pool_generator)]
        state = {"generators": torch.stack(states), "used": torch.tensor(self._used)}
        if self._pool is not None:
            state["pool"] = self._pool.cpu()
        return state

    def set_random_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on with the masks where `random_state` was called.

        Args:
            state: what it returned.
        """
        for generator, own in zip(
            (*self._generators, self._pool_generator), state["generators"], strict=True
        ):
            generator.set_state(own.clone())
        self._used = int(state["used"])
        self._pool = state.get("pool")

    def extra_repr(self) -> str:
        """Show the rate when the module is printed."""
        return f"rate={self.rate}"


def _check_stack(x: Tensor, n_members: int, width: int) -> None:
    """Refuse a single member or column, which would be broadcast in silence."""
    if x.ndim != 3 or len(x) != n_members or x.shape[2] != width:
        raise InputError(
            f"`x` must have shape ({n_members}, batch, {width}), got {tuple(x.shape)}."
        )
