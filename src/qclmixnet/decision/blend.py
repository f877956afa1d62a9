"""How much two models count in their mean, read off rows that neither saw."""

import numpy as np
import numpy.typing as npt

from qclmixnet.decision.tilt import USUAL_LEAN, best_near, rarity, score_with, smooth

__all__ = ["USUAL_SHARE", "choose_share", "defer"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

USUAL_SHARE = 0.35
"""The best fixed share of all development tables together."""

_SHARES = np.linspace(0, 1, 11)
_AROUND = np.array([-0.1, 0.0, 0.1])  # leans that a share is scored at
_FEWEST_ROWS, _MOST_ROWS = 20, 20_000
_LEAST = 1e-4  # probabilities below this count as this


def defer(
    second: FloatArray, first: FloatArray, unknown: tuple[int, ...]
) -> FloatArray:
    """Let the first model speak for classes that the second cannot know.

    Args:
        second: probabilities, rows by classes.
        first: the same by the other model.
        unknown: the numbers of these classes.

    Returns:
        The second's probabilities with the first's for the unknown classes, the other
        classes sharing what is left as before.

    >>> second, first = np.array([[0.5, 0.5, 0.0]]), np.array([[0.2, 0.2, 0.6]])
    >>> defer(second, first, (2,))
    array([[0.2, 0.2, 0.6]])
    """
    if not unknown:
        return second
    out = second.copy()
    out[:, unknown] = 0
    left = 1 - first[:, unknown].sum(axis=1, keepdims=True)
    known = out.sum(axis=1, keepdims=True)
    out *= left / np.maximum(known, np.finfo(float).tiny)
    out[:, unknown] = first[:, unknown]
    return out


def choose_share(
    y_true: IntArray,
    first: FloatArray,
    second: FloatArray,
    counts: IntArray,
    *,
    power: float,
) -> float:
    """Choose the share of the second model in ``(1 - share) first + share second``.

    It is the mean of three: the usual share, the share of the lowest class-weighted
    log-loss, and the share of the best balanced macro score, from a smoothed curve, at
    leans around the usual one. The first keeps few rows from deciding much.

    Args:
        y_true: class number of each left-out row; there may be none.
        first: their probabilities by the first model, rows by classes.
        second: the same by the second.
        counts: rows of each class in training.
        power: classes weigh (N / (C n_c)) to this power, in both models' training and
            in the log-loss.

    Returns:
        The share, 0 to 1; the usual one with fewer than 20 rows.

    >>> y = np.repeat([0, 1], 50)
    >>> good, bad = np.eye(2)[y] * 0.8 + 0.1, np.full((100, 2), 0.5)
    >>> low = choose_share(y, good, bad, np.array([50, 50]), power=0.5)
    >>> high = choose_share(y, bad, good, np.array([50, 50]), power=0.5)
    >>> low < 0.35 < high
    True
    """
    if len(y_true) < _FEWEST_ROWS:
        return USUAL_SHARE
    kept = slice(None, None, max(1, len(y_true) // _MOST_ROWS))
    codes, first, second = y_true[kept], first[kept], second[kept]
    step = rarity(counts)
    weights = np.exp(power * step)[codes]
    rows = np.arange(len(codes))
    leans = USUAL_LEAN["balanced"] + _AROUND - power
    losses, scores = [], []
    for share in _SHARES:
        log_p = np.log(np.maximum((1 - share) * first + share * second, _LEAST))
        losses.append(-np.average(log_p[rows, codes], weights=weights))
        at_leans = [score_with(codes, log_p, t * step, "balanced") for t in leans]
        scores.append(np.mean(at_leans))
    likeliest = best_near(_SHARES, -np.array(losses), USUAL_SHARE)
    best = best_near(_SHARES, smooth(np.array(scores), 1), USUAL_SHARE)
    return float((USUAL_SHARE + likeliest + best) / 3)
