"""What decisions cost, where the model decides by stated costs."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from qclmixnet.core.estimate import Estimate
from qclmixnet.decision import CostRule
from qclmixnet.metrics import bootstrap_estimate
from qclmixnet.report.model_data import CostOfDeciding, DecisionCosts, StatedCost

__all__ = ["decision_costs"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def decision_costs(
    rule: CostRule,
    codes: IntArray,
    y_pred: IntArray,
    proba: FloatArray,
    *,
    labels: Sequence[str],
    n_resamples: int,
    coverage: float,
) -> DecisionCosts:
    """Return what a row costs on average with the model's rule, and with simpler ones.

    Args:
        rule: the model's, with its costs.
        codes: class number of each row.
        y_pred: the class that the rule chose.
        proba: probabilities, rows by classes.
        labels: the classes, as text.
        n_resamples: how often rows are drawn for an interval.
        coverage: of the intervals.

    Returns:
        The costs that were stated, dearest first, and the mean cost of a row with the
        rule itself, with the most probable class, and with the single class that is
        cheapest for all of these rows.
    """
    always = int(rule.costs[codes].sum(axis=0).argmin())

    def mean_cost(chosen: IntArray) -> Estimate:
        costs = rule.costs[codes, chosen]
        return bootstrap_estimate(
            lambda weights: float(np.average(costs, weights=weights)),
            len(costs),
            generator=np.random.default_rng(0),
            n_resamples=n_resamples,
            coverage=coverage,
            bounds=(float(costs.min()), float(costs.max())),
        )

    ways = (
        ("the lowest expected cost, as the model does", y_pred),
        ("the most probable class", proba.argmax(axis=1)),
        (f"always {labels[always]}", np.full(len(codes), always)),
    )
    stated = [
        StatedCost(labels[true], labels[chosen], float(rule.costs[true, chosen]))
        for true, chosen in np.argwhere(rule.costs != 0)
    ]
    return DecisionCosts(
        stated=tuple(sorted(stated, key=lambda each: -each.cost)),
        ways=tuple(CostOfDeciding(words, mean_cost(chosen)) for words, chosen in ways),
    )
