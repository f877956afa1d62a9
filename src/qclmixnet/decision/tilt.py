"""A decision rule with one number to learn: how far to lean towards rare classes.

Probabilities of a model that was trained with class weights (N / (C n_c))^p lean
towards rare classes already; multiplying them by a further (N / (C n_c))^t leans by
p + t in all. No lean at all is best for accuracy, a lean of 1 for macro recall if the
probabilities are right, and macro-F1 lies between. How much exactly depends on the
table, but less than few rows can tell: offsets tuned class by class were worse than one
fixed lean on 32 development tables (docs/decisions/0009). So the best lean on left-out
rows, read from a smoothed curve, moves the usual lean only a quarter of the way.

References:
    Menon et al. (2021), "Long-tail learning via logit adjustment", section 4.1, arXiv
    2007.07314, where the lean is called tau.
"""

import numpy as np
import numpy.typing as npt

from qclmixnet.decision.confusion import (
    TiltObjective,
    correlations,
    count_confusion,
    g_means,
)
from qclmixnet.decision.offsets import OffsetRule
from qclmixnet.decision.sweep import inner_score

__all__ = [
    "USUAL_LEAN",
    "best_near",
    "rarity",
    "score_with",
    "smooth",
    "tune_tilt",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

USUAL_LEAN: dict[TiltObjective, float] = {
    "macro_f1": 0.65,
    "balanced": 0.7,
    "macro_recall": 0.9,
    "g_mean": 1.0,
    "mcc": 0.55,
}
"""The best lean of all development tables together.

Those of the geometric mean of the recalls and of Matthews' correlation are from one fit
of the default preset to each of 24 of these tables, on the calibrated probabilities of
left-out rows: the mean scores, smoothed, are within 0.3 points of their best at leans
of 0.85 to 1.2 and of 0.4 to 0.7. Macro F1, macro recall and their mean are best there
at 0.55 (0.35 to 0.65), 0.95 (0.8 to 1.15) and 0.7 (0.55 to 0.8).
"""

_LEANS = np.linspace(0.2, 1.2, 21)
_TRUST = 0.25  # how far the left-out rows move the usual lean
_REACH = 2  # leans to each side that are averaged over
_FEWEST_ROWS, _MOST_ROWS = 20, 20_000
_FEW = 10  # rows of a class below which its part is worth a note
_ROUNDING = 1e-9
_TINY = float(np.finfo(np.float64).tiny)


def rarity(counts: npt.NDArray[np.number]) -> FloatArray:
    """Return the logarithm of N / (C n_c) for each class; 0 for a class of no row.

    >>> np.exp(rarity(np.array([6, 2, 0]))).round(3).tolist()
    [0.667, 2.0, 1.0]
    """
    present = counts > 0
    mean = counts.sum() / present.sum()
    return np.where(present, np.log(mean / np.where(present, counts, 1)), 0.0)


def tune_tilt(
    y_true: IntArray,
    proba: FloatArray,
    counts: npt.NDArray[np.number],
    *,
    power: float,
    objective: TiltObjective,
    weights: FloatArray | None = None,
) -> OffsetRule:
    """Choose how far to lean towards rare classes.

    Args:
        y_true: class number of each left-out row, of at least one.
        proba: their probabilities by models that did not see them, rows by classes.
        counts: rows of each class in training, or their weights added up.
        power: how far the probabilities lean already.
        objective: the score to go for.
        weights: how much each left-out row counts in the score; None counts all alike.

    Returns:
        The rule. Other than with `tune_offsets` it may score less on these very rows
        than the plain argmax; with fewer than 20 of them it is the usual lean.

    >>> y = np.repeat([0, 1], [30, 10])
    >>> proba = np.tile([0.6, 0.4], (40, 1))
    >>> rule = tune_tilt(y, proba, np.array([30, 10]), power=0.5, objective="balanced")
    >>> (rule.offsets / np.log(3)).round(1).tolist()
    [0.0, 0.2]
    """
    step = rarity(counts)
    kept = slice(None, None, max(1, len(y_true) // _MOST_ROWS))
    codes, log_p = y_true[kept], np.log(np.maximum(proba[kept], _TINY))
    shares = None if weights is None else weights[kept]
    lean = USUAL_LEAN[objective]
    if len(codes) >= _FEWEST_ROWS:
        scores = [
            score_with(codes, log_p, (lean - power) * step, objective, weights=shares)
            for lean in _LEANS
        ]
        best = best_near(_LEANS, smooth(np.array(scores), _REACH), lean)
        lean += _TRUST * (best - lean)
    offsets = (lean - power) * step
    offsets = offsets - offsets[int(np.argmax(counts))]
    before = score_with(codes, log_p, 0 * offsets, objective, weights=shares)
    after = score_with(codes, log_p, offsets, objective, weights=shares)
    return OffsetRule(offsets, objective, before, after, _note(counts))


def smooth(curve: FloatArray, reach: int) -> FloatArray:
    """Average each value with so many neighbours to each side; ends are repeated."""
    padded = np.pad(curve, reach, mode="edge")
    width = 2 * reach + 1
    out: FloatArray = np.convolve(padded, np.full(width, 1 / width), mode="valid")
    return out


def best_near(values: FloatArray, scores: FloatArray, home: float) -> float:
    """Return the value with the best score, of equals the nearest to `home`.

    Of two that are as near it is the smaller.
    """
    equals = values[scores >= scores.max() - _ROUNDING]
    return float(equals[np.argmin(np.abs(equals - home).round(9))])


def score_with(
    codes: IntArray,
    log_p: FloatArray,
    offsets: FloatArray,
    objective: TiltObjective,
    *,
    weights: FloatArray | None = None,
) -> float:
    """Return the score of the argmax after adding an offset to each class."""
    chosen = (log_p + offsets).argmax(axis=1)
    n_classes = log_p.shape[1]
    if objective == "g_mean" or objective == "mcc":
        confusion = count_confusion(codes, chosen, n_classes, weights=weights)
        score = g_means if objective == "g_mean" else correlations
        return float(score(confusion))
    return inner_score(codes, chosen, n_classes, objective, weights=weights)


def _note(counts: npt.NDArray[np.number]) -> str:
    smallest = int(counts[counts > 0].min())
    if smallest >= _FEW:
        return ""
    return (
        f"The smallest class has {smallest} rows: what the rule does for it is what is "
        "usual, not what this table shows."
    )
