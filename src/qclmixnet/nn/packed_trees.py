"""Boosted trees for many rows at a time: one operation answers for 64 rows.

References:
    Lucchese et al. (2015), "QuickScorer: A Fast Algorithm to Rank Documents with
    Additive Ensembles of Regression Trees", SIGIR, for asking all comparisons instead
    of following paths, and answering them with words of bits. What the answers choose
    is computed differently here: leaves come bit by bit, for 64 rows at once.
"""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt64

__all__ = ["PackedTrees"]

# Bytes of answers at once; so many stay in the processor's cache.
_MOST_BYTES = 1 << 22
_WORD = 64


class _OneColumn(NamedTuple):
    """The different comparisons with one column, side by side."""

    column: int
    start: int
    stop: int


class PackedTrees:
    """The trees of one set, laid out to be asked about many rows.

    Trees share most of their comparisons. Each different one is made once for all
    rows, its answers become the bits of words, and from then on one operation is made
    on the words of 64 rows.

    Args:
        feature: column that each node compares, in the order of a heap.
        threshold: what it compares with.
        value: what each leaf adds.
    """

    def __init__(
        self,
        feature: Int64[np.ndarray, "rounds scores nodes"],
        threshold: Float32[np.ndarray, "rounds scores nodes"],
        value: Float32[np.ndarray, "rounds scores leaves"],
    ) -> None:
        self._n_rounds, self._n_scores, self._n_nodes = feature.shape
        self._value = torch.from_numpy(value).flatten(0, 1)
        columns, limits = feature.ravel(), threshold.ravel()
        order = np.lexsort((limits, columns))
        columns, limits = columns[order], limits[order]
        is_new = np.ones(len(order), dtype=bool)
        is_new[1:] = (np.diff(columns) != 0) | (limits[1:] != limits[:-1])
        which = np.empty(len(order), dtype=np.int64)
        which[order] = np.cumsum(is_new) - 1
        self._limits = limits[is_new][:, None]
        self._columns = _runs(columns[is_new])
        # By node and tree: one level of all trees lies side by side.
        self._which = np.ascontiguousarray(which.reshape(-1, self._n_nodes).T)

    def sums(
        self, table: Float32[np.ndarray, "columns rows"]
    ) -> Float64[torch.Tensor, "scores rows"]:
        """Return what the trees of each score add up to for each row."""
        n_rows = table.shape[1]
        answers = self._answers(table)
        total = torch.zeros(self._n_scores, n_rows, dtype=torch.float64)
        per_round = self._n_scores * self._n_nodes * answers.shape[1] * _WORD // 8
        n_at_once = max(1, _MOST_BYTES // max(1, per_round))
        for start in range(0, self._n_rounds, n_at_once):
            trees = slice(start * self._n_scores, (start + n_at_once) * self._n_scores)
            leaves = torch.from_numpy(self._leaves(answers, trees)[:, :n_rows])
            found = self._value[trees].gather(1, leaves).double()
            total += found.view(-1, self._n_scores, n_rows).sum(dim=0)
        return total

    def _answers(
        self, table: Float32[np.ndarray, "columns rows"]
    ) -> UInt64[np.ndarray, "comparisons words"]:
        """Compare, and pack the answers of 64 rows into each word."""
        n_rows = table.shape[1]
        n_padded = -(-n_rows // _WORD) * _WORD
        is_beyond = np.zeros((len(self._limits), n_padded), dtype=bool)
        for column, start, stop in self._columns:
            limits, out = self._limits[start:stop], is_beyond[start:stop, :n_rows]
            np.greater(table[column], limits, out=out)
        return np.packbits(is_beyond, axis=1, bitorder="little").view(np.uint64)

    def _leaves(
        self, answers: UInt64[np.ndarray, "comparisons words"], trees: slice
    ) -> Int64[np.ndarray, "trees rows"]:
        """Return the number of the leaf that each row reaches in some trees.

        On each level the turns taken above choose among the answers of its nodes, half
        of those that are left with each turn.
        """
        which = self._which[:, trees]
        asked = answers.take(which.ravel(), axis=0).reshape(*which.shape, -1)
        turns: list[UInt64[np.ndarray, "trees words"]] = []
        for level in range((self._n_nodes + 1).bit_length() - 1):
            open_ = asked[2**level - 1 : 2 ** (level + 1) - 1]
            for went_right in turns:
                left, right = np.split(open_, 2)
                open_ = left ^ ((left ^ right) & went_right)
            turns.append(open_[0])
        leaf = np.zeros((which.shape[1], answers.shape[1] * _WORD), dtype=np.uint16)
        for turn in turns:
            leaf <<= 1
            leaf |= np.unpackbits(turn.view(np.uint8), axis=1, bitorder="little")
        return leaf.astype(np.int64)


def _runs(columns: Int64[np.ndarray, " comparisons"]) -> list[_OneColumn]:
    """Return where each column begins and ends in a sorted list."""
    starts = np.flatnonzero(np.diff(columns, prepend=-1))
    stops = [*starts[1:], len(columns)]
    return [
        _OneColumn(int(columns[start]), int(start), int(stop))
        for start, stop in zip(starts, stops, strict=True)
    ]
