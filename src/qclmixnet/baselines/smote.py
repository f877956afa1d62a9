"""SMOTE of the kind that the columns ask for, also where a class has few rows.

References:
    Chawla, Bowyer, Hall and Kegelmeyer (2002), "SMOTE: Synthetic Minority Over-sampling
    Technique", arXiv 1106.1813: SMOTE, SMOTE-NC and SMOTE-N. We run imbalanced-learn's;
    we add what to do with a class that has fewer rows than neighbours.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["smote"]

_N_NEIGHBORS = 5


def smote(
    x_num: npt.NDArray[np.float64],
    x_cat: npt.NDArray[np.int64],
    codes: npt.NDArray[np.int64],
    *,
    random_state: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Bring every class to the size of the largest with rows between neighbours.

    SMOTE for numbers alone, SMOTEN for categories alone, SMOTENC for both. A class of
    n rows takes its min(5, n - 1) nearest rows; a class of one row has none and is left
    as it is.

    Args:
        x_num: scaled numbers without holes, of shape (n_rows, n_num).
        x_cat: codes of the categories, of shape (n_rows, n_cat).
        codes: class of each row.
        random_state: seed.

    Returns:
        The given rows followed by the new ones: numbers, categories, classes.
    """
    n_num = x_num.shape[1]
    counts = np.bincount(codes)
    x, y = np.hstack([x_num, x_cat]), codes
    short = np.flatnonzero((counts > 1) & (counts < counts.max()))
    n_neighbors = np.minimum(_N_NEIGHBORS, counts - 1)
    # One call for all classes of at least 6 rows, then one for each smaller size.
    for k in np.unique(n_neighbors[short])[::-1]:
        goal = {int(c): int(counts.max()) for c in short if n_neighbors[c] == k}
        sampler = _sampler(
            n_num,
            x_cat.shape[1],
            sampling_strategy=goal,
            k_neighbors=int(k),
            random_state=random_state,
        )
        x, y = sampler.fit_resample(x, y)
    return x[:, :n_num], x[:, n_num:].astype(np.int64), y


def _sampler(n_num: int, n_cat: int, **settings: object) -> Any:  # noqa: ANN401
    from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC

    if n_cat == 0:
        return SMOTE(**settings)
    if n_num == 0:
        return SMOTEN(**settings)
    return SMOTENC(categorical_features=list(range(n_num, n_num + n_cat)), **settings)
