"""Whether the nearest neighbours of a table's rows mean anything.

Mixup, SMOTE and nearest-neighbour classifiers all assume that near rows are of one
class. What was measured for a threshold was measured on the 24 tables of
`list_datasets()`.

References:
    Cuzick, Edwards (1990), "Spatial clustering for inhomogeneous populations", JRSS B
    52, section 3: the test that counts neighbours of the own class. We draw
    permutations instead of taking the limiting normal distribution.
    Radovanović, Nanopoulos, Ivanović (2010), "Hubs in space", JMLR 11, section 3:
    hubness as the skewness of how often rows are neighbours.
"""

import numpy as np
import numpy.typing as npt
from scipy.stats import skew

from qclmixnet.augment import find_neighbours
from qclmixnet.estimators.diagnostics import FEW_ROWS, Diagnostic, listed

__all__ = ["hubness", "judge_neighbours", "neighbour_purity", "purity_p_values"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_N_NEIGHBOURS = 5
_N_PERMUTATIONS = 99
_SIGNIFICANT = 0.05
_HUBS = 3.0


def neighbour_purity(neighbours: IntArray, codes: IntArray) -> FloatArray:
    """Return how many of the neighbours of a class's rows are of the class.

    Args:
        neighbours: row numbers, rows by k.
        codes: class number of each row.

    Returns:
        One share for each class, 0 to 1; NaN for a class of no row. By chance it is
        (n_c - 1) / (n - 1) for a class of n_c of n rows.

    >>> neighbour_purity(np.array([[1], [0], [1]]), np.array([0, 0, 1])).tolist()
    [1.0, 0.0]
    """
    own = (codes[neighbours] == codes[:, None]).mean(axis=1)
    counts = np.bincount(codes)
    sums = np.bincount(codes, weights=own)
    nothing = np.full(len(counts), np.nan)
    purity: FloatArray = np.divide(sums, counts, out=nothing, where=counts > 0)
    return purity


def purity_p_values(neighbours: IntArray, codes: IntArray) -> FloatArray:
    """Return how often shuffled labels give a class at least its purity.

    Args:
        neighbours: row numbers, rows by k.
        codes: class number of each row.

    Returns:
        A one-sided p-value for each class: 1 of the 100 labellings, the true one
        included, is 0.01.
    """
    generator = np.random.default_rng(0)
    purity = neighbour_purity(neighbours, codes)
    reached = np.ones(len(purity))
    for _ in range(_N_PERMUTATIONS):
        shuffled = generator.permutation(codes)
        reached += neighbour_purity(neighbours, shuffled) >= purity
    return reached / (_N_PERMUTATIONS + 1)


def hubness(neighbours: IntArray) -> float:
    """Return the skewness of how often each row is a neighbour; 0 if all are alike.

    Args:
        neighbours: row numbers, rows by k.

    Returns:
        Near 0 in few dimensions; high when few rows are neighbours of very many.

    >>> round(hubness(np.array([[1], [0], [1], [1]])), 3)
    0.816
    """
    counts = np.bincount(neighbours.ravel(), minlength=len(neighbours))
    return float(skew(counts)) if np.ptp(counts) else 0.0


def judge_neighbours(
    x: npt.NDArray[np.float32], codes: IntArray, classes: list[str]
) -> list[Diagnostic]:
    """Say for which classes the nearest neighbours mean nothing.

    A class is named when its purity among the 5 nearest neighbours is no better than
    chance: shuffled labels reach it with p > 0.05, one-sided. Judged are classes of at
    least 10 rows and at most half of all: fewer rows cannot show it, and a larger
    class is among its own by chance. Hubs are noted from a skewness of 3 on.

    Measured: no class of 22 tables is named. With the default preset's scaling it is
    the second smallest of wine_red (5.7 % own neighbours where chance gives 3.3 %,
    p = 0.13) and the cancelled ones of nycflights (6.9 % for 4.8 %, p = 0.06); with
    the paper's it is VAC of yeast (4.0 % for 2.0 %, p = 0.14). The skewness is 0.1 to
    2.1; independent normal numbers have 0.7 in 10, 3.6 in 30 and 12 in 100 dimensions.

    Args:
        x: scaled rows; those of a sample may do.
        codes: their classes.
        classes: the labels as texts.

    Returns:
        At most two notes.
    """
    n_rows, counts = len(codes), np.bincount(codes, minlength=len(classes))
    if n_rows < 10 * _N_NEIGHBOURS:
        return []
    neighbours = find_neighbours(x, k=_N_NEIGHBOURS).indices
    purity = neighbour_purity(neighbours, codes)
    p_values = purity_p_values(neighbours, codes)
    judged = np.flatnonzero((counts >= FEW_ROWS) & (counts <= n_rows / 2))
    named = [int(code) for code in judged if p_values[code] > _SIGNIFICANT]
    found = []
    if named:
        chance = (counts - 1) / (n_rows - 1)
        names = listed(
            [f"{classes[c]} ({purity[c]:.1%} for {chance[c]:.1%})" for c in named]
        )
        found.append(
            Diagnostic(
                "neighbours",
                "note",
                f"The {_N_NEIGHBOURS} nearest neighbours of these classes' rows are "
                f"not clearly more often of the own class than by chance: {names}.",
                float(p_values[named].max()),
                _SIGNIFICANT,
                "Methods that go by distance (mixup, SMOTE, nearest neighbours) have "
                "nothing to go by there: leave out columns that should not matter, or "
                "do not mix.",
            )
        )
    skewness = hubness(neighbours)
    if skewness > _HUBS:
        found.append(
            Diagnostic(
                "hubs",
                "note",
                "Few rows are the nearest neighbours of very many (skewness "
                f"{skewness:.1f}), as in spaces of many unrelated columns.",
                skewness,
                _HUBS,
                "Distances say little: leave out columns that should not matter, or "
                "reduce their number before using methods that go by distance.",
            )
        )
    return found
