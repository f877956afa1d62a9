"""How encoded columns enter the network: one-hot rows and feature tokens."""

import math
from collections.abc import Sequence
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.nn.initialisation import own_generator, uniform_parameter
from qclmixnet.nn.shapes import check_width

__all__ = ["FeatureTokens", "OneHotInput"]

# Where a look at the codes costs little, or torch knows no other way. On CUDA every
# look would wait for the device, which is asked to refuse wrong codes by itself.
_LOOKED_AT = ("cpu", "mps")


class OneHotInput(nn.Module):
    """Join numeric columns and one-hot coded category columns into dense rows.

    The numbers come first, then one block of ``cardinalities[i]`` columns for each
    category column. There is nothing to learn or to save. Cost: one row of
    ``n_features`` numbers per sample, whatever the number of columns.

    Args:
        n_num: number of numeric columns, >= 0.
        cardinalities: number of codes of each category column, each >= 1.

    Raises:
        InputError: an argument is out of range, there is no column at all, or an
            input has another width or a code outside its column's range. On CUDA a
            wrong code is a device-side assertion instead, raised a little later.

    >>> one_hot = OneHotInput(1, [2, 3])
    >>> one_hot(torch.tensor([[0.5]]), torch.tensor([[1, 0]])).tolist()
    [[0.5, 0.0, 1.0, 1.0, 0.0, 0.0]]
    """

    _offsets: Tensor
    _limits: Tensor

    def __init__(self, n_num: int, cardinalities: Sequence[int]) -> None:
        super().__init__()
        self.n_num = check_integer(n_num, "n_num", low=0)
        self.cardinalities = tuple(
            check_integer(c, f"cardinalities[{i}]", low=1)
            for i, c in enumerate(cardinalities)
        )
        self._n_features = self.n_num + sum(self.cardinalities)
        if self._n_features == 0:
            raise InputError(
                "`n_num` is 0 and `cardinalities` is empty: there is no column to use."
            )
        starts = [0, *accumulate(self.cardinalities)][:-1]
        for name, numbers in (("_offsets", starts), ("_limits", self.cardinalities)):
            buffer = torch.tensor(numbers, dtype=torch.int64)
            self.register_buffer(name, buffer, persistent=False)

    @property
    def n_features(self) -> int:
        """Width of the rows that come out."""
        return self._n_features

    def forward(
        self, x_num: Float[Tensor, "batch n_num"], x_cat: Int[Tensor, "batch n_cat"]
    ) -> Float[Tensor, "batch n_features"]:
        """Return dense rows of the dtype of ``x_num``."""
        check_width(x_num, self.n_num, name="x_num")
        check_width(x_cat, len(self.cardinalities), name="x_cat")
        if not self.cardinalities:
            return x_num
        # A code too large would light up the next column's block in silence.
        outside = (x_cat < 0) | (x_cat >= self._limits)
        if x_cat.device.type not in _LOOKED_AT:
            torch._assert_async(~outside.any(), "a code is out of its column's range")
        elif outside.any():
            raise InputError(self._describe_first(outside, x_cat))
        one_hot = x_num.new_zeros(len(x_cat), self._n_features - self.n_num)
        one_hot.scatter_(1, x_cat + self._offsets, 1.0)
        return torch.cat([x_num, one_hot], dim=1)  # (batch, n_features)

    def _describe_first(self, outside: Tensor, x_cat: Tensor) -> str:
        row, column = (int(index) for index in outside.nonzero()[0])
        return (
            f"`x_cat` column {column} must hold codes from 0 to "
            f"{self.cardinalities[column] - 1}, got {int(x_cat[row, column])} "
            f"in row {row}."
        )

    def extra_repr(self) -> str:
        """Show the columns when the module is printed."""
        return f"n_num={self.n_num}, cardinalities={self.cardinalities}"


class FeatureTokens(nn.Module):
    """Turn each number of a row into a vector of its own: ``t_j = x_j e_j + b_j``.

    Args:
        width: number of features, >= 1.
        d_token: length of each token, >= 1.
        generator: source of the initial weights; None for fresh entropy.

    References:
        Gorishniy, Rubachev, Khrulkov, Babenko (2021). Revisiting Deep Learning Models
        for Tabular Data. Section 3.3, Feature Tokenizer. arXiv 2106.11959. Numeric
        features only: categories arrive one-hot coded.

    >>> FeatureTokens(3, 4)(torch.zeros(2, 3)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(
        self, width: int, d_token: int, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.width = check_integer(width, "width", low=1)
        self.d_token = check_integer(d_token, "d_token", low=1)
        generator = own_generator(generator)
        bound = 1 / math.sqrt(self.d_token)
        shape = (self.width, self.d_token)
        self.weight = uniform_parameter(*shape, bound=bound, generator=generator)
        self.bias = uniform_parameter(*shape, bound=bound, generator=generator)

    def forward(
        self, x: Float[Tensor, "batch features"]
    ) -> Float[Tensor, "batch features d_token"]:
        """Return one token per feature."""
        check_width(x, self.width)
        return torch.addcmul(self.bias, x.unsqueeze(2), self.weight)

    def extra_repr(self) -> str:
        """Show the sizes when the module is printed."""
        return f"width={self.width}, d_token={self.d_token}"
