"""Which pairs of columns a model uses together: mixed second differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from jaxtyping import Float64, Int64

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.preprocessing import ColumnGroup, EncodedTable
from qclmixnet.reasons.replaced_rows import LogOdds, ReplacedRows

__all__ = ["Interactions", "interactions"]

_MIXED_ROWS_AT_ONCE = 1 << 17


@dataclass(frozen=True, eq=False)
class Interactions:
    """Pairs of columns, the strongest first.

    Attributes:
        pairs: positions of the two columns.
        strength: mean absolute mixed difference of each pair and class, in log-odds.
        std_error: of `strength`, from the spread between the pairs of rows.
        n_samples: pairs of rows that were looked at.
        n_screened: columns whose pairs were looked at; the others moved the model less.
    """

    pairs: Int64[np.ndarray, "pairs 2"]
    strength: Float64[np.ndarray, "pairs classes"]
    std_error: Float64[np.ndarray, "pairs classes"]
    n_samples: int
    n_screened: int


def interactions(
    x: EncodedTable,
    background: EncodedTable,
    groups: Sequence[ColumnGroup],
    log_odds: LogOdds,
    *,
    n_samples: int = 200,
    max_pairs: int = 300,
    generator: np.random.Generator,
) -> Interactions:
    """Measure how much two columns matter together beyond what each does alone.

    A row and a background row are drawn. With the values of column i, of column j, of
    both and of none put into the background row, the model says f(i), f(j), f(ij) and
    f(); ``f(ij) - f(i) - f(j) + f()`` is 0 when the two columns add up. Its absolute
    value, averaged over the drawn pairs of rows, is the strength.

    It costs ``n_samples * (1 + columns + pairs)`` evaluations at most. When there are
    more than ``max_pairs`` pairs, only the columns that alone move the model most, by
    the mean of ``|f(i) - f()|`` over the same samples, are paired.

    Args:
        x: rows to draw from.
        background: rows to draw the other of each pair from.
        groups: which inputs come from which column.
        log_odds: the model.
        n_samples: pairs of rows, at least 2.
        max_pairs: pairs of columns that are looked at, at least 1.
        generator: source of the pairs of rows.

    Returns:
        The pairs, ordered by their mean strength over classes.

    Raises:
        InputError: a number is too small, or there are fewer than two columns.

    References:
        Friedman, Popescu (2008), "Predictive Learning via Rule Ensembles", section
        8.1, for interaction as what is left beyond the single effects. We take the mean
        absolute difference of single rows in place of the variance of partial
        dependences: effects of opposite sign do not cancel.
    """
    check_integer(n_samples, "n_samples", low=2)
    check_integer(max_pairs, "max_pairs", low=1)
    replaced = ReplacedRows(x, background, groups, log_odds)
    n_columns = replaced.n_columns
    if n_columns < 2:
        raise InputError(f"Pairs need at least 2 columns, got {n_columns}.")
    rows = np.resize(generator.permutation(len(x.x_num)), n_samples)
    behind = generator.integers(len(background.x_num), size=n_samples)
    single = np.concatenate(
        [np.zeros((1, n_columns), dtype=bool), np.eye(n_columns, dtype=bool)]
    )
    at_single = _in_parts(replaced, rows, behind, single)
    alone = at_single[:, 1:] - at_single[:, :1]  # (samples, columns, classes)
    screened = _screen(np.abs(alone).mean(axis=(0, 2)), max_pairs)
    pairs = np.array(list(combinations(screened.tolist(), 2)), dtype=np.int64)
    both = np.zeros((len(pairs), n_columns), dtype=bool)
    both[np.arange(len(pairs)), pairs[:, 0]] = True
    both[np.arange(len(pairs)), pairs[:, 1]] = True
    together = _in_parts(replaced, rows, behind, both) - at_single[:, :1]
    size = np.abs(together - alone[:, pairs[:, 0]] - alone[:, pairs[:, 1]])
    strength = size.mean(axis=0)
    best = np.argsort(-strength.mean(axis=1), kind="stable")
    return Interactions(
        pairs=pairs[best],
        strength=strength[best],
        std_error=(size.std(axis=0, ddof=1) / np.sqrt(n_samples))[best],
        n_samples=n_samples,
        n_screened=len(screened),
    )


def _screen(effect: npt.NDArray[np.float64], max_pairs: int) -> npt.NDArray[np.int64]:
    """Choose the columns of the largest effects that have no more pairs than allowed.

    >>> _screen(np.array([0.1, 3.0, 2.0]), max_pairs=1)
    array([1, 2])
    """
    n_kept = int((1 + np.sqrt(1 + 8 * max_pairs)) / 2)
    largest = np.argsort(-effect, kind="stable")[: max(2, n_kept)]
    return np.sort(largest).astype(np.int64)


def _in_parts(
    replaced: ReplacedRows,
    rows: npt.NDArray[np.int64],
    behind: npt.NDArray[np.int64],
    masks: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    at_once = max(1, _MIXED_ROWS_AT_ONCE // len(masks))
    starts = range(0, len(rows), at_once)
    return np.concatenate(
        [
            replaced.values(rows[s : s + at_once], behind[s : s + at_once], masks)
            for s in starts
        ]
    )
