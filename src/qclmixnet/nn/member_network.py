"""The networks of the default preset, all members at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.nn.bins import StackedBinEmbedding
from qclmixnet.nn.shapes import check_width
from qclmixnet.nn.stacked import StackedDropout, StackedLinear, StackedNorm

__all__ = ["MemberNetwork", "MemberOutput", "StackedEntanglement"]


@dataclass(frozen=True, eq=False)
class MemberOutput:
    """What the members say about a batch of rows.

    Attributes:
        logits: one number per class; a softmax makes them probabilities.
        representation: what each member made of each row.
    """

    logits: Float[Tensor, "members batch classes"]
    representation: Float[Tensor, "members batch width"]
    projection: Float[Tensor, "members batch d_projection"] | None


class StackedEntanglement(nn.Module):
    """Add gated cosines and sines of learned angles to a representation.

    A row x becomes ``x + W_o (sigmoid(W_g h) * [cos t, sin t, cos(t + k roll(t))])``
    with ``h`` the normalised x, angles ``t = W_t h`` and a learned coupling k of each
    angle with its neighbour: the paper's layer with one gate per channel instead of one
    per row. Classical arithmetic, no qubits.

    Args:
        width: number of channels, >= 1.
        generators: one per member, the source of its first weights.

    References:
        Jahin, Abid, Mridha (2025), arXiv 2506.13987, framework figure, which has one
        gate per row and no coupling of angles; both are ours.
    """

    def __init__(self, width: int, *, generators: Sequence[torch.Generator]) -> None:
        super().__init__()
        n_members = len(generators)
        self.norm = StackedNorm(n_members, width)
        self.angles = StackedLinear(width, width, generators=generators)
        self.gates = StackedLinear(width, 3 * width, generators=generators)
        self.coupling = nn.Parameter(torch.ones(n_members, 1, width))
        self.out = StackedLinear(3 * width, width, generators=generators)

    def forward(
        self, x: Float[Tensor, "members batch width"]
    ) -> Float[Tensor, "members batch width"]:
        """Return x with its gated waves added."""
        h = self.norm(x)
        t = self.angles(h)
        coupled = torch.cos(t + self.coupling * t.roll(1, -1))
        waves = torch.cat([torch.cos(t), torch.sin(t), coupled], dim=-1)
        out: Tensor = x + self.out(torch.sigmoid(self.gates(h)) * waves)
        return out


class _ResidualBlock(nn.Module):
    def __init__(
        self, width: int, dropout: StackedDropout, generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        inner = 2 * width
        self.norm = StackedNorm(len(generators), width)
        self.up = StackedLinear(width, inner, generators=generators)
        self.dropout = dropout
        std = 0.5 / math.sqrt(inner)
        self.down = StackedLinear(inner, width, std=std, generators=generators)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.down(self.dropout(F.silu(self.up(self.norm(x)))))
        return out


class MemberNetwork(nn.Module):
    """Members that map dense rows to logits: linear map, residual blocks, linear map.

    All members see the plain columns. The last ``n_binned`` of them also see a vector
    for each column that has bins: numbers alone follow smooth trends best, bins follow
    jumps and heavy tails, and a table may need either.

    Args:
        n_plain: width of the plain rows, >= 1.
        n_columns: columns with bins; 0 for none.
        n_bins: bins of each.
        n_classes: number of classes, >= 2.
        n_binned: members that see the bins.
        d_hidden: width of the representation, >= 1.
        d_embedding: length of a binned column's vector.
        n_blocks: residual blocks, >= 0.
        dropout: share of the numbers dropped inside a block while training.
        entangle: add a layer of gated waves before the blocks.
        d_projection: width of the projections for a contrastive loss; 0 for none.
        input_norm: typical length of a plain row, to start in the right scale.
        generators: one per member, the source of its first weights and dropout.
        pool_generator: the source of the bits that dropout uses.

    Raises:
        InputError: a size is out of range, there are more binned members than members,
            an input has another shape, or the bins are missing.
    """

    def __init__(  # noqa: PLR0913 - the sizes of a network, all keyword-only
        self,
        *,
        n_plain: int,
        n_columns: int = 0,
        n_bins: int = 0,
        n_classes: int,
        n_binned: int = 0,
        d_hidden: int = 32,
        d_embedding: int = 8,
        n_blocks: int = 1,
        dropout: float = 0.15,
        entangle: bool = False,
        d_projection: int = 0,
        input_norm: float = 1.0,
        generators: Sequence[torch.Generator],
        pool_generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_members = check_integer(len(generators), "n_members", low=1)
        self.n_classes = check_integer(n_classes, "n_classes", low=2)
        self.d_hidden = check_integer(d_hidden, "d_hidden", low=1)
        if check_integer(n_binned, "n_binned", low=0) > self.n_members:
            raise InputError(
                f"`n_binned` must be at most the {self.n_members} members, "
                f"got {n_binned}."
            )
        self.n_binned = n_binned if n_columns else 0
        std = 1 / check_real(input_norm, "input_norm", low=0, open_low=True)
        self.plain = StackedLinear(n_plain, d_hidden, std=std, generators=generators)
        if self.n_binned:
            late = generators[-self.n_binned :]
            self.embedding = StackedBinEmbedding(
                n_columns, n_bins, d_embedding, generators=late
            )
            self.binned = StackedLinear(
                n_columns * d_embedding, d_hidden, generators=late
            )
        self.entanglement = (
            StackedEntanglement(d_hidden, generators=generators) if entangle else None
        )
        drop = StackedDropout(
            dropout, generators=generators, pool_generator=pool_generator
        )
        check_integer(n_blocks, "n_blocks", low=0)
        self.blocks = nn.Sequential(
            *(_ResidualBlock(d_hidden, drop, generators) for _ in range(n_blocks))
        )
        self.norm = StackedNorm(self.n_members, d_hidden)
        std = 0.3 / math.sqrt(d_hidden)
        self.head = StackedLinear(d_hidden, n_classes, std=std, generators=generators)
        self.projection = None
        if check_integer(d_projection, "d_projection", low=0):
            self.projection = StackedLinear(
                d_hidden, d_projection, generators=generators
            )

    def forward(
        self,
        plain: Float[Tensor, "batch n_plain"],
        bins: Float[Tensor, "batch columns bins"] | None = None,
    ) -> MemberOutput:
        """Return logits and representation of each row by each member."""
        check_width(plain, self.plain.d_in, name="plain")
        z = self.plain(plain)
        if self.n_binned:
            if bins is None:
                raise InputError(
                    f"`bins` is needed by {self.n_binned} of the members, got None."
                )
            of_bins = self.binned.of_upright(self.embedding.upright(bins))
            n_smooth = len(z) - len(of_bins)
            late = z[n_smooth:] + of_bins
            z = torch.cat([z[:n_smooth], late]) if n_smooth else late
        if self.entanglement is not None:
            z = self.entanglement(z)
        z = self.norm(self.blocks(z))
        projection = None if self.projection is None else self.projection(z)
        return MemberOutput(self.head(z), z, projection)
