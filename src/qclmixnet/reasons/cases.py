"""Which past cases a model sees as most like a new one."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from sklearn.neighbors import NearestNeighbors

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError

__all__ = ["NearestCases", "nearest_cases"]


@dataclass(frozen=True, eq=False)
class NearestCases:
    """The nearest past cases of each row, the nearest first.

    Attributes:
        positions: their positions in the table of past cases.
        distances: how far they are; the unit means nothing by itself.
    """

    positions: Int64[np.ndarray, "rows cases"]
    distances: Float64[np.ndarray, "rows cases"]


def nearest_cases(
    representation: Float64[np.ndarray, "rows width"],
    past: Float64[np.ndarray, "past_rows width"],
    *,
    n_cases: int,
) -> NearestCases:
    """Find the past cases whose representation is nearest.

    Args:
        representation: of the rows, as a model sees them.
        past: of the past cases, by the same model.
        n_cases: how many for each row, at least 1; all there are, if there are fewer.

    Returns:
        Positions and Euclidean distances, divided by the root of the width, so that
        they do not grow with the number of members. Equal distances stand in the order
        of the past table.

    Raises:
        InputError: `n_cases` is below 1, or there are no past cases.

    >>> found = nearest_cases(np.array([[0.0]]), np.array([[5.0], [1.0]]), n_cases=1)
    >>> found.positions.tolist(), found.distances.tolist()
    ([[1]], [[1.0]])
    """
    check_integer(n_cases, "n_cases", low=1)
    if not len(past):
        raise InputError("There must be at least one past case, got none.")
    n_cases = min(n_cases, len(past))
    index = NearestNeighbors(n_neighbors=n_cases, algorithm="brute").fit(past)
    found = index.kneighbors(representation, return_distance=False)
    positions = np.sort(found, axis=1).astype(np.int64)
    # Once more for the found ones: differences of squares leave no exact zeros.
    steps = representation[:, None] - past[positions]
    distances = np.sqrt(np.square(steps).mean(axis=2))
    order = np.argsort(distances, axis=1, kind="stable")
    return NearestCases(
        np.take_along_axis(positions, order, axis=1),
        np.take_along_axis(distances, order, axis=1),
    )
