"""The nearest neighbours of every row, in the whole table or within its class.

References:
    The paper of QCL-MixNet only says "k = 5 nearest neighbours"; searching large
    classes approximately (`inverted_file`) is ours, and the recall is tested.
"""

import math
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float32, Int64, Integer
from torch import Tensor

from qclmixnet.augment.inverted_file import TIERED_FROM, InvertedFile
from qclmixnet.core import checks
from qclmixnet.core.errors import InputError, MissingExtraError

__all__ = ["EXACT_LIMIT", "Neighbours", "find_neighbours"]

EXACT_LIMIT = 20_000
"""Rows of a class up to which ``method="auto"`` searches exactly."""

# Under this an inverted file has too few rows per list to be worth training.
_APPROXIMATE_MIN = 2_000
_BLOCK_BYTES = 64 * 2**20
# The distance trick only nominates this many rows beyond k; plain differences decide.
_EXTRA_CANDIDATES = 8
# Rows centred at once: float64 copies of all rows would be most of the memory.
_CENTRED_ROWS = 2**17


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of every row, nearest first.

    Attributes:
        indices: row numbers; of row i only the first ``n_valid[i]`` are neighbours,
            the rest is padded with i itself.
        n_valid: how many neighbours each row has.
    """

    indices: Int64[np.ndarray, "rows k"]
    n_valid: Int64[np.ndarray, " rows"]


def find_neighbours(
    x: Float32[np.ndarray, "rows features"],
    *,
    k: int,
    labels: Integer[np.ndarray, " labels"] | None = None,
    method: Literal["auto", "exact", "approximate"] = "auto",
    seed: int = 0,
    former: Neighbours | None = None,
) -> Neighbours:
    """Find the ``k`` Euclidean nearest neighbours of every row.

    A row is no neighbour of itself, but another row with the same values is one.
    Equal distances are broken the same way every time, though not always in favour
    of the lower row number. The same input gives the same output.

    Args:
        x: finite values, columns on comparable scales.
        k: neighbours wanted; a row has fewer when its group is smaller than k + 1.
        labels: with them, only rows of the same class are neighbours.
        method: ``"exact"`` compares all pairs (time grows with the square of the
            rows of a class, memory stays below about 200 MB); ``"approximate"``
            builds a faiss index for each class of at least 2,000 rows, which finds
            nearly all neighbours where rows form clusters (our tests ask for nine in
            ten) and near ones instead of the nearest where they do not; ``"auto"`` is
            exact for a class of up to `EXACT_LIMIT` rows and approximate above when
            faiss is installed.
        seed: of the index training; only used by the approximate search.
        former: the neighbours of the same rows before they moved. Where a class has
            more than a million rows they spare most of the search, if some rows drawn
            at random show that they still help. Smaller classes are searched anew.

    Returns:
        One line of row numbers per row of `x`.

    Raises:
        InputError: `x`, `k`, `labels`, `method` or `former` is not usable.
        MissingExtraError: ``method="approximate"`` without faiss.

    >>> x = np.array([[0.0], [1.0], [5.0], [6.5]], dtype=np.float32)
    >>> find_neighbours(x, k=1).indices.ravel().tolist()
    [1, 0, 3, 2]
    >>> by_class = find_neighbours(x, k=2, labels=np.array([0, 0, 0, 1]))
    >>> by_class.indices.tolist(), by_class.n_valid.tolist()
    ([[1, 2], [0, 2], [1, 0], [3, 3]], [2, 2, 2, 0])
    """
    k = checks.check_integer(k, "k", low=1)
    checks.check_choice(method, "method", ["auto", "exact", "approximate"])
    _check_rows(x, labels)
    if former is not None and len(former.indices) != len(x):
        raise InputError(
            f"`former` must hold the neighbours of the {len(x)} rows of `x`, got "
            f"{len(former.indices)}."
        )
    if method == "approximate" and find_spec("faiss") is None:
        raise MissingExtraError(
            "faiss-cpu", extra="neighbours", purpose="Approximate neighbour search"
        )
    n_rows = len(x)
    k = min(k, max(n_rows - 1, 1))  # more there cannot be
    indices = np.repeat(np.arange(n_rows, dtype=np.int64)[:, None], k, axis=1)
    n_valid = np.zeros(n_rows, dtype=np.int64)
    for rows in _groups(n_rows, labels):
        k_group = min(k, len(rows) - 1)
        if k_group < 1:
            continue
        if _use_index(len(rows), method):
            near = None if former is None else former.indices[rows]
            found = _search_index(x, rows, near, k=k_group, seed=seed)
        else:
            group = _centred(x, rows, np.float64)
            found = _search_pairs(group, k_group, np.arange(len(rows)))
        indices[rows, :k_group] = rows[found]
        n_valid[rows] = k_group
    return Neighbours(indices=indices, n_valid=n_valid)


def _check_rows(x: np.ndarray, labels: np.ndarray | None) -> None:
    if x.ndim != 2 or x.shape[1] < 1:
        raise InputError(
            f"`x` must have rows and at least one column, got shape {x.shape}."
        )
    if labels is not None and labels.shape != (len(x),):
        raise InputError(
            f"`labels` must hold one class for each of the {len(x)} rows of `x`, "
            f"got shape {labels.shape}."
        )
    finite = np.isfinite(x).all(axis=1)
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise InputError(
            f"`x` must be finite, got {x[row][~np.isfinite(x[row])][0]} in row {row}."
        )


def _groups(n_rows: int, labels: np.ndarray | None) -> list[np.ndarray]:
    if labels is None:
        return [np.arange(n_rows)]
    order = np.argsort(labels, kind="stable")
    borders = np.flatnonzero(np.diff(labels[order])) + 1
    return np.split(order, borders)


def _centred(
    x: np.ndarray, rows: np.ndarray, dtype: type[np.floating[Any]]
) -> np.ndarray:
    """Move the mean to zero, in float64: a common offset would drown distances."""
    centred: np.ndarray = x[rows].astype(dtype, copy=False)
    mean = centred.mean(axis=0, dtype=np.float64)
    for start in range(0, len(rows), _CENTRED_ROWS):
        part = centred[start : start + _CENTRED_ROWS]
        part[:] = part.astype(np.float64) - mean
    return centred


def _use_index(n_rows: int, method: str) -> bool:
    if method == "auto":
        return n_rows > EXACT_LIMIT and find_spec("faiss") is not None
    return method == "approximate" and n_rows >= _APPROXIMATE_MIN


def _search_pairs(x: np.ndarray, k: int, queries: np.ndarray) -> np.ndarray:
    """Compare the ``queries`` rows of ``x`` with all rows, a block at a time."""
    n_rows, n_features = x.shape
    n_candidates = min(k + _EXTRA_CANDIDATES, n_rows - 1)
    block = max(1, _BLOCK_BYTES // (8 * max(n_rows, n_candidates * n_features)))
    points = torch.from_numpy(x)
    squares = points.square().sum(dim=1)
    found = [
        _search_block(points, squares, rows, (n_candidates, k))
        for rows in torch.split(torch.from_numpy(queries), block)
    ]
    nearest: np.ndarray = torch.cat(found).numpy()
    return nearest


def _search_block(
    points: Tensor, squares: Tensor, rows: Tensor, counts: tuple[int, int]
) -> Tensor:
    n_candidates, k = counts
    # |b|^2 - 2ab orders a row's candidates like |a - b|^2. Float64, because in float32
    # the cancellation loses near-duplicates (tests/augment/test_neighbours.py).
    distance = torch.addmm(squares, points[rows], points.T, alpha=-2.0)
    distance[torch.arange(len(rows)), rows] = math.inf
    candidates = distance.topk(n_candidates, dim=1, largest=False).indices
    candidates = candidates.sort(dim=1).values  # equal distances: lower row first
    gap = points[candidates] - points[rows][:, None, :]  # (block, candidates, features)
    nearest = gap.square().sum(dim=2).argsort(dim=1, stable=True)[:, :k]
    return candidates.gather(1, nearest)


def _search_index(
    x: np.ndarray, rows: np.ndarray, former: np.ndarray | None, *, k: int, seed: int
) -> np.ndarray:
    index = InvertedFile(_centred(x, rows, np.float32), seed)
    if former is None or len(rows) <= TIERED_FROM:
        nearest, short = index.search(k)
    else:
        nearest, short = index.search(k, _places(former, rows))
    if len(short):
        nearest[short] = _search_pairs(_centred(x, rows, np.float64), k, short)
    return nearest


def _places(former: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Turn row numbers of the table into places among the rows of the class."""
    places = np.minimum(np.searchsorted(rows, former), len(rows) - 1)
    if (rows[places] != former).any():
        raise InputError("`former` must name rows of the same class as `labels` does.")
    return places
