"""One method against each other one over many tables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from qclmixnet.core.checks import check_real
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.score_frame import DECIMALS, bootstrap_means, checked_scores

__all__ = ["Comparison", "Verdict", "compare_with", "holm"]

FloatArray = npt.NDArray[np.float64]
Verdict = Literal["better", "worse", "not distinguishable"]

_MAX_EXACT = 200  # tables; the exact distribution costs their cube, 10 ms here


@dataclass(frozen=True)
class Comparison:
    """One method of ours against one peer over the tables.

    Attributes:
        peer: the name of the other method.
        mean_difference: mean over tables of ours less the peer's; positive is better.
        low: lower end of the bootstrap interval of that mean.
        high: upper end.
        p_value: Wilcoxon's signed-rank test, two-sided; NaN with fewer than two tables.
        p_holm: the same after Holm's correction over the peers.
        wins: tables on which ours is better.
        ties: tables on which neither is.
        losses: tables on which the peer is better.
        alpha: the level at which the verdict is given.
        direction: sign of the difference in Wilcoxon's ranks: 1, 0 or -1.
    """

    peer: str
    mean_difference: float
    low: float
    high: float
    p_value: float
    p_holm: float
    wins: int
    ties: int
    losses: int
    alpha: float = 0.05
    direction: int = 0

    @property
    def verdict(self) -> Verdict:
        """A word that follows the corrected test: without it, not distinguishable."""
        if not self.p_holm < self.alpha or self.direction == 0:  # NaN ends here too
            return "not distinguishable"
        return "better" if self.direction > 0 else "worse"


def compare_with(
    scores: pd.DataFrame,
    ours: str,
    *,
    higher_is_better: bool = True,
    alpha: float = 0.05,
    tie_below: float = 1e-12,
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Compare one method with each other one over the tables.

    Wilcoxon's signed-rank test, two-sided, as Demsar (2006, section 3.1.3) sets it up:
    tables where the two tie share their ranks between both sides (scipy's ``zsplit``).
    The p-value is exact, ties included (all ways to place the signs, the ranks as they
    are), up to 200 tables, and by the normal approximation beyond. With fewer than
    6 tables it cannot fall below 0.05; with one it is NaN.

    Args:
        scores: tables by methods, no missing value.
        ours: the column to compare with all others.
        higher_is_better: whether larger scores are better.
        alpha: level of the verdicts and of the intervals.
        tie_below: differences of this size or less are ties.
        n_bootstrap: how often the tables are drawn anew for the interval.
        seed: where those draws start.

    Returns:
        One comparison for each other method, in the order of the columns; none when
        there is no other.

    Raises:
        InputError: `ours` is not a column of `scores`.
    """
    values = checked_scores(scores)
    check_real(alpha, "alpha", low=0, high=1, open_low=True, open_high=True)
    names = [str(name) for name in scores.columns]
    if ours not in names:
        raise InputError(
            f"`ours` must be a method of `scores`, got {ours!r}; "
            f"there are {', '.join(names)}."
        )
    own = names.index(ours)
    peers = [k for k in range(len(names)) if k != own]
    if not peers:
        return ()
    sign = 1.0 if higher_is_better else -1.0
    differences = np.round(sign * (values[:, [own]] - values[:, peers]), DECIMALS)
    differences[np.abs(differences) <= tie_below] = 0.0
    draws = bootstrap_means(differences, n_bootstrap=n_bootstrap, seed=seed)
    low, high = np.quantile(draws, (alpha / 2, 1 - alpha / 2), axis=0)
    tests = [_signed_rank(column) for column in differences.T]
    corrected = holm([p for p, _ in tests])
    return tuple(
        Comparison(
            peer=names[k],
            mean_difference=float(differences[:, i].mean()),
            low=float(low[i]),
            high=float(high[i]),
            p_value=tests[i][0],
            p_holm=corrected[i],
            wins=int((differences[:, i] > 0).sum()),
            ties=int((differences[:, i] == 0).sum()),
            losses=int((differences[:, i] < 0).sum()),
            alpha=alpha,
            direction=tests[i][1],
        )
        for i, k in enumerate(peers)
    )


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Correct p-values for being several, by Holm's step-down method.

    Args:
        p_values: one for each comparison; NaN stands for a test that was not possible.

    Returns:
        The corrected ones in the same order, at most 1. NaN stays NaN and does not
        count as a comparison.

    >>> holm([0.01, 0.04, 0.03])
    (0.03, 0.06, 0.06)
    """
    p = np.asarray(p_values, dtype=np.float64)
    out = np.full(p.shape, math.nan)
    there = np.flatnonzero(~np.isnan(p))
    order = there[np.argsort(p[there], kind="stable")]
    scaled = p[order] * np.arange(len(order), 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return tuple(float(value) for value in out)


def _signed_rank(differences: FloatArray) -> tuple[float, int]:
    """Return Wilcoxon's two-sided p-value and which side has more ranks."""
    if len(differences) < 2:
        return math.nan, 0
    # Twice the ranks, to count in whole numbers: ties have half ranks. A zero has its
    # rank on both sides in equal parts, so it moves only the ranks of the others.
    doubled = np.rint(2 * stats.rankdata(np.abs(differences))).astype(np.int64)
    balance = int(doubled @ np.sign(differences).astype(np.int64))
    if balance == 0:
        return 1.0, 0
    moved = doubled[differences != 0]
    direction = 1 if balance > 0 else -1
    if len(moved) > _MAX_EXACT:
        z = abs(balance) / math.sqrt(float(moved @ moved))
        return float(2 * stats.norm.sf(z)), direction
    # Chance of each sum of the positive ranks when every sign is a coin's toss.
    total = int(moved.sum())
    chance = np.zeros(total + 1)
    chance[0] = 1.0
    for rank in moved:
        chance[rank:] = (chance[rank:] + chance[: total + 1 - rank]) / 2
        chance[:rank] /= 2
    as_far = np.abs(2 * np.arange(total + 1) - total) >= abs(balance)
    return min(float(chance[as_far].sum()), 1.0), direction
