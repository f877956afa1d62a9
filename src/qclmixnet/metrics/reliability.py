"""Whether a probability means what it says: events against what was said of them.

Everything here looks at one event at a time, such as "the row is of class k" or "the
predicted class is right", and at the probability that was given to it. Bins hold
(nearly) equal mass, and rows with the same probability are never torn apart.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.errors import InputError

__all__ = [
    "BrierParts",
    "ReliabilityBin",
    "brier_parts",
    "calibration_error",
    "clopper_pearson_interval",
    "equal_mass_bins",
    "reliability_bins",
    "wilson_interval",
]

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows that were given similar probabilities.

    Attributes:
        mass: rows in the bin, or the sum of their weights.
        said: mean of the probabilities given, 0 to 1.
        seen: share of the rows where the event happened, 0 to 1.
        low: lower end of the interval of `seen`.
        high: upper end.
        n_effective: rows of equal weight that would tell as much.
    """

    mass: float
    said: float
    seen: float
    low: float
    high: float
    n_effective: float


@dataclass(frozen=True)
class BrierParts:
    """A Brier score of one event and what it is made of.

    ``brier`` is ``reliability - resolution + uncertainty + within_bins``.

    Attributes:
        brier: mean squared distance of probability and event, 0 to 1.
        reliability: how far bins are from what happened in them; 0 is best.
        resolution: how far what happened in bins is from the overall share; the more
            the better.
        uncertainty: of the event itself, p (1 - p); no model changes it.
        within_bins: what the spread of probabilities inside bins adds; 0 when each
            bin has one probability.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float


def wilson_interval(
    share: float, n_rows: float, *, coverage: float = 0.9
) -> tuple[float, float]:
    """Return Wilson's score interval of a share.

    Args:
        share: what was seen, 0 to 1.
        n_rows: rows it was seen in, above 0; of weighted rows their effective number.
        coverage: how often the interval shall hold the true share.

    Returns:
        Its ends, 0 to 1.

    References:
        Wilson (1927), "Probable inference, the law of succession, and statistical
        inference".

    >>> [round(end, 3) for end in wilson_interval(0.5, 10, coverage=0.95)]
    [0.237, 0.763]
    """
    from scipy.stats import norm

    check_real(coverage, "coverage", low=0, high=1, open_low=True, open_high=True)
    square = float(norm.ppf((1 + coverage) / 2)) ** 2
    middle = (share + square / (2 * n_rows)) / (1 + square / n_rows)
    spread = share * (1 - share) / n_rows + square / (4 * n_rows**2)
    half = (square * spread) ** 0.5 / (1 + square / n_rows)
    # Rounding must not cut off the share itself.
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def clopper_pearson_interval(
    share: float, n_rows: float, *, coverage: float = 0.9
) -> tuple[float, float]:
    """Return the interval of Clopper and Pearson, which never covers too little.

    Args:
        share: what was seen, 0 to 1.
        n_rows: rows it was seen in, above 0; of weighted rows their effective number.
        coverage: how often the interval shall hold the true share at least.

    Returns:
        Its ends, 0 to 1; wider than Wilson's.

    References:
        Clopper and Pearson (1934), "The use of confidence or fiducial limits
        illustrated in the case of the binomial".

    >>> [round(end, 3) for end in clopper_pearson_interval(0.0, 10, coverage=0.95)]
    [0.0, 0.308]
    """
    from scipy.stats import beta

    check_real(coverage, "coverage", low=0, high=1, open_low=True, open_high=True)
    tail, hits = (1 - coverage) / 2, share * n_rows
    misses = n_rows - hits
    low = 0.0 if hits <= 0 else float(beta.ppf(tail, hits, misses + 1))
    high = 1.0 if misses <= 0 else float(beta.isf(tail, hits + 1, misses))
    return low, high


def equal_mass_bins(
    proba: FloatArray, *, n_bins: int, weights: FloatArray | None = None
) -> IntArray:
    """Return the bin of each row, so that bins hold nearly the same mass.

    A row goes where the middle of the mass of its equals lies, so that equal
    probabilities share a bin; with many equals some bins stay empty.

    Args:
        proba: probability of each row.
        n_bins: bins at most.
        weights: how much each row counts; left out, each counts 1.

    Returns:
        Bin numbers from 0 to ``n_bins - 1``, rising with the probability.

    >>> equal_mass_bins(np.array([0.1, 0.9, 0.2, 0.8]), n_bins=2).tolist()
    [0, 1, 0, 1]
    """
    check_integer(n_bins, "n_bins", low=1)
    _, value = np.unique(proba, return_inverse=True)
    mass = np.bincount(value, weights=weights)
    return _bins_of_values(mass, n_bins)[value]


def _bins_of_values(mass: npt.NDArray[np.number], n_bins: int) -> IntArray:
    """Return the bin of each distinct value, by the mass it has."""
    middle = np.cumsum(mass) - mass / 2
    place = np.floor(middle * n_bins / mass.sum()).astype(np.int64)
    bins: IntArray = np.minimum(place, n_bins - 1)
    return bins


def reliability_bins(
    happened: BoolArray,
    proba: FloatArray,
    *,
    n_bins: int = 10,
    weights: FloatArray | None = None,
    coverage: float = 0.9,
    interval: Callable[..., tuple[float, float]] = wilson_interval,
) -> tuple[ReliabilityBin, ...]:
    """Compare probabilities with what happened, in bins of equal mass.

    Args:
        happened: whether the event came true, one per row.
        proba: the probability that was given to it.
        n_bins: bins at most.
        weights: how much each row counts, above 0; left out, each counts 1.
        coverage: of the intervals.
        interval: `wilson_interval` or `clopper_pearson_interval`.

    Returns:
        The bins that hold rows, by rising probability.

    Raises:
        InputError: there is no row, or lengths differ.

    >>> happened, proba = np.array([False, True, True]), np.array([0.1, 0.6, 0.8])
    >>> [round(each.seen, 2) for each in reliability_bins(happened, proba, n_bins=3)]
    [0.0, 1.0, 1.0]
    """
    weights = _checked(happened, proba, weights)
    out = []
    which = equal_mass_bins(proba, n_bins=n_bins, weights=weights)
    for number in np.unique(which):
        rows = which == number
        mass = float(weights[rows].sum())
        said = float(np.average(proba[rows], weights=weights[rows]))
        seen = float(weights[rows & happened].sum() / mass)
        effective = mass**2 / float((weights[rows] ** 2).sum())
        low, high = interval(seen, effective, coverage=coverage)
        out.append(ReliabilityBin(mass, said, seen, low, high, effective))
    return tuple(out)


def calibration_error(
    happened: BoolArray,
    proba: FloatArray,
    *,
    n_bins: int = 15,
    weights: FloatArray | None = None,
) -> float:
    """Return the mean gap between probability and event over bins of equal mass.

    Of the event "the predicted class is right" and its probability this is the usual
    expected calibration error; of the event "the row is of class k" it is that of the
    class.

    Args:
        happened: whether the event came true, one per row.
        proba: the probability that was given to it.
        n_bins: bins at most.
        weights: how much each row counts; left out, each counts 1.

    Returns:
        0 to 1.

    Raises:
        InputError: there is no row, or lengths differ.

    >>> calibration_error(np.array([True, False]), np.array([0.5, 0.5]))
    0.0
    """
    weights = _checked(happened, proba, weights)
    which = equal_mass_bins(proba, n_bins=n_bins, weights=weights)
    gaps = np.bincount(which, weights=weights * (proba - happened), minlength=n_bins)
    return float(np.abs(gaps).sum() / weights.sum())


def brier_parts(
    happened: BoolArray,
    proba: FloatArray,
    *,
    n_bins: int = 10,
    weights: FloatArray | None = None,
) -> BrierParts:
    """Return the Brier score of an event, taken apart.

    Args:
        happened: whether the event came true, one per row.
        proba: the probability that was given to it.
        n_bins: bins at most, of equal mass.
        weights: how much each row counts; left out, each counts 1.

    Returns:
        The score and its parts.

    Raises:
        InputError: there is no row, or lengths differ.

    References:
        Murphy (1973), "A new vector partition of the probability score". Stephenson,
        Coelho and Jolliffe (2008), "Two extra components in the Brier score
        decomposition": their two are joined in `within_bins`.

    >>> parts = brier_parts(np.array([True, False]), np.array([0.75, 0.25]), n_bins=2)
    >>> parts.brier, parts.reliability, parts.resolution, parts.uncertainty
    (0.0625, 0.0625, 0.25, 0.25)
    """
    weights = _checked(happened, proba, weights)
    share = weights / weights.sum()
    event = happened.astype(np.float64)
    which = equal_mass_bins(proba, n_bins=n_bins, weights=weights)
    mass = np.bincount(which, weights=share, minlength=n_bins)
    filled = np.where(mass > 0, mass, 1.0)
    said = np.bincount(which, weights=share * proba, minlength=n_bins) / filled
    seen = np.bincount(which, weights=share * event, minlength=n_bins) / filled
    overall = float(share @ event)
    apart = proba - said[which]
    within = apart**2 - 2 * apart * (event - seen[which])
    return BrierParts(
        brier=float(share @ (proba - event) ** 2),
        reliability=float(mass @ (said - seen) ** 2),
        resolution=float(mass @ (seen - overall) ** 2),
        uncertainty=overall * (1 - overall),
        within_bins=float(share @ within),
    )


def _checked(
    happened: BoolArray, proba: FloatArray, weights: FloatArray | None
) -> FloatArray:
    """Return the weights, after a look at all three."""
    weights = np.ones(len(happened)) if weights is None else weights
    if not (happened.shape == proba.shape == weights.shape) or happened.ndim != 1:
        raise InputError(
            "`happened`, `proba` and `weights` must be one-dimensional and of equal "
            f"length, got shapes {happened.shape}, {proba.shape} and {weights.shape}."
        )
    if not len(happened):
        raise InputError("There is no row to judge the probabilities by.")
    return weights
