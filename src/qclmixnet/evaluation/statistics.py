"""Comparing many methods over many tables: ranks, tests, intervals.

All functions read one frame of scores: a row for each table, a column for each
method, the method's mean score on the table as the value.

References:
    Demsar (2006), "Statistical comparisons of classifiers over multiple data sets",
    Journal of Machine Learning Research 7. The intervals are ours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.evaluation.pairwise import Comparison, Verdict, compare_with, holm
from qclmixnet.evaluation.score_frame import bootstrap_means, checked_scores

__all__ = [
    "IR_TIERS",
    "Comparison",
    "FriedmanTest",
    "MeanRank",
    "Verdict",
    "compare_with",
    "critical_difference",
    "friedman_test",
    "holm",
    "ir_tier",
    "mean_ranks",
    "nemenyi_groups",
    "nemenyi_p_values",
]

FloatArray = npt.NDArray[np.float64]

IR_TIERS = ("<5", "5-10", "10-50", ">50")
"""Tiers of the imbalance ratio, mildest first."""


@dataclass(frozen=True)
class MeanRank:
    """Where one method stands on average over the tables.

    Attributes:
        method: its name.
        mean_rank: mean of its ranks, 1 is best; tied methods share their mean rank.
        low: lower end of the 95 % bootstrap interval over tables.
        high: upper end.
    """

    method: str
    mean_rank: float
    low: float
    high: float


@dataclass(frozen=True)
class FriedmanTest:
    """Whether any of the methods differ at all.

    Attributes:
        statistic: Friedman's chi-square, corrected for ties; NaN with fewer than three
            methods or two tables, where the test does not exist.
        p_value: of that chi-square.
        iman_davenport: Iman and Davenport's F, less conservative; infinite when all
            tables rank the methods alike.
        iman_davenport_p: of that F.
        n_tables: tables compared.
        n_methods: methods compared.
    """

    statistic: float
    p_value: float
    iman_davenport: float
    iman_davenport_p: float
    n_tables: int
    n_methods: int


def mean_ranks(
    scores: pd.DataFrame,
    *,
    higher_is_better: bool = True,
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> tuple[MeanRank, ...]:
    """Rank the methods on each table and average.

    Args:
        scores: tables by methods, no missing value.
        higher_is_better: whether the largest score gets rank 1.
        n_bootstrap: how often the tables are drawn anew for the interval.
        seed: where those draws start.

    Returns:
        One value for each method, best first; equal ones in the order of the columns.

    >>> scores = pd.DataFrame({"a": [0.9, 0.8], "b": [0.7, 0.8]}, index=["t1", "t2"])
    >>> [(rank.method, rank.mean_rank) for rank in mean_ranks(scores)]
    [('a', 1.25), ('b', 1.75)]
    """
    values = checked_scores(scores)
    ranks = _rank(values if higher_is_better else -values)
    draws = bootstrap_means(ranks, n_bootstrap=n_bootstrap, seed=seed)
    low, high = np.quantile(draws, (0.025, 0.975), axis=0)
    means = ranks.mean(axis=0)
    order = np.argsort(means, kind="stable")
    names = [str(name) for name in scores.columns]
    return tuple(
        MeanRank(names[k], float(means[k]), float(low[k]), float(high[k]))
        for k in order
    )


def friedman_test(scores: pd.DataFrame, *, correct_ties: bool = True) -> FriedmanTest:
    """Test whether all methods are equal, by Friedman and by Iman and Davenport.

    Args:
        scores: tables by methods, no missing value; which direction is better makes
            no difference.
        correct_ties: whether the chi-square allows for tied ranks, as scipy's does; it
            is larger then. False gives the formula printed in Demsar (2006).

    Returns:
        Both statistics; all four numbers are NaN with fewer than three methods or two
        tables. Methods that tie on every table give a statistic of 0.

    References:
        Demsar (2006), section 3.2.2; Iman and Davenport (1980), "Approximations of the
        critical region of the Friedman statistic".
    """
    values = checked_scores(scores)
    n_tables, n_methods = values.shape
    if n_methods < 3 or n_tables < 2:
        nan = math.nan
        return FriedmanTest(nan, nan, nan, nan, n_tables, n_methods)
    ranks = _rank(values)
    n_free = n_methods - 1
    # The spread of ranks within a table is the same for all tables without ties.
    spread = n_tables * n_methods * n_free * (n_methods + 1) / 12
    if correct_ties:
        spread = float(((ranks - (n_methods + 1) / 2) ** 2).sum())
    between = float(((ranks.sum(axis=0) - ranks.sum() / n_methods) ** 2).sum())
    if between == 0:  # also where all methods tie everywhere, and spread is 0
        return FriedmanTest(0.0, 1.0, 0.0, 1.0, n_tables, n_methods)
    chi2 = n_free * between / spread
    p_value = float(stats.chi2.sf(chi2, n_free))
    rest = n_tables * n_free - chi2
    # Rounding leaves a rest near 0 where all tables rank alike; then F is infinite.
    alike = rest <= 1e-9 * n_tables * n_free
    ratio = math.inf if alike else (n_tables - 1) * chi2 / rest
    p_ratio = float(stats.f.sf(ratio, n_free, n_free * (n_tables - 1)))
    return FriedmanTest(chi2, p_value, ratio, p_ratio, n_tables, n_methods)


def critical_difference(n_methods: int, n_tables: int, *, alpha: float = 0.05) -> float:
    """Return how far apart two mean ranks must be to differ, by Nemenyi's test.

    Args:
        n_methods: methods compared, at least two.
        n_tables: tables they were compared on.
        alpha: chance of calling any two equal methods different.

    Returns:
        The critical difference, in ranks.

    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    k = check_integer(n_methods, "n_methods", low=2)
    n = check_integer(n_tables, "n_tables", low=1)
    check_real(alpha, "alpha", low=0, high=1, open_low=True, open_high=True)
    q = stats.studentized_range.ppf(1 - alpha, k, np.inf) / math.sqrt(2)
    return float(q * math.sqrt(k * (k + 1) / (6 * n)))


