"""The approximate search within one class: an inverted file of faiss.

Rows are dealt to lists, each row to the nearest of many centres, and a search looks
through the lists of the 64 nearest centres. Up to a million rows there are about
rows^0.5 lists, above that one for every 256 rows, so that a search looks through the
same number of rows however many there are. Centres that many are trained and found by
a tier of tops above them: the centres are dealt to about lists^0.5 tops.

References:
    Johnson, Douze, Jégou (2019), "Billion-scale similarity search with GPUs", IEEE
    Transactions on Big Data, arXiv 1702.08734 (the inverted file of faiss).
    Which index, and how many lists, was measured: docs/explanation/neighbours.md.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Int64

if TYPE_CHECKING:
    import faiss

__all__ = ["TIERED_FROM", "InvertedFile"]

# faiss asks for at least 39 training rows per list.
_ROWS_PER_LIST = 39
TIERED_FROM = 2**20
"""Rows above which lists are of a fixed length, in two tiers."""

_ROWS_PER_TIERED_LIST = 256  # as 4 * rows^0.5 lists have at `TIERED_FROM`
# Rows compared with each row, at most: many equal rows make lists that are longer.
_MOST_COMPARED = 4 * 64 * _ROWS_PER_TIERED_LIST
# Rows that the centres are trained on, for each of them.
_TRAINING_ROWS = 32
_PROBED_TOPS = 24
_ROUNDS = 10
# Rows added or searched at once, and rows merged: bound what is needed beside the
# index, which is 800 bytes for each row searched at once.
_BLOCK_ROWS = 2**16
_MERGED_ROWS = 2**15
# With the former neighbours at hand, so many lists less are searched ...
_FEWER_LISTS = 4
# ... if by that at most this share of the neighbours is lost, over so many rows.
_MOST_LOST = 0.01
_TRIED_ROWS = 1_024


class InvertedFile:
    """Finds near rows among the rows that it is built from.

    Args:
        points: finite rows, at least 39.
        seed: of the training; the same rows and seed give the same answers.
    """

    def __init__(self, points: Float32[np.ndarray, "rows features"], seed: int) -> None:
        self._points = points
        n_rows = len(points)
        if n_rows <= TIERED_FROM:
            n_lists = min(4 * math.isqrt(n_rows), n_rows // _ROWS_PER_LIST)
            self._index, self._quantizer = _one_tier(points, n_lists, seed)
            self._block_rows = n_rows
        else:
            n_lists = n_rows // _ROWS_PER_TIERED_LIST
            self._index, self._quantizer = _two_tiers(points, n_lists, seed)
            self._block_rows = _BLOCK_ROWS
        for rows in self._blocks():
            self._index.add(points[rows[0] : rows[-1] + 1])
        # At most 64 lists: a search costs rows^0.5, until lists are of fixed length.
        self._n_probed = min(max(8, n_lists // 16), 64)
        self._seed = seed

    def search(
        self, k: int, former: Int64[np.ndarray, "rows k"] | None = None
    ) -> tuple[Int64[np.ndarray, "rows k"], np.ndarray]:
        """Find ``k`` near rows of every row, nearest first.

        Args:
            k: neighbours wanted.
            former: neighbours of every row before the rows moved. If they are as good
                as that, as some rows drawn at random tell, a quarter of the lists is
                searched and the nearest of old and new are taken.

        Returns:
            Row numbers, and which rows have fewer than `k` neighbours in the lists
            searched; their lines hold other numbers as well.
        """
        if former is not None and not self._still_helps(k, former):
            former = None
        nearest = np.empty((len(self._points), k), dtype=np.int64)
        short = []
        for rows in self._blocks():
            nearest[rows], lacking = self._search_rows(rows, k, former)
            short.append(rows[lacking])
        return nearest, np.concatenate(short)

    def _blocks(self) -> Iterator[np.ndarray]:
        n_rows = len(self._points)
        for start in range(0, n_rows, self._block_rows):
            yield np.arange(start, min(start + self._block_rows, n_rows))

    def _search_rows(
        self, rows: np.ndarray, k: int, former: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        self._index.nprobe = self._n_probed
        if former is not None:
            self._index.nprobe = max(1, self._n_probed // _FEWER_LISTS)
        _, found = self._index.search(self._points[rows], k + 1)
        if former is not None:
            return _nearest_of(self._points, rows, np.hstack([found, former[rows]]), k)
        # The row itself, and places left empty (-1), go behind the others.
        foreign = (found != rows[:, None]) & (found >= 0)
        order = np.argsort(~foreign, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(found, order, axis=1), foreign.sum(axis=1) < k

    def _still_helps(self, k: int, former: np.ndarray) -> bool:
        n_rows = len(self._points)
        n_tried = min(n_rows, _TRIED_ROWS)
        rng = np.random.default_rng(self._seed)
        rows = np.sort(rng.choice(n_rows, n_tried, replace=False))
        afresh, _ = self._search_rows(rows, k, None)
        merged, _ = self._search_rows(rows, k, former)
        best, _ = _nearest_of(self._points, rows, np.hstack([afresh, merged]), k)
        return _share_of(best, merged) >= _share_of(best, afresh) - _MOST_LOST


def _share_of(best: np.ndarray, found: np.ndarray) -> float:
    """Return the share of the best rows that were found."""
    return float((best[:, :, None] == found[:, None, :]).any(axis=2).mean())


def _nearest_of(
    points: np.ndarray, rows: np.ndarray, candidates: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the nearest of each row's candidates; tell who has fewer than ``k``."""
    nearest = np.empty((len(rows), k), dtype=np.int64)
    lacking = np.zeros(len(rows), dtype=bool)
    for start in range(0, len(rows), _MERGED_ROWS):
        part = slice(start, start + _MERGED_ROWS)
        own = rows[part, None]
        near = np.sort(candidates[part], axis=1)  # equal ones are side by side
        gap = points[near] - points[own]  # (part, candidates, features)
        distance = np.einsum("rcf,rcf->rc", gap, gap)
        distance[(near == own) | (near < 0)] = math.inf
        distance[:, 1:][near[:, 1:] == near[:, :-1]] = math.inf
        order = np.argsort(distance, axis=1, kind="stable")[:, :k]
        nearest[part] = np.take_along_axis(near, order, axis=1)
        lacking[part] = np.isfinite(distance).sum(axis=1) < k
    return nearest, lacking


