"""Centre and scale of a column of numbers, safe for any finite float64.

References:
    Holzmueller, Grinsztajn, Steinwart (2024), "Better by Default: Strong Pre-Tuned MLPs
    and Boosted Trees on Tabular Data", section 3, arXiv 2407.04491, for the robust
    scaling and the smooth clip. We differ in nothing there.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float64

__all__ = ["CLIP", "SCALINGS", "Scaling", "robust", "scaled", "standard", "unscaled"]

Scaling = Literal["standard", "robust"]

CLIP = 1e4
"""Scaled values end here: with 1e8 rows, no training value can be farther out."""

_HUGE = 1e290  # sums of larger values could overflow float64


def standard(values: Float64[np.ndarray, " rows"]) -> tuple[float, float]:
    """Mean and standard deviation (divided by n) of finite values.

    A scale of 0 says that nothing can be learned from the column's size.

    >>> standard(np.array([1.0, 1.0, 5.0, 5.0]))
    (3.0, 2.0)
    """
    largest = float(np.abs(values).max(initial=0.0))
    if largest == 0.0:
        return 0.0, 0.0
    unit = largest if largest > _HUGE else 1.0
    centre = float(np.mean(values / unit)) * unit
    deviations = values / unit - centre / unit
    spread = float(np.abs(deviations).max())
    if spread == 0.0:
        return centre, 0.0
    # Squares relative to the largest deviation neither under- nor overflow.
    scale = spread * math.sqrt(float(np.mean(np.square(deviations / spread))))
    return centre, min(scale * unit, np.finfo(np.float64).max)


def robust(values: Float64[np.ndarray, " rows"]) -> tuple[float, float]:
    """Median and interquartile range; half the full range when the former is 0.

    >>> robust(np.array([0.0, 1.0, 2.0, 3.0, 100.0]))
    (2.0, 2.0)
    >>> robust(np.array([0.0, 0.0, 0.0, 0.0, 8.0]))
    (0.0, 4.0)
    """
    if not len(values):
        return 0.0, 0.0
    halves = values / 2  # a difference of halves cannot overflow
    low, middle, high = np.quantile(halves, [0.25, 0.5, 0.75])
    scale = 2 * float(min(high - low, np.finfo(np.float64).max / 2))
    if scale == 0.0:
        scale = float(halves.max() - halves.min())
    return 2 * float(middle), scale


SCALINGS: Mapping[str, Callable[[np.ndarray], tuple[float, float]]] = {
    "standard": standard,
    "robust": robust,
}


def scaled(
    values: Float64[np.ndarray, " rows"], centre: float, scale: float, kind: Scaling
) -> Float64[np.ndarray, " rows"]:
    """Centre and scale a column; NaN becomes 0, the centre.

    Standard scaling ends hard at ``CLIP``; robust scaling ends smoothly at 3:
    ``x / sqrt(1 + (x / 3) ** 2)``.

    >>> scaled(np.array([3.0, np.nan, 5.0]), 1.0, 2.0, "standard")
    array([1., 0., 2.])
    """
    if scale == 0.0:
        return np.zeros(len(values))
    with np.errstate(over="ignore"):  # an overflow is far out, and is clipped next
        x = (values - centre) / scale
    # For a single row np.clip and np.nan_to_num would take longer than all the rest.
    x = np.minimum(np.maximum(x, -CLIP), CLIP)
    if kind == "robust":
        x = x / np.sqrt(1 + np.square(x / 3))
    x[np.isnan(x)] = 0.0
    return x


def unscaled(
    x: Float64[np.ndarray, " rows"], centre: float, scale: float, kind: Scaling
) -> Float64[np.ndarray, " rows"]:
    """Undo ``scaled`` for values that went through float32.

    They come back to four digits of the scale; NaN is returned for what was so far out
    that the clip has taken its digits: from 2.9 on with robust scaling, from ``CLIP``
    on with the other.

    >>> unscaled(scaled(np.array([3.25, 90.0]), 1.0, 2.0, "robust"), 1.0, 2.0, "robust")
    array([3.25,  nan])
    """
    if scale == 0.0:
        return np.full(len(x), np.nan)
    if kind == "robust":
        kept = np.where(np.abs(x) < 2.9, x, np.nan)
        kept = kept / np.sqrt(1 - np.square(kept / 3))
    else:
        kept = np.where(np.abs(x) < CLIP, x, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        raw = kept * scale + centre
        unit = 10.0 ** (math.floor(math.log10(scale)) - 4)
        rounded = np.round(raw / unit) * unit if unit > 1 else _round(raw, unit)
    return np.where(np.isfinite(rounded), rounded, np.nan)


def _round(raw: np.ndarray, unit: float) -> np.ndarray:
    """Round to a decimal place, without the last-digit noise of a division."""
    places = round(-math.log10(unit)) if unit > 0 else 400
    return np.round(raw, places) if places < 300 else raw