def nemenyi_groups(
    ranks: Sequence[MeanRank], critical: float
) -> tuple[tuple[str, ...], ...]:
    """Gather the methods that Nemenyi's test cannot tell apart.

    Args:
        ranks: what ``mean_ranks`` returned.
        critical: what ``critical_difference`` returned.

    Returns:
        The largest sets of methods no two of which differ by the critical difference
        or more, best first; a method that differs from all others is alone.

    >>> ranks = [MeanRank(n, r, r, r) for n, r in [("a", 1.2), ("b", 2.0), ("c", 3.1)]]
    >>> nemenyi_groups(ranks, 1.2)
    (('a', 'b'), ('b', 'c'))
    """
    ordered = sorted(ranks, key=lambda rank: rank.mean_rank)
    groups: list[tuple[str, ...]] = []
    reached = 0
    for start, first in enumerate(ordered):
        end = start + 1
        while (
            end < len(ordered) and ordered[end].mean_rank - first.mean_rank < critical
        ):
            end += 1
        if end > reached:  # else it lies inside the set before
            groups.append(tuple(rank.method for rank in ordered[start:end]))
            reached = end
    return tuple(groups)


def nemenyi_p_values(scores: pd.DataFrame) -> pd.DataFrame:
    """Return the p-value of Nemenyi's test for each pair of methods.

    Args:
        scores: tables by methods, no missing value.

    Returns:
        Methods by methods, symmetric, 1 on the diagonal.
    """
    values = checked_scores(scores)
    n_tables, n_methods = values.shape
    check_integer(n_methods, "number of methods in `scores`", low=2)
    means = _rank(values).mean(axis=0)
    scale = math.sqrt(n_methods * (n_methods + 1) / (12 * n_tables))
    distance = np.abs(means[:, None] - means[None, :]) / scale
    p = np.ones((n_methods, n_methods))
    upper = np.triu_indices(n_methods, k=1)
    p[upper] = stats.studentized_range.sf(distance[upper], n_methods, np.inf)
    p.T[upper] = p[upper]
    # Rounding of the integral can end a hair outside.
    return pd.DataFrame(
        np.clip(p, 0.0, 1.0), index=scores.columns, columns=scores.columns
    )


def ir_tier(imbalance_ratio: float) -> str:
    """Return the tier of an imbalance ratio; a bound belongs to the tier above it.

    Args:
        imbalance_ratio: rows of the largest class over rows of the smallest, >= 1.

    Returns:
        One of ``IR_TIERS``.

    >>> [ir_tier(ratio) for ratio in (2.3, 5.0, 19.9, 50.0)]
    ['<5', '5-10', '10-50', '>50']
    """
    ratio = check_real(imbalance_ratio, "imbalance_ratio", low=1)
    return IR_TIERS[int(np.searchsorted((5.0, 10.0, 50.0), ratio, side="right"))]


def _rank(values: FloatArray) -> FloatArray:
    """Rank each row, 1 for its largest value, the mean rank for ties."""
    return np.asarray(stats.rankdata(-values, axis=1), dtype=np.float64)
