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
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Int64

if TYPE_CHECKING:
    import faiss

__all__ = ["InvertedFile"]

# faiss asks for at least 39 training rows per list.
_ROWS_PER_LIST = 39
# Beyond these rows the lists of 4 * rows^0.5 would hold more than this many each.
_TIERED_FROM = 2**20
_ROWS_PER_TIERED_LIST = 256
# Rows that the centres are trained on, for each of them.
_TRAINING_ROWS = 32
_PROBED_TOPS = 24
_ROUNDS = 10
# Rows searched at once: bounds what a search needs beside the index.
_BLOCK_ROWS = 2**20


class InvertedFile:
    """Finds near rows among the rows that it is built from.

    Args:
        points: finite rows, at least 39.
        seed: of the training; the same rows and seed give the same answers.
    """

    def __init__(self, points: Float32[np.ndarray, "rows features"], seed: int) -> None:
        self._points = points
        n_rows = len(points)
        if n_rows <= _TIERED_FROM:
            n_lists = min(4 * math.isqrt(n_rows), n_rows // _ROWS_PER_LIST)
            self._index, self._quantizer = _one_tier(points, n_lists, seed)
        else:
            n_lists = n_rows // _ROWS_PER_TIERED_LIST
            self._index, self._quantizer = _two_tiers(points, n_lists, seed)
        self._index.add(points)
        # At most 64 lists: a search costs rows^0.5, until lists are of fixed length.
        self._index.nprobe = min(max(8, n_lists // 16), 64)

    def search(self, k: int) -> tuple[Int64[np.ndarray, "rows k"], np.ndarray]:
        """Find ``k`` near rows of every row, nearest first.

        Args:
            k: neighbours wanted.

        Returns:
            Row numbers, and which rows have fewer than `k` neighbours in the lists
            looked through; their lines hold other numbers as well.
        """
        n_rows = len(self._points)
        nearest = np.empty((n_rows, k), dtype=np.int64)
        short = []
        for start in range(0, n_rows, _BLOCK_ROWS):
            part = slice(start, start + _BLOCK_ROWS)
            _, found = self._index.search(self._points[part], k + 1)
            # The row itself, and places left empty (-1), go behind the others.
            own = np.arange(start, start + len(found))[:, None]
            foreign = (found != own) & (found >= 0)
            order = np.argsort(~foreign, axis=1, kind="stable")[:, :k]
            nearest[part] = np.take_along_axis(found, order, axis=1)
            short.append(start + np.flatnonzero(foreign.sum(axis=1) < k))
        return nearest, np.concatenate(short)


def _one_tier(
    points: np.ndarray, n_lists: int, seed: int
) -> tuple["faiss.IndexIVFFlat", "faiss.Index"]:
    """Train the centres on all rows; return the quantizer too, which must live on."""
    import faiss

    n_features = points.shape[1]
    quantizer = faiss.IndexFlatL2(n_features)
    index = faiss.IndexIVFFlat(quantizer, n_features, n_lists)
    index.cp.seed = seed % 2**31
    index.cp.niter = _ROUNDS
    index.cp.max_points_per_centroid = 64
    index.train(points)
    return index, quantizer


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
