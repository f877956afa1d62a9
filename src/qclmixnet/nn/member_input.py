"""What the members of an ensemble see of an encoded row."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qclmixnet.core.errors import InputError
from qclmixnet.nn.bins import PiecewiseLinearEncoding
from qclmixnet.nn.embeddings import OneHotInput

__all__ = ["MemberInput"]


class MemberInput(nn.Module):
    """Turn encoded rows into plain rows and the bins of some numbers.

    There is nothing to learn, and nothing is kept in the state dict.

    Args:
        n_num: number of numeric columns, >= 0.
        cardinalities: number of codes of each category column.
        columns: the numeric columns that have bins.
        edges: increasing edges of the bins of each of these.

    Raises:
        InputError: there is no column at all, `columns` names one that is not numeric,
            its edges are missing or not increasing, or an input has another width.

    >>> inputs = MemberInput(1, [2], columns=[0], edges=[np.array([0.0, 1.0, 3.0])])
    >>> plain, bins = inputs(torch.tensor([[2.0]]), torch.tensor([[1]]))
    >>> plain.tolist(), bins.tolist()
    ([[2.0, 0.0, 1.0]], [[[1.0, 0.5]]])
    """

    _columns: Tensor

    def __init__(
        self,
        n_num: int,
        cardinalities: Sequence[int],
        *,
        columns: Sequence[int] | npt.NDArray[np.int64] = (),
        edges: Sequence[npt.NDArray[np.floating]] = (),
    ) -> None:
        super().__init__()
        if len(columns) != len(edges):
            raise InputError(
                f"`edges` must hold one array for each of the {len(columns)} "
                f"`columns`, got {len(edges)}."
            )
        if not all(0 <= column < n_num for column in columns):
            raise InputError(
                f"`columns` must hold numbers from 0 to {n_num - 1}, got "
                f"{[int(column) for column in columns]}."
            )
        self.plain = OneHotInput(n_num, cardinalities)
        self.encoding = PiecewiseLinearEncoding(edges) if len(edges) else None
        self.columns = [int(column) for column in columns]
        which = torch.tensor(self.columns, dtype=torch.int64)
        self.register_buffer("_columns", which, persistent=False)

    @property
    def n_plain(self) -> int:
        """Width of the plain rows."""
        return self.plain.n_features

    @property
    def n_columns(self) -> int:
        """Columns with bins."""
        return len(self._columns)

    @property
    def n_bins(self) -> int:
        """Bins of each of these."""
        return 0 if self.encoding is None else self.encoding.n_bins

    @property
    def numbers_per_row(self) -> int:
        """How many numbers a row becomes."""
        return self.n_plain + self.n_columns * self.n_bins

    def forward(
        self, x_num: Float[Tensor, "batch n_num"], x_cat: Int[Tensor, "batch n_cat"]
    ) -> tuple[
        Float[Tensor, "batch n_plain"], Float[Tensor, "batch columns bins"] | None
    ]:
        """Return plain rows, and bins when a column has any."""
        plain, bins = self.plain(x_num, x_cat), None
        if self.encoding is not None:
            bins = self.encoding(x_num[:, self._columns])
        return plain, bins