def _one_tier(
    points: np.ndarray, n_lists: int, seed: int
) -> tuple["faiss.IndexIVFFlat", tuple["faiss.Index", ...]]:
    """Train the centres on all rows; return the quantizer too, which must live on."""
    import faiss

    n_features = points.shape[1]
    quantizer = faiss.IndexFlatL2(n_features)
    index = faiss.IndexIVFFlat(quantizer, n_features, n_lists)
    index.cp.seed = seed % 2**31
    index.cp.niter = _ROUNDS
    index.cp.max_points_per_centroid = 64
    index.train(points)
    return index, (quantizer,)


def _two_tiers(
    points: np.ndarray, n_lists: int, seed: int
) -> tuple["faiss.IndexIVFFlat", tuple["faiss.Index", ...]]:
    """Train tops on a sample, and under each top its share of the centres."""
    import faiss

    n_rows, n_features = points.shape
    rng = np.random.default_rng(seed)
    n_sampled = min(n_rows, n_lists * _TRAINING_ROWS)
    sample = points[np.sort(rng.choice(n_rows, n_sampled, replace=False))]
    tops = _centres(sample, math.isqrt(n_lists), seed)
    flat = faiss.IndexFlatL2(n_features)
    flat.add(tops)
    top_of = flat.search(sample, 1)[1][:, 0]
    order = np.argsort(top_of, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(top_of[order])) + 1)
    centres = np.concatenate(
        [
            _centres(sample[rows], max(1, len(rows) * n_lists // n_sampled), seed)
            for rows in members
        ]
    )
    quantizer = faiss.IndexIVFFlat(flat, n_features, len(tops))
    quantizer.train(tops)  # which are there already: nothing is trained
    quantizer.add(centres)
    quantizer.nprobe = _PROBED_TOPS
    index = faiss.IndexIVFFlat(quantizer, n_features, len(centres))
    index.train(centres)
    index.max_codes = _MOST_COMPARED
    return index, (quantizer, flat)


def _centres(points: np.ndarray, n_centres: int, seed: int) -> np.ndarray:
    import faiss

    training = faiss.Clustering(points.shape[1], n_centres)
    training.seed = seed % 2**31
    training.niter = _ROUNDS
    training.min_points_per_centroid = 1  # below which faiss prints a warning
    training.train(np.ascontiguousarray(points), faiss.IndexFlatL2(points.shape[1]))
    centres: np.ndarray = faiss.vector_to_array(training.centroids)
    return centres.reshape(n_centres, -1)
