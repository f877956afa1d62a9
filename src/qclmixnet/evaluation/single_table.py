"""Comparing two methods on one table, from repeated train/test splits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.errors import InputError

__all__ = ["PairedTest", "corrected_t_test"]


@dataclass(frozen=True)
class PairedTest:
    """The difference of two methods on one table.

    Attributes:
        mean: mean difference over the splits.
        low: lower end of the confidence interval of that mean.
        high: upper end.
        p_value: two-sided.
    """

    mean: float
    low: float
    high: float
    p_value: float


def corrected_t_test(
    differences: Sequence[float],
    *,
    n_train: int,
    n_test: int,
    alpha: float = 0.05,
) -> PairedTest:
    """Test a difference measured on overlapping splits of one table.

    The scores of repeated or cross-validated splits share training rows, so the plain
    paired t-test is far too sure. This one widens the variance by the ratio of test to
    training rows.

    Args:
        differences: ours less the peer's, one value for each split, all finite.
        n_train: rows in a training part.
        n_test: rows in a test part.
        alpha: one less the coverage of the interval.

    Returns:
        The mean with its interval and p-value. With a single split these are NaN. When
        all splits differ by the same, the interval is a point and the p-value 0, or 1
        where the difference is 0.

    Raises:
        InputError: there are no differences, or some are not finite.

    References:
        Nadeau and Bengio (2003), "Inference for the generalization error", Machine
        Learning 52, the corrected resampled t-test.

    >>> test = corrected_t_test([0.02, 0.01, 0.03, 0.02], n_train=80, n_test=20)
    >>> round(test.p_value, 4)
    0.0405
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise InputError(
            "`differences` must be a list of one or more finite numbers, "
            f"got {differences!r}."
        )
    check_integer(n_train, "n_train", low=1)
    check_integer(n_test, "n_test", low=1)
    check_real(alpha, "alpha", low=0, high=1, open_low=True, open_high=True)
    n_splits, mean = len(values), float(values.mean())
    if n_splits < 2:
        return PairedTest(mean, math.nan, math.nan, math.nan)
    spread = float(values.std(ddof=1))
    if spread <= 1e-12 * max(1.0, abs(mean)):  # equal but for rounding
        equal = abs(mean) <= 1e-12
        return PairedTest(mean, mean, mean, 1.0 if equal else 0.0)
    error = spread * math.sqrt(1 / n_splits + n_test / n_train)
    half = float(stats.t.ppf(1 - alpha / 2, n_splits - 1)) * error
    p_value = float(2 * stats.t.sf(abs(mean) / error, n_splits - 1))
    return PairedTest(mean, mean - half, mean + half, p_value)
