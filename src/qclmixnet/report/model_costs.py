"""What decisions cost, where the model decides by stated costs."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.core.estimate import Estimate
from qclmixnet.decision import CostRule
from qclmixnet.metrics import bootstrap_estimate
from qclmixnet.report.model_data import (
    CostOfDeciding,
    DecisionCosts,
    StatedCost,
)
from qclmixnet.report.tables import Column, ReportTable

__all__ = ["costs_table", "decision_costs", "stated_costs_table"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_N_RESAMPLES = 300


def decision_costs(
    rule: CostRule,
    codes: IntArray,
    y_pred: IntArray,
    proba: FloatArray,
    *,
    labels: Sequence[str],
    coverage: float,
) -> DecisionCosts:
    """Return what a row costs on average with the model's rule, and with simpler ones.

    Args:
        rule: the model's, with its costs.
        codes: class number of each row.
        y_pred: the class that the rule chose.
        proba: probabilities, rows by classes.
        labels: the classes, as text.
        coverage: of the intervals.

    Returns:
        The costs that were stated, dearest first, and the mean cost of a row with the
        rule itself, with the most probable class, and with the single class that is
        cheapest for all of these rows.
    """
    always = int(rule.costs[codes].sum(axis=0).argmin())
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
        ways=tuple(
            CostOfDeciding(words, _mean_cost(rule.costs[codes, chosen], coverage))
            for words, chosen in ways
        ),
    )


def _mean_cost(costs: FloatArray, coverage: float) -> Estimate:
    return bootstrap_estimate(
        lambda weights: float(np.average(costs, weights=weights)),
        len(costs),
        generator=np.random.default_rng(0),
        n_resamples=_N_RESAMPLES,
        coverage=coverage,
        bounds=(float(costs.min()), float(costs.max())),
    )


def costs_table(costs: DecisionCosts, *, coverage: float) -> ReportTable:
    """Return what each way of deciding costs.

    Args:
        costs: what was found.
        coverage: of the intervals.

    Returns:
        One line for each way of deciding.
    """
    records = [
        (each.way, each.cost.value, each.cost.low, each.cost.high)
        for each in costs.ways
    ]
    return ReportTable(
        "costs",
        "What a row costs on average",
        pd.DataFrame(records, columns=["way", "cost", "low", "high"], dtype=object),
        (
            Column("way", "decided for"),
            Column("cost", "cost of a row", 4, ("low", "high")),
        ),
        f"In brackets {coverage:.0%} intervals, by drawing the rows again.",
    )


def stated_costs_table(costs: DecisionCosts) -> ReportTable:
    """Return the costs that the rule was given.

    Args:
        costs: what was found.

    Returns:
        One line for each decision that costs or gains something, dearest first.
    """
    records = [(each.true, each.decided, each.cost) for each in costs.stated]
    return ReportTable(
        "stated-costs",
        "The costs as they were stated",
        pd.DataFrame(records, columns=["true", "decided", "cost"], dtype=object),
        (
            Column("true", "true class"),
            Column("decided", "decided for"),
            Column("cost", "cost", 2),
        ),
        "What is not listed costs nothing. Below 0 is a gain.",
    )
