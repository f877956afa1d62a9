"""What a model said about rows it did not learn from: the ground of every decision."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["HeldOut", "keep_held_out"]

_MOST_ROWS = 20_000
_ALL_OF_A_CLASS = 2_000


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Rows left out of training: what they are, and what was said about them.

    Neither the models nor the calibration behind a row's probabilities saw that row.

    Attributes:
        codes: class number of each row.
        proba: calibrated probabilities, rows by classes; each row sums to 1.
        weights: how much each row counts, above 0; rows of a class that was thinned
            count for those left away.
    """

    codes: npt.NDArray[np.int64]
    proba: npt.NDArray[np.float64]
    weights: npt.NDArray[np.float64]

    @property
    def n_rows(self) -> int:
        """Rows there are."""
        return len(self.codes)


def keep_held_out(
    codes: npt.NDArray[np.int64],
    proba: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> HeldOut:
    """Keep what is held out; of many rows so many that the rare classes lose none.

    Args:
        codes: class number of each row.
        proba: calibrated probabilities, rows by classes.
        weights: how much each row counts.

    Returns:
        All rows up to 20,000. Of more, all of classes up to 2,000 rows, and of the
        larger ones an equal share each, with weights that make up for it.

    >>> codes = np.repeat([0, 1], [30_000, 50])
    >>> proba = np.full((30_050, 2), 0.5)
    >>> kept = keep_held_out(codes, proba, np.ones(30_050))
    >>> np.bincount(kept.codes), np.bincount(kept.codes, kept.weights).round(6)
    (array([19950,    50]), array([30000.,    50.]))
    """
    if len(codes) <= _MOST_ROWS:
        return HeldOut(codes, proba, weights)
    counts = np.bincount(codes, minlength=proba.shape[1])
    quota = _quota(counts)
    # The same rows in every run: which ones is no part of what a seed shall vary.
    shuffled = np.random.default_rng(len(codes)).permutation(len(codes))
    by_class = shuffled[np.argsort(codes[shuffled], kind="stable")]
    rank = np.arange(len(codes)) - (np.cumsum(counts) - counts)[codes[by_class]]
    rows = np.sort(by_class[rank < quota[codes[by_class]]])
    share = quota / np.maximum(counts, 1)
    kept = codes[rows]
    return HeldOut(kept, proba[rows], weights[rows] / share[kept])


def _quota(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the rows to keep of each class."""
    small = counts <= _ALL_OF_A_CLASS
    left = max(0, _MOST_ROWS - int(counts[small].sum()))
    share = min(1.0, left / max(1, int(counts[~small].sum())))
    thinned = np.maximum((counts * share).astype(np.int64), _ALL_OF_A_CLASS)
    return np.where(small, counts, thinned)
