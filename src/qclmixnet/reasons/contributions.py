"""How much each column contributed to a prediction: Shapley values by sampling."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from jaxtyping import Float64

from qclmixnet.core.checks import check_integer
from qclmixnet.preprocessing import ColumnGroup, EncodedTable
from qclmixnet.reasons.replaced_rows import LogOdds, ReplacedRows

__all__ = ["Contributions", "contributions", "permutations_within"]

_MIXED_ROWS_AT_ONCE = 1 << 18


@dataclass(frozen=True, eq=False)
class Contributions:
    """What each column added to the log-odds of each class, row by row.

    Attributes:
        values: sum over columns to ``log_odds - base``.
        base: mean log-odds of the background rows that were compared with.
        log_odds: what the model says of the rows.
        std_error: of `values`, from the spread between permutations: what other
            background rows and other orders would change. NaN for one permutation.
        n_permutations: permutations, each also taken in reverse.
    """

    values: Float64[np.ndarray, "rows columns classes"]
    base: Float64[np.ndarray, " classes"]
    log_odds: Float64[np.ndarray, "rows classes"]
    std_error: Float64[np.ndarray, "rows columns classes"]
    n_permutations: int


def contributions(
    x: EncodedTable,
    background: EncodedTable,
    groups: Sequence[ColumnGroup],
    log_odds: LogOdds,
    *,
    n_permutations: int,
    generator: np.random.Generator,
) -> Contributions:
    """Share out the log-odds of each row among its columns.

    The Shapley value of a column is what it adds when the columns of a background row
    are replaced one after another by those of the row, on average over all orders and
    over the background. Here each of ``n_permutations`` background rows gets one random
    order and its reverse, the same for all rows. Every walk ends at the row itself, so
    the values sum to ``log_odds - base`` exactly, however few permutations there are.

    It costs ``2 * n_permutations * (columns - 1)`` evaluations a row at most.

    Args:
        x: the rows to explain.
        background: rows to compare with, at least one.
        groups: which inputs come from which column; a date or a number with a marked
            hole is one column here, and so is a category.
        log_odds: the model.
        n_permutations: permutations, at least 1. Background rows are drawn without
            replacement as long as there are any left.
        generator: source of the background rows and the orders.

    Returns:
        The contributions with their standard errors.

    Raises:
        InputError: `n_permutations` is below 1, or the tables do not fit together.

    References:
        Shapley (1953), "A Value for n-Person Games"; Strumbelj, Kononenko (2014),
        "Explaining prediction models and individual predictions with feature
        contributions", algorithm 1, for sampling orders and background rows; Mitchell,
        Cooper, Frank, Holmes (2022), "Sampling Permutations for Shapley Value
        Estimation", section 4.1, arXiv 2104.12199, for the reversed orders.

        Why not the shap or captum packages: the model is networks and trees, mixed and
        calibrated, so their fast ways for trees or for networks do not apply; one
        column of the caller is several inputs; and shap brings numba.

    >>> from qclmixnet.preprocessing import ColumnGroup
    >>> def table(*rows):
    ...     cells = np.array(rows, dtype=np.float32)
    ...     return EncodedTable(cells, np.zeros((len(rows), 0), dtype=np.int64), {})
    >>> found = contributions(
    ...     table([3.0, 1.0]),
    ...     table([0.0, 0.0]),
    ...     [ColumnGroup("a", (0,), ()), ColumnGroup("b", (1,), ())],
    ...     lambda rows: rows.x_num @ np.array([[1.0], [-2.0]]),
    ...     n_permutations=1,
    ...     generator=np.random.default_rng(0),
    ... )
    >>> found.values[0, :, 0].tolist(), found.log_odds[0].tolist()
    ([3.0, -2.0], [1.0])
    """
    check_integer(n_permutations, "n_permutations", low=1)
    replaced = ReplacedRows(x, background, groups, log_odds)
    n_columns, n_background = replaced.n_columns, len(background.x_num)
    drawn = generator.permutation(n_background)
    behind = np.resize(drawn, n_permutations)  # round and round when there are few
    at_rows = log_odds(x)
    used, back = np.unique(behind, return_inverse=True)
    at_background = log_odds(background.take(used))[back]
    total = np.zeros((len(at_rows), n_columns, at_rows.shape[1]))
    squares = np.zeros_like(total)
    for number in range(n_permutations):
        order = generator.permutation(n_columns)
        found = _one_pair(
            replaced, int(behind[number]), order, at_rows, at_background[number]
        )
        # Updates of a running mean lose no digits to a difference of large squares.
        change = found - total
        total += change / (number + 1)
        squares += change * (found - total)
    variance = (
        squares / (n_permutations - 1) if n_permutations > 1 else squares * np.nan
    )
    return Contributions(
        values=total,
        base=at_background.mean(axis=0),
        log_odds=at_rows,
        std_error=np.sqrt(variance / n_permutations),
        n_permutations=n_permutations,
    )


def permutations_within(
    budget: int, *, n_rows: int, n_columns: int, n_background: int
) -> int:
    """Return how many permutations a number of evaluations allows.

    Args:
        budget: evaluations of the model that may be made.
        n_rows: rows to explain.
        n_columns: columns of each.
        n_background: background rows; more permutations than these are not made.

    Returns:
        At least 2, without which there is no standard error.

    >>> permutations_within(200_000, n_rows=1000, n_columns=11, n_background=128)
    10
    """
    each = max(1, n_rows) * 2 * max(1, n_columns - 1)
    return max(2, min(n_background, budget // each))


def _one_pair(
    replaced: ReplacedRows,
    behind: int,
    order: npt.NDArray[np.int64],
    at_rows: npt.NDArray[np.float64],
    at_background: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Walk from one background row to every row, in one order and its reverse."""
    n_columns, (n_rows, n_classes) = len(order), at_rows.shape
    place = np.argsort(order)  # of each column on the walk
    between = np.arange(1, n_columns)[:, None]
    masks = np.concatenate([place < between, n_columns - 1 - place < between])
    out = np.empty((n_rows, n_columns, n_classes))
    at_once = max(1, _MIXED_ROWS_AT_ONCE // max(1, len(masks)))
    for start in range(0, n_rows, at_once):
        rows = np.arange(start, min(start + at_once, n_rows))
        first = np.broadcast_to(at_background, (len(rows), 1, n_classes))
        last = at_rows[rows][:, None]
        steps = np.zeros((len(rows), n_columns, n_classes))
        if len(masks):
            seen = replaced.values(rows, np.full(len(rows), behind), masks)
            forth, back = np.split(seen, 2, axis=1)
        else:
            forth = back = np.empty((len(rows), 0, n_classes))
        for states, columns in ((forth, order), (back, order[::-1])):
            walk = np.concatenate([first, states, last], axis=1)
            steps[:, columns] += np.diff(walk, axis=1)
        out[rows] = steps / 2
    return out
