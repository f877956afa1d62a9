"""The frame of scores that the statistics read: tables by methods."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError

__all__ = ["DECIMALS", "bootstrap_means", "checked_scores"]

FloatArray = npt.NDArray[np.float64]

DECIMALS = 12  # scores closer than this differ by rounding only, and tie


def checked_scores(scores: pd.DataFrame) -> FloatArray:
    """Return the scores as an array, rounded so that ties are exact.

    Args:
        scores: tables by methods.

    Returns:
        Finite numbers, tables by methods.

    Raises:
        InputError: there are none, some are not finite, or a method is there twice.
    """
    values = scores.to_numpy(dtype=np.float64)
    if not values.size:
        raise InputError(
            "`scores` must have at least one table and one method, "
            f"got {values.shape[0]} by {values.shape[1]}."
        )
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise InputError(
            "`scores` must be finite numbers, got "
            f"{values[row, column]} for {scores.columns[column]!r} on "
            f"{scores.index[row]!r}; score a failed fit 0 or leave the method out."
        )
    names = [str(name) for name in scores.columns]
    if len(set(names)) < len(names):
        raise InputError("`scores` must have distinct method names, got a repetition.")
    return np.round(values, DECIMALS)


def bootstrap_means(values: FloatArray, *, n_bootstrap: int, seed: int) -> FloatArray:
    """Draw the rows anew with replacement and average.

    Args:
        values: tables by methods.
        n_bootstrap: how often to draw.
        seed: where the draws start.

    Returns:
        Means, draws by methods.
    """
    n_rows = len(values)
    rng = np.random.default_rng(seed)
    check_integer(n_bootstrap, "n_bootstrap", low=1)
    drawn = rng.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=n_bootstrap)
    return np.asarray(drawn @ values / n_rows, dtype=np.float64)
