"""Boosted trees of a fixed depth as tensors: all of them in a few operations."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.nn.packed_trees import PackedTrees
from qclmixnet.nn.shapes import check_width

__all__ = ["BoostedTrees"]

# So many leaves are found sooner by walking than by preparing for many rows.
_FEW = 1 << 15
_ROWS_AT_ONCE = 1024


class BoostedTrees(nn.Module):
    """Sums of trees, one sum for each set of trees and class score.

    A tree of depth d is 2^d - 1 comparisons and 2^d leaf values, in the order of a
    heap: node i is followed by node 2i + 1 where its number is at most the threshold,
    and by 2i + 2 where it is larger. Sets do not see the same numbers: each ranks the
    codes of the categories its own way. There is nothing to learn here; the trees come
    from elsewhere, and all of them are in the state dict. They stay on the CPU.

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
        self._packed: dict[int, tuple[tuple[int, ...], PackedTrees]] = {}

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_packed": {}}  # made again where it is needed

    @property
    def n_sets(self) -> int:
        """Sets of trees."""
        return len(self.base)

    def forward(
        self, x_num: Float[Tensor, "rows n_num"], x_cat: Int[Tensor, "rows n_cat"]
    ) -> Float[Tensor, "sets rows classes"]:
        """Return the log-odds of each class by each set, in double precision."""
        if len(x_num) * self.value[..., 0].numel() <= _FEW:
            return self._all_sets(x_num, x_cat)
        return torch.stack(
            [self.one_set(which, x_num, x_cat) for which in range(self.n_sets)]
        )

    def _all_sets(
        self, x_num: Float[Tensor, "rows n_num"], x_cat: Int[Tensor, "rows n_cat"]
    ) -> Float[Tensor, "sets rows classes"]:
        """Walk few rows down all trees in one pass: a service asks for single rows.

        Each set has rows of its own in the table for its ranks.
        """
        self._check(x_num, x_cat)
        ranks = self.rank[:, (x_cat + self._first_code).T].flatten(0, 1)
        table = torch.cat([x_num.to(self.threshold).T, ranks])
        first_rank = torch.arange(self.n_sets, device=ranks.device) * x_cat.shape[1]
        feature, threshold = self.feature.flatten(0, 2), self.threshold.flatten(0, 2)
        shift = first_rank.repeat_interleave(len(feature) // self.n_sets)[:, None]
        node = feature.new_zeros(len(feature), len(x_num))
        for _ in range(self.depth):
            column = feature.gather(1, node)
            column = torch.where(column < self.n_num, column, column + shift)
            is_right = table.gather(0, column) > threshold.gather(1, node)
            node = 2 * node + 1 + is_right
        leaf = node - feature.shape[1]
        found = self.value.flatten(0, 2).gather(1, leaf).double()
        by_round = found.view(*self.feature.shape[:3], len(x_num))
        scores = self.base.double()[:, :, None] + by_round.sum(dim=1)
        return self._by_class(scores.transpose(1, 2))

    def one_set(
        self,
        which: int,
        x_num: Float[Tensor, "rows n_num"],
        x_cat: Int[Tensor, "rows n_cat"],
    ) -> Float[Tensor, "rows classes"]:
        """Return the log-odds of each class by one set of trees."""
        self._check(x_num, x_cat)
        packed, base = self._packed_set(which), self.base[which].double()
        ranks = self.rank[which][x_cat + self._first_code]
        table = torch.cat([x_num.to(self.threshold), ranks], dim=1).T.contiguous()
        scores = [
            base + packed.sums(rows.numpy()).T
            for rows in torch.split(table, _ROWS_AT_ONCE, dim=1)
        ]
        return self._by_class(torch.cat(scores))

    def _packed_set(self, which: int) -> PackedTrees:
        """Return a set laid out for many rows, made anew when it has changed."""
        parts = [
            getattr(self, name)[which] for name in ("feature", "threshold", "value")
        ]
        version = tuple(part._version for part in parts)
        kept = self._packed.get(which)
        if kept is None or kept[0] != version:
            kept = version, PackedTrees(*(part.numpy() for part in parts))
            self._packed[which] = kept
        return kept[1]

    def _check(self, x_num: Tensor, x_cat: Tensor) -> None:
        check_width(x_num, self.n_num)
        check_width(x_cat, len(self.cardinalities))

    def _by_class(self, scores: Tensor) -> Tensor:
        """Give the first of two classes, which has no score of its own, a zero."""
        if self.n_classes > 2:
            return scores
        return torch.cat([torch.zeros_like(scores), scores], dim=-1)
