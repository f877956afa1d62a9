"""What the page on one fitted model says, as plain data; no model and no table here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from qclmixnet.core.estimate import Estimate
from qclmixnet.metrics import (
    BrierParts,
    ClassIntervals,
    ReliabilityBin,
    Scores,
    ThresholdCurve,
)

__all__ = [
    "ClassCurves",
    "ClassFacts",
    "ColumnFacts",
    "CostOfDeciding",
    "DecisionCosts",
    "ListedRow",
    "ModelPage",
    "Reason",
    "ScoredRows",
    "StatedCost",
]


@dataclass(frozen=True)
class ColumnFacts:
    """One column of the table.

    Attributes:
        name: as the table has it.
        kind: how it was understood in training.
        missing: share of the rows without a value, 0 to 1; None when it is not read.
        n_distinct: different values; None when it is not read.
        content: what the values are, in a few words.
    """

    name: str
    kind: str
    missing: float | None
    n_distinct: int | None
    content: str


@dataclass(frozen=True)
class ClassFacts:
    """How often a class comes up in the file.

    Attributes:
        label: the class.
        n_true: rows that are of it; None when the file does not say.
        n_predicted: rows that the model calls so.
    """

    label: str
    n_true: int | None
    n_predicted: int


@dataclass(frozen=True)
class ClassCurves:
    """One class along all probabilities.

    Attributes:
        label: the class.
        bins: probability against what happened, in bins of equal mass.
        error: calibration error of the class.
        parts: its Brier score, taken apart.
        thresholds: precision, recall and F1 along all thresholds.
        own_threshold: the threshold that the model's rule amounts to; None when it is
            none, as with more than two classes.
    """

    label: str
    bins: tuple[ReliabilityBin, ...]
    error: Estimate
    parts: BrierParts
    thresholds: ThresholdCurve
    own_threshold: float | None


@dataclass(frozen=True)
class StatedCost:
    """What one decision costs, as the caller says.

    Attributes:
        true: class of the row.
        decided: class that is decided for.
        cost: of that decision; below 0 is a gain.
    """

    true: str
    decided: str
    cost: float


@dataclass(frozen=True)
class CostOfDeciding:
    """What one way of deciding costs.

    Attributes:
        way: how the rows are decided.
        cost: of a row, on average.
    """

    way: str
    cost: Estimate


@dataclass(frozen=True)
class DecisionCosts:
    """What decisions cost on rows whose class is known.

    Attributes:
        stated: costs other than 0, dearest first.
        ways: ways of deciding, the model's first.
    """

    stated: tuple[StatedCost, ...]
    ways: tuple[CostOfDeciding, ...]


@dataclass(frozen=True)
class ScoredRows:
    """How well the model does on rows whose class is known.

    Attributes:
        scores: all scores.
        intervals: of each class, in the order of the classes.
        error: calibration error of the predicted class.
        brier: multi-class Brier score.
        curves: classes along all probabilities, rarest first.
        n_without_curves: classes that have none, for there are too many or they have
            too few rows.
        coverage: of all intervals.
        costs: of the decisions; None when the model does not decide by costs.
    """

    scores: Scores
    intervals: tuple[ClassIntervals, ...]
    error: Estimate
    brier: Estimate
    curves: tuple[ClassCurves, ...]
    n_without_curves: int
    coverage: float = 0.9
    costs: DecisionCosts | None = None


@dataclass(frozen=True)
class Reason:
    """What one column says about a row.

    Attributes:
        column: its name.
        value: the cell, as text.
        contribution: to the log-odds of the predicted class; above 0 speaks for it.
    """

    column: str
    value: str
    contribution: float


@dataclass(frozen=True)
class ListedRow:
    """A row that deserves a look.

    Attributes:
        number: of the row in the file, counted from 1.
        truth: its class; None when the file does not say.
        predicted: the class the model chose.
        probability: of that class.
        other: the class that came next.
        other_probability: of that class.
        cells: some of its cells, by column.
        reasons: why the model chose so; empty if it cannot say.
    """

    number: int
    truth: str | None
    predicted: str
    probability: float
    other: str
    other_probability: float
    cells: Mapping[str, str]
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class ModelPage:
    """Everything that the page says.

    Attributes:
        title: heading of the page.
        summary: paragraphs in plain words, the most important first.
        n_rows: rows of the file.
        columns: of the training table, in its order.
        classes: in the order of the model.
        notes: what is odd about the file, a sentence each.
        scored: how well the model does; None when the file has no classes.
        unsure: rows nearest to another class, nearest first.
        wrong: rows it gets wrong, surest first.
        n_wrong: how many there are.
        diagnostics: what the fit noticed: ``name``, ``severity``, ``message``,
            ``value``, ``threshold`` and ``action`` of each.
        importance: columns of the table by classes; None if it is not known.
        good_for: what the model can be used for, a sentence each.
        not_for: what it should not be used for, a sentence each.
        card: facts about model and file, by name.
    """

    title: str
    summary: tuple[str, ...]
    n_rows: int
    columns: tuple[ColumnFacts, ...]
    classes: tuple[ClassFacts, ...]
    notes: tuple[str, ...]
    scored: ScoredRows | None
    unsure: tuple[ListedRow, ...]
    wrong: tuple[ListedRow, ...]
    n_wrong: int
    diagnostics: tuple[Mapping[str, object], ...]
    importance: pd.DataFrame | None
    good_for: tuple[str, ...]
    not_for: tuple[str, ...]
    card: Mapping[str, str] = field(default_factory=dict)
