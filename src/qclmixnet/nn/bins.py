"""Numbers as positions between quantiles, and what a network makes of them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor, nn

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.nn.shapes import check_width
from qclmixnet.nn.stacked import stacked_normal

__all__ = ["PiecewiseLinearEncoding", "StackedBinEmbedding"]


class PiecewiseLinearEncoding(nn.Module):
    """Say for each bin of a column how much of it lies below the number.

    A number in bin t has 1 in the bins before, 0 in those after, and in bin t the
    share of its width that the number has passed. Beyond the outer edges the first and
    the last bin go on linearly, by one width at most. There is nothing to learn.

    Args:
        edges: increasing edges of each column's bins, n + 1 for n bins; columns
            with fewer bins than the others get zeros in the rest.

    Raises:
        InputError: a column's edges are fewer than two, not finite or not increasing,
            or the input has another number of columns.

    References:
        Gorishniy, Rubachev, Babenko (2022), "On Embeddings for Numerical Features in
        Tabular Deep Learning", section 3.2, arXiv 2203.05556.

    >>> encoding = PiecewiseLinearEncoding([np.array([0.0, 1.0, 3.0])])
    >>> encoding(torch.tensor([[2.0], [0.5], [9.0]])).tolist()
    [[[1.0, 0.5]], [[0.5, 0.0]], [[1.0, 2.0]]]
    """

    _starts: Tensor
    _slopes: Tensor
    _lows: Tensor
    _highs: Tensor

    def __init__(self, edges: Sequence[npt.NDArray[np.floating]]) -> None:
        super().__init__()
        self.edges = tuple(np.array(column, dtype=np.float64) for column in edges)
        for row, column in enumerate(self.edges):
            _check_edges(column, f"edges[{row}]")
        self.n_bins = max((len(column) - 1 for column in self.edges), default=0)
        shape = (len(edges), self.n_bins)
        starts, slopes = np.zeros(shape), np.zeros(shape)
        lows, highs = np.zeros(shape), np.ones(shape)
        for row, column in enumerate(self.edges):
            n_bins = len(column) - 1
            starts[row, :n_bins] = column[:-1]
            slopes[row, :n_bins] = 1 / np.diff(column)
            lows[row, 0], highs[row, n_bins - 1] = -1, 2
        for name, values in (
            ("_starts", starts),
            ("_slopes", slopes),
            ("_lows", lows),
            ("_highs", highs),
        ):
            buffer = torch.tensor(values, dtype=torch.float32)
            self.register_buffer(name, buffer, persistent=False)

    def forward(
        self, x: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, "batch columns bins"]:
        """Return the shares of the bins."""
        check_width(x, len(self.edges))
        shares = (x.unsqueeze(2) - self._starts) * self._slopes
        return torch.clamp(shares, self._lows, self._highs)


def _check_edges(column: npt.NDArray[np.float64], name: str) -> None:
    if column.ndim != 1 or len(column) < 2:
        raise InputError(
            f"`{name}` must hold at least 2 numbers in one row, got shape "
            f"{column.shape}."
        )
    if not (np.isfinite(column).all() and (np.diff(column) > 0).all()):
        raise InputError(
            f"`{name}` must hold finite numbers, each above the one before, "
            f"got {column.tolist()}."
        )


class StackedBinEmbedding(nn.Module):
    """Turn each column's bins into a vector: a linear map and a ReLU per column.

    Args:
        n_columns: columns, >= 1.
        n_bins: bins of each, >= 1.
        d_embedding: length of the vectors, >= 1.
        generators: one per member, the source of its first weights.

    Raises:
        InputError: a size is out of range, or the input has another shape.

    References:
        Gorishniy, Rubachev, Babenko (2022), section 3.4 ("LR" after piecewise-linear
        encoding), arXiv 2203.05556.
    """

    def __init__(
        self,
        n_columns: int,
        n_bins: int,
        d_embedding: int,
        *,
        generators: Sequence[torch.Generator],
    ) -> None:
        super().__init__()
        n_columns = check_integer(n_columns, "n_columns", low=1)
        n_bins = check_integer(n_bins, "n_bins", low=1)
        self.d_embedding = check_integer(d_embedding, "d_embedding", low=1)
        # About half of the bins of a number are 1.
        std = (n_bins / 2) ** -0.5
        self.weight = stacked_normal(
            n_columns, n_bins, d_embedding, std=std, generators=generators
        )
        shape = (len(generators), 1, n_columns * d_embedding)
        self.bias = nn.Parameter(torch.zeros(shape))

    def forward(
        self, bins: Float[Tensor, "batch columns bins"]
    ) -> Float[Tensor, "members batch width"]:
        """Return the vectors of all columns side by side."""
        return self.upright(bins).transpose(1, 2)

    def upright(
        self, bins: Float[Tensor, "batch columns bins"]
    ) -> Float[Tensor, "members width batch"]:
        """Return the same with a column for each row, as it lies in memory.

        To bring the members to the front of rows takes longer than the product; of
        columns, whole vectors move.
        """
        n_members, n_columns, n_bins, d_embedding = self.weight.shape
        if bins.shape[1:] != (n_columns, n_bins):
            raise InputError(
                f"`bins` must have shape (batch, {n_columns}, {n_bins}), "
                f"got {tuple(bins.shape)}."
            )
        by_column = self.weight.permute(1, 2, 0, 3).flatten(2)
        bias = self.bias.view(n_members, n_columns, d_embedding).transpose(0, 1)
        vectors = torch.baddbmm(
            bias.reshape(n_columns, n_members * d_embedding, 1),
            by_column.transpose(1, 2),
            bins.permute(1, 2, 0),
        )  # (columns, m * d, batch)
        vectors = vectors.relu_().view(n_columns, n_members, d_embedding, len(bins))
        return vectors.transpose(0, 1).flatten(1, 2)
