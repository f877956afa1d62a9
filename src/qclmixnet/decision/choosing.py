"""Rules that go for a score, a recall or a number of alerts, chosen on held-out rows.

All of them count rows by their weights, so that thinned classes count in full.
"""

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from qclmixnet.core.checks import check_choice, check_integer, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.decision.alerts import ThresholdRule
from qclmixnet.decision.checks import checked_class
from qclmixnet.decision.confusion import TiltObjective
from qclmixnet.decision.held_out import HeldOut
from qclmixnet.decision.offsets import OffsetRule
from qclmixnet.decision.rules import ArgmaxRule
from qclmixnet.decision.tilt import tune_tilt

__all__ = ["RuleObjective", "choose_rule", "rule_for_alerts", "rule_for_recall"]

FloatArray = npt.NDArray[np.float64]

RuleObjective = Literal[
    "argmax", "macro_f1", "macro_recall", "balanced", "g_mean", "mcc"
]
"""What a rule can go for: argmax is accuracy, balanced the mean of the two macro
scores, g_mean the geometric mean of the recalls, mcc Matthews' correlation."""

_FEW = 10  # rows of a class below which its part is worth a note
_ROUNDING = 1e-9  # sums of weights closer than this share of the whole are equal


def choose_rule(held_out: HeldOut, objective: RuleObjective) -> ArgmaxRule | OffsetRule:
    """Choose the rule that goes for a score of all classes together.

    Other than argmax all are one family with one number to learn: how far to lean
    towards rare classes. The best lean on the held-out rows, read from a smoothed
    curve, moves the usual lean of the objective a quarter of the way (`tune_tilt`), for
    the few rows of rare classes would otherwise decide too much. How rare a class is
    the weights of the held-out rows say.

    The geometric mean is 0 as soon as one class is never found, at any lean: it then
    keeps the usual lean. Matthews' correlation leans as little as macro F1.

    Args:
        held_out: rows that the models did not see, their probabilities calibrated.
        objective: what to go for.

    Returns:
        The rule, for calibrated probabilities.

    Raises:
        InputError: the objective is unknown, or there are no rows.

    >>> y = np.repeat([0, 1], [30, 10])
    >>> rows = HeldOut(y, np.tile([0.6, 0.4], (40, 1)), np.ones(40))
    >>> choose_rule(rows, "macro_recall").decide(np.array([[0.6, 0.4], [0.9, 0.1]]))
    array([1, 0])
    """
    check_choice(objective, "objective", get_args(RuleObjective))
    if objective == "argmax":
        return ArgmaxRule()
    _check_rows(held_out)
    n_classes = held_out.proba.shape[1]
    counts = np.bincount(held_out.codes, held_out.weights, minlength=n_classes)
    goal: TiltObjective = objective
    rule = tune_tilt(
        held_out.codes,
        held_out.proba,
        counts,
        power=0.0,
        objective=goal,
        weights=held_out.weights,
    )
    n_rows = np.bincount(held_out.codes, minlength=n_classes)
    return OffsetRule(
        rule.offsets, goal, rule.inner_before, rule.inner_after, _few_rows_note(n_rows)
    )


def rule_for_recall(
    held_out: HeldOut,
    *,
    alert: int,
    at_least: float = 0.95,
    confidence: float | None = None,
) -> ThresholdRule:
    """Choose the threshold of one class that finds a stated share of its rows.

    Of all thresholds that do so on the held-out rows it is the one with the best
    precision there, and of equals the highest. On new rows the recall is then about as
    likely to fall short of the stated one as not: a `confidence` asks for more.

    With a `confidence` the one-sided lower bound of Clopper and Pearson for the recall
    must reach the stated one. The threshold is at most a certain order statistic of the
    class's probabilities, whose true recall has exactly the distribution of the bound
    (Wilks 1941): so the chance that the recall on new rows falls short is at most one
    minus the confidence, although the threshold was chosen on these rows.

    Where weights differ within the class, the bound takes the effective number of rows,
    (sum w)^2 / sum w^2, and is approximate.

    Args:
        held_out: rows that the models did not see, their probabilities calibrated.
        alert: number of the class.
        at_least: the recall asked for, above 0 up to 1.
        confidence: how sure to be of it, between 0 and 1; None takes the recall on the
            held-out rows at its word.

    Returns:
        The rule.

    Raises:
        InputError: no held-out row is of the class, or there are too few of them to
            show such a recall with such a confidence; it names the best there is.

    References:
        Clopper and Pearson (1934), "The use of confidence or fiducial limits
        illustrated in the case of the binomial"; Wilks (1941), "Determination of
        sample sizes for setting tolerance limits".

    >>> y = np.repeat([0, 1], [4, 4])
    >>> p = np.array([0.1, 0.2, 0.3, 0.6, 0.2, 0.5, 0.7, 0.9])
    >>> rows = HeldOut(y, np.stack([1 - p, p], axis=1), np.ones(8))
    >>> rule_for_recall(rows, alert=1, at_least=0.75)
    ThresholdRule(alert=1, threshold=0.5)
    """
    check_real(at_least, "at_least", low=0, high=1, open_low=True)
    if confidence is not None:
        check_real(
            confidence, "confidence", low=0, high=1, open_low=True, open_high=True
        )
    alert = checked_class(alert, held_out.proba.shape[1])
    own = held_out.codes == alert
    if not own.any():
        raise InputError(
            f"No held-out row is of class number {alert}: no recall of it can be "
            "shown. Fit on a table with more rows of it."
        )
    thresholds, alerted, found = _sweep(held_out, alert)
    weights = held_out.weights[own]
    recall = found / weights.sum()
    if confidence is None:  # the lowest threshold finds all
        shown = recall
    else:
        n_rows = float(weights.sum() ** 2 / (weights**2).sum())
        shown = _lower_bound(recall, n_rows, confidence)
    feasible = np.flatnonzero(shown >= at_least - _ROUNDING)
    if not len(feasible):
        raise InputError(
            f"`at_least` is {at_least:g}, but the {len(weights)} held-out rows of "
            f"class number {alert} can show a recall of at most {shown[-1]:.4g} with a "
            f"`confidence` of {confidence}. Ask for less, or for less confidence."
        )
    precision = found[feasible] / alerted[feasible]
    best = feasible[np.flatnonzero(precision >= precision.max() - _ROUNDING)[0]]
    return ThresholdRule(alert, float(thresholds[best]))


