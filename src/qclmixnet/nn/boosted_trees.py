"""Boosted trees of a fixed depth as tensors: all of them in a few operations."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.nn.shapes import check_width

__all__ = ["BoostedTrees"]

# Comparisons done at once; as many stay in the processor's cache.
_AT_ONCE = 1 << 19


class BoostedTrees(nn.Module):
    """Sums of trees, one sum for each set of trees and class score.

    A tree of depth d is 2^d - 1 comparisons and 2^d leaf values, in the order of a
    heap: node i is followed by node 2i + 1 where its number is at most the threshold,
    and by 2i + 2 where it is larger. Sets do not see the same numbers: each ranks the
    codes of the categories its own way. There is nothing to learn here; the trees come
    from elsewhere, and all of them are in the state dict.

    Args:
        n_num: numeric columns, >= 0.
        cardinalities: number of codes of each category column.
        n_classes: classes, >= 2. Two classes share one score.
        n_sets: sets of trees, >= 1.
        n_rounds: trees of each set and score, >= 1.
        depth: comparisons on the way to a leaf, >= 1.

    Raises:
        InputError: a size is out of range, there is no column at all, or an input has
            another width.
    """

    feature: Tensor
    threshold: Tensor
    value: Tensor
    base: Tensor
    rank: Tensor
    _first_code: Tensor

    def __init__(
        self,
        n_num: int,
        cardinalities: Sequence[int],
        n_classes: int,
        *,
        n_sets: int,
        n_rounds: int,
        depth: int,
    ) -> None:
        super().__init__()
        self.n_num = check_integer(n_num, "n_num", low=0)
        self.n_classes = check_integer(n_classes, "n_classes", low=2)
        n_sets = check_integer(n_sets, "n_sets", low=1)
        n_rounds = check_integer(n_rounds, "n_rounds", low=1)
        self.depth = check_integer(depth, "depth", low=1)
        if n_num + len(cardinalities) == 0:
            raise InputError("There must be at least one column.")
        self.cardinalities = tuple(cardinalities)
        n_scores = 1 if n_classes == 2 else n_classes
        trees, nodes = (n_sets, n_rounds, n_scores), 2**depth
        first = torch.tensor([0, *cardinalities]).cumsum(0)
        self.register_buffer("feature", torch.zeros(*trees, nodes - 1).long())
        self.register_buffer("threshold", torch.zeros(*trees, nodes - 1))
        self.register_buffer("value", torch.zeros(*trees, nodes))
        self.register_buffer("base", torch.zeros(n_sets, n_scores))
        self.register_buffer("rank", torch.zeros(n_sets, int(first[-1])))
        self.register_buffer("_first_code", first[:-1], persistent=False)

    @property
    def n_sets(self) -> int:
        """Sets of trees."""
        return len(self.base)

    def forward(
        self, x_num: Float[Tensor, "rows n_num"], x_cat: Int[Tensor, "rows n_cat"]
    ) -> Float[Tensor, "sets rows classes"]:
        """Return the log-odds of each class by each set, in double precision."""
        return torch.stack(
            [self.one_set(which, x_num, x_cat) for which in range(self.n_sets)]
        )

    def one_set(
        self,
        which: int,
        x_num: Float[Tensor, "rows n_num"],
        x_cat: Int[Tensor, "rows n_cat"],
    ) -> Float[Tensor, "rows classes"]:
        """Return the log-odds of each class by one set of trees."""
        check_width(x_num, self.n_num)
        check_width(x_cat, len(self.cardinalities))
        ranks = self.rank[which][x_cat + self._first_code]
        table = torch.cat([x_num.to(self.threshold), ranks], dim=1).T.contiguous()
        n_rounds, n_scores, n_nodes = self.feature.shape[1:]
        n_rows = max(1, min(len(x_num), _AT_ONCE // (n_scores * n_nodes)))
        n_at_once = max(1, _AT_ONCE // (n_rows * n_scores * n_nodes))
        sums = []
        for rows in torch.split(table, n_rows, dim=1):
            total = self.base[which].double()[:, None].expand(-1, rows.shape[1])
            for start in range(0, n_rounds, n_at_once):
                part = (which, slice(start, start + n_at_once))
                found = self._leaves(
                    rows,
                    self.feature[part].flatten(0, 1),
                    self.threshold[part].flatten(0, 1),
                    self.value[part].flatten(0, 1),
                )
                by_round = found.double().view(-1, n_scores, rows.shape[1])
                total = total + by_round.sum(dim=0)
            sums.append(total.T)
        scores = torch.cat(sums)
        if self.n_classes == 2:
            scores = torch.cat([torch.zeros_like(scores), scores], dim=1)
        return scores

    def _leaves(
        self, table: Tensor, feature: Tensor, threshold: Tensor, value: Tensor
    ) -> Float[Tensor, "trees rows"]:
        """Return the value that each tree gives to each row.

        All comparisons are made, then leaves meet in pairs from the bottom up; that is
        faster than to walk down row by row.
        """
        beyond = table[feature.flatten()] > threshold.flatten()[:, None]
        beyond = beyond.view(*feature.shape, table.shape[1])
        left: Tensor = value[:, :, None]
        for level in reversed(range(self.depth)):
            nodes = slice(2**level - 1, 2 ** (level + 1) - 1)
            left = torch.where(beyond[:, nodes], left[:, 1::2], left[:, 0::2])
        return left[:, 0]
