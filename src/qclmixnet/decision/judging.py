"""Judge a rule on held-out rows, also one that was chosen on these very rows."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.core.estimate import Estimate
from qclmixnet.decision.alerts import BudgetRule
from qclmixnet.decision.confusion import (
    by_class,
    correlations,
    count_confusion,
    g_means,
    macro_means,
)
from qclmixnet.decision.costs import checked_costs
from qclmixnet.decision.held_out import HeldOut
from qclmixnet.decision.outlook import ClassOutlook, Outlook
from qclmixnet.decision.rules import DecisionRule

__all__ = ["expect"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_SIDE = 5.0  # percent of the draws below and above the interval


def expect(
    rule_or_choose: DecisionRule | Callable[[HeldOut], DecisionRule],
    held_out: HeldOut,
    *,
    costs: npt.ArrayLike | None = None,
    batch_rows: int | None = None,
    n_parts: int = 5,
    n_draws: int = 500,
    seed: int = 0,
) -> Outlook:
    """Say what a rule is expected to do on new rows like the held-out ones.

    A rule that was chosen on these rows looks better on them than it is. Give then the
    function that chooses it: the rows are dealt into parts with equal shares of each
    class, the function chooses on all parts but one, and the rule is judged on that
    one. The figures are those of all parts together. If it cannot choose without some
    part, because a class is too small, it is judged on the rows that it chose on, and
    the outlook says that it is optimistic.

    The intervals are from a Bayesian bootstrap of the rows of each class (Rubin 1981),
    drawn as whole confusion matrices: the rows of class k fall to the predicted classes
    in shares from a Dirichlet distribution, with the (effective) number of rows in each
    cell and a row more, spread evenly over the C cells. The row more keeps the interval
    open where all of a few rows are right; a plain bootstrap would be sure of them. The
    shares of the true classes are taken as known, and the intervals do not hold the
    chance in the choice of the rule.

    Measured on 300 simulated tables each of 60, 150 and 600 rows, three classes, a
    tenth of the rows in the rarest: the 90 % intervals hold the truth for this class's
    recall in 91, 88 and 88 % (a plain bootstrap: 76, 79 and 83 %), its precision in 84,
    86 and 90 % (76, 80 and 86 %), macro F1 in 90, 88 and 89 % (81, 85 and 88 %), and
    accuracy in 83, 84 and 81 % (80, 85 and 81 %), where the shares of the classes tell.

    A `BudgetRule` gives its alerts to a number of rows, which means nothing for
    held-out rows: state the size of the batches in `batch_rows`. It is judged as the
    same share of all held-out rows, by weight, as in a large batch.

    Args:
        rule_or_choose: a rule that is a given, or a function that chooses one.
        held_out: rows that the models did not see, their probabilities calibrated.
        costs: true class by predicted class; None leaves the mean cost out.
        batch_rows: rows that share the budget of a `BudgetRule`.
        n_parts: parts for choosing and judging, at least 2.
        n_draws: confusion matrices drawn, at least 1.
        seed: of these draws.

    Returns:
        The outlook.

    Raises:
        InputError: there are no rows, or a `BudgetRule` lacks the size of its batches.

    References:
        Rubin (1981), "The Bayesian bootstrap"; Stone (1974), "Cross-validatory choice
        and assessment of statistical predictions".

    >>> from qclmixnet.decision import ThresholdRule
    >>> y = np.repeat([0, 1], [6, 4])
    >>> p = np.array([0.1, 0.1, 0.2, 0.2, 0.3, 0.8, 0.4, 0.6, 0.7, 0.9])
    >>> rows = HeldOut(y, np.stack([1 - p, p], axis=1), np.ones(10))
    >>> outlook = expect(ThresholdRule(1, 0.5), rows)
    >>> outlook.accuracy.value, outlook.classes[1].recall.value
    (0.8, 0.75)
    """
    check_integer(n_parts, "n_parts", low=2)
    check_integer(n_draws, "n_draws", low=1)
    if not held_out.n_rows:
        raise InputError("No rows were held out: there is nothing to judge a rule on.")
    n_classes = held_out.proba.shape[1]
    matrix = None if costs is None else checked_costs(costs, n_classes)
    decided, cross_fitted, note = _decide(rule_or_choose, held_out, batch_rows, n_parts)
    confusion = count_confusion(
        held_out.codes, decided, n_classes, weights=held_out.weights
    )
    draws = _draw(confusion, held_out, n_draws, np.random.default_rng(seed))
    return _summarise(
        confusion, draws, matrix, held_out, cross_fitted=cross_fitted, note=note
    )


def _decide(
    rule_or_choose: DecisionRule | Callable[[HeldOut], DecisionRule],
    held_out: HeldOut,
    batch_rows: int | None,
    n_parts: int,
) -> tuple[IntArray, bool, str]:
    if isinstance(rule_or_choose, DecisionRule):
        return _decide_alike(rule_or_choose, held_out, batch_rows), False, ""
    choose, parts = rule_or_choose, _deal(held_out.codes, n_parts)
    decided = np.empty(held_out.n_rows, dtype=np.int64)
    try:
        for part in np.unique(parts):
            own = parts == part
            rule = choose(_take(held_out, ~own))
            decided[own] = _decide_alike(rule, _take(held_out, own), batch_rows)
    except InputError as error:
        # What cannot be chosen on all rows either is the caller's to hear of.
        rule = choose(held_out)
        note = (
            "The rule cannot be chosen on a part of the held-out rows, so it is judged "
            f"on the rows that it was chosen on, which is optimistic. ({error})"
        )
        return _decide_alike(rule, held_out, batch_rows), False, note
    return decided, True, ""


def _decide_alike(
    rule: DecisionRule, rows: HeldOut, batch_rows: int | None
) -> IntArray:
    """Decide as for a large batch, of which the rows are a weighted sample."""
    if not isinstance(rule, BudgetRule):
        return np.asarray(rule.decide(rows.proba), dtype=np.int64)
    if batch_rows is None:
        raise InputError(
            "What a `BudgetRule` does depends on how many rows share its budget: state "
            "`batch_rows`."
        )
    check_integer(batch_rows, "batch_rows", low=1)
    order = np.argsort(-rows.proba[:, rule.alert], kind="stable")
    weights = rows.weights[order] / rows.weights.sum()
    # A row is alerted if more than half of it is within the share.
    middle = np.cumsum(weights) - weights / 2
    n_alerted = int((middle < rule.n_rows / batch_rows).sum())
    return BudgetRule(rule.alert, n_alerted).decide(rows.proba)


def _deal(codes: IntArray, n_parts: int) -> IntArray:
    """Deal the rows of each class in turn; where one stops the next goes on."""
    # By chance, not by position: rows of a table may be in some order.
    shuffled = np.random.default_rng(len(codes)).permutation(len(codes))
    ordered = shuffled[np.argsort(codes[shuffled], kind="stable")]
    parts = np.empty(len(codes), dtype=np.int64)
    parts[ordered] = np.arange(len(codes)) % n_parts
    return parts


def _take(held_out: HeldOut, rows: npt.NDArray[np.bool_]) -> HeldOut:
    return HeldOut(held_out.codes[rows], held_out.proba[rows], held_out.weights[rows])


def _draw(
    confusion: FloatArray, held_out: HeldOut, n_draws: int, rng: np.random.Generator
) -> FloatArray:
    """Draw confusion matrices with the same shares of the true classes."""
    n_classes = len(confusion)
    squares = np.bincount(held_out.codes, held_out.weights**2, minlength=n_classes)
    sums = np.bincount(held_out.codes, held_out.weights, minlength=n_classes)
    n_rows = np.divide(sums**2, squares, out=np.zeros(n_classes), where=squares > 0)
    support = confusion.sum(axis=1)
    shares = confusion / np.where(support > 0, support, 1)[:, None]
    pseudo_rows = n_rows[:, None] * shares + 1 / n_classes
    gammas = rng.standard_gamma(pseudo_rows, size=(n_draws, n_classes, n_classes))
    drawn = gammas / gammas.sum(axis=2, keepdims=True)
    return np.asarray(drawn * support[:, None], dtype=np.float64)


def _summarise(
    confusion: FloatArray,
    draws: FloatArray,
    costs: FloatArray | None,
    held_out: HeldOut,
    *,
    cross_fitted: bool,
    note: str,
) -> Outlook:
    both = np.concatenate([confusion[None], draws])  # the figure itself comes first
    precision, recall, f1 = by_class(both)
    support, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    n_rows = np.bincount(held_out.codes, minlength=len(confusion))
    present, occurs = support > 0, (support > 0) | (predicted > 0)
    classes = tuple(
        ClassOutlook(
            n_rows=int(n_rows[k]),
            recall=_estimate(recall[:, k]) if present[k] else None,
            precision=_estimate(precision[:, k]) if predicted[k] > 0 else None,
            f1=_estimate(f1[:, k]) if occurs[k] else None,
            share=_estimate(both[:, :, k].sum(axis=1) / confusion.sum()),
        )
        for k in range(len(confusion))
    )
    total = confusion.sum()
    mean_cost = None
    if costs is not None:
        mean_cost = _estimate((both * costs).sum(axis=(1, 2)) / total)
    return Outlook(
        classes=classes,
        accuracy=_estimate(np.trace(both, axis1=1, axis2=2) / total),
        macro_f1=_estimate(macro_means(f1, occurs)),
        macro_recall=_estimate(macro_means(recall, present)),
        g_mean=_estimate(g_means(both)),
        mcc=_estimate(correlations(both)),
        mean_cost=mean_cost,
        confusion=tuple(map(tuple, (confusion / total).tolist())),
        cross_fitted=cross_fitted,
        note=note,
    )


def _estimate(values: FloatArray) -> Estimate:
    """Return the first value with the interval of the others, at least up to it."""
    value = float(values[0])
    low, high = np.percentile(values[1:], [_SIDE, 100 - _SIDE])
    return Estimate(value, min(value, float(low)), max(value, float(high)))