def rule_for_alerts(
    held_out: HeldOut, *, alert: int, n_alerts: int, per_rows: int = 10_000
) -> ThresholdRule:
    """Choose the lowest threshold of one class that raises no more alerts than stated.

    How many of new rows are alerted varies around the stated share, and moves if the
    rows do; `BudgetRule` keeps to a number exactly.

    Args:
        held_out: rows that the models did not see, their probabilities calibrated.
        alert: number of the class.
        n_alerts: how many rows may be predicted as this class ...
        per_rows: ... of so many.

    Returns:
        The rule.

    Raises:
        InputError: already the held-out rows with the highest probability are more than
            the share.

    >>> p = np.arange(10) / 10
    >>> y = (p > 0.6).astype(np.int64)
    >>> rows = HeldOut(y, np.stack([1 - p, p], axis=1), np.ones(10))
    >>> rule_for_alerts(rows, alert=1, n_alerts=2_000)
    ThresholdRule(alert=1, threshold=0.8)
    """
    check_integer(n_alerts, "n_alerts", low=1)
    check_integer(per_rows, "per_rows", low=n_alerts)
    alert = checked_class(alert, held_out.proba.shape[1])
    _check_rows(held_out)
    thresholds, alerted, _ = _sweep(held_out, alert)
    shares = alerted / held_out.weights.sum()
    feasible = np.flatnonzero(shares <= n_alerts / per_rows + _ROUNDING)
    if not len(feasible):
        raise InputError(
            f"`n_alerts` is {n_alerts} per {per_rows} rows, but the held-out rows with "
            f"the highest probability of class number {alert} are already "
            f"{shares[0] * per_rows:.4g} per {per_rows}. Allow for as many alerts, or "
            "state how many rows of a batch to alert (`BudgetRule`)."
        )
    return ThresholdRule(alert, float(thresholds[feasible[-1]]))


def _few_rows_note(n_rows: npt.NDArray[np.int64]) -> str:
    """Return what to know about a lean if a class has few held-out rows."""
    smallest = int(n_rows[n_rows > 0].min())
    if smallest >= _FEW:
        return ""
    return (
        f"The smallest class has {smallest} held-out rows: what the rule does for it "
        "is what is usual, not what this table shows."
    )


def _check_rows(held_out: HeldOut) -> None:
    if not held_out.n_rows:
        raise InputError("No rows were held out: there is nothing to choose a rule on.")


def _sweep(held_out: HeldOut, alert: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return all thresholds from the highest, what they alert, and what they find."""
    order = np.argsort(-held_out.proba[:, alert], kind="stable")
    values = held_out.proba[order, alert]
    weights = held_out.weights[order]
    own = held_out.codes[order] == alert
    last = np.append(np.diff(values) < 0, True)  # of rows as probable, the last
    alerted, found = np.cumsum(weights), np.cumsum(weights * own)
    return values[last], alerted[last], found[last]


def _lower_bound(recall: FloatArray, n_rows: float, confidence: float) -> FloatArray:
    hits = recall * n_rows
    bound = beta.ppf(1 - confidence, hits, np.maximum(n_rows - hits, 0) + 1)
    # Of no hit the bound is 0, which the distribution leaves undefined.
    return np.where(hits > 0, bound, 0.0)
