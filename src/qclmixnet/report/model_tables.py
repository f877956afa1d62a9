"""The tables on the page of one model."""

import math
from collections.abc import Sequence

import pandas as pd

from qclmixnet.core.estimate import Estimate
from qclmixnet.report.model_data import (
    DecisionCosts,
    ListedRow,
    ModelPage,
    Reason,
    ScoredRows,
)
from qclmixnet.report.tables import Column, ReportTable

__all__ = [
    "calibration_table",
    "class_table",
    "column_table",
    "confusions_table",
    "costs_table",
    "diagnostics_table",
    "row_table",
    "stated_costs_table",
]

_MOST_COLUMNS = 300
_MOST_CONFUSIONS = 20


def _table(
    name: str,
    title: str,
    columns: Sequence[Column],
    records: Sequence[Sequence[object]],
    *,
    keys: Sequence[str] = (),
    note: str = "",
) -> ReportTable:
    """Return a table; `keys` names the values where they are more than the columns."""
    names = list(keys or [column.key for column in columns])
    # As objects, so that a hole beside whole numbers does not turn them into fractions.
    data = pd.DataFrame(list(map(list, records)), columns=names, dtype=object)
    return ReportTable(name, title, data, tuple(columns), note)


def column_table(page: ModelPage) -> ReportTable:
    """Return what is in each column.

    Args:
        page: what is known of the table.

    Returns:
        One line per column.
    """
    shown = page.columns[:_MOST_COLUMNS]
    more = len(page.columns) - len(shown)
    records = [
        (
            column.name,
            column.kind,
            None if column.missing is None else 100 * column.missing,
            column.n_distinct,
            column.content,
        )
        for column in shown
    ]
    return _table(
        "columns",
        "Columns of the table",
        (
            Column("name", "column"),
            Column("kind", "kind"),
            Column("missing", "missing %", 1),
            Column("distinct", "different values"),
            Column("content", "values"),
        ),
        records,
        note=f"{more:,} more columns are not listed." if more else "",
    )


def class_table(scored: ScoredRows, predicted: Sequence[int]) -> ReportTable:
    """Return the scores of each class with their intervals.

    Args:
        scored: the scores.
        predicted: rows that the model calls so, class by class.

    Returns:
        One line per class.
    """
    records = []
    for entry, ends, n_called in zip(
        scored.scores.by_class, scored.intervals, predicted, strict=True
    ):
        values = [entry.label, entry.support, n_called]
        for found in (ends.recall, ends.precision, ends.f1):
            values += _with_ends(found)
        records.append([*values, entry.auprc])
    names = ("recall", "precision", "f1")
    keys = [key for name in names for key in (name, f"{name}_low", f"{name}_high")]
    columns = (
        Column("label", "class"),
        Column("support", "rows"),
        Column("called", "called so"),
        Column("recall", "recall", 2, ("recall_low", "recall_high")),
        Column("precision", "precision", 2, ("precision_low", "precision_high")),
        Column("f1", "F1", 2, ("f1_low", "f1_high")),
        Column("auprc", "AUPRC", 2),
    )
    return _table(
        "classes",
        "Scores of each class, by the model's own rule",
        columns,
        records,
        keys=["label", "support", "called", *keys, "auprc"],
        note=(
            f"In brackets {scored.coverage:.0%} intervals, by drawing the rows again; "
            "where a score is 0 or 1, Wilson's. AUPRC: area under the curve of "
            "precision and recall, whatever the rule."
        ),
    )


def costs_table(costs: DecisionCosts, *, coverage: float) -> ReportTable:
    """Return what each way of deciding costs.

    Args:
        costs: what was found.
        coverage: of the intervals.

    Returns:
        One line for each way of deciding.
    """
    return _table(
        "costs",
        "What a row costs on average",
        (
            Column("way", "decided for"),
            Column("cost", "cost of a row", 4, ("cost_low", "cost_high")),
        ),
        [(each.way, *_with_ends(each.cost)) for each in costs.ways],
        keys=("way", "cost", "cost_low", "cost_high"),
        note=f"In brackets {coverage:.0%} intervals, by drawing the rows again.",
    )


def stated_costs_table(costs: DecisionCosts) -> ReportTable:
    """Return the costs that the rule was given.

    Args:
        costs: what was found.

    Returns:
        One line for each decision that costs or gains something, dearest first.
    """
    return _table(
        "stated-costs",
        "The costs as they were stated",
        (
            Column("true", "true class"),
            Column("decided", "decided for"),
            Column("cost", "cost", 2),
        ),
        [(each.true, each.decided, each.cost) for each in costs.stated],
        note="What is not listed costs nothing. Below 0 is a gain.",
    )


def calibration_table(scored: ScoredRows) -> ReportTable:
    """Return how far the probabilities of each class are off.

    Args:
        scored: the scores.

    Returns:
        One line per class that has curves.
    """
    records = [
        (
            each.label,
            *_with_ends(each.error),
            each.parts.brier,
            each.parts.reliability,
            each.parts.resolution,
            each.parts.uncertainty,
        )
        for each in scored.curves
    ]
    return _table(
        "calibration",
        "Probabilities of each class",
        (
            Column("label", "class"),
            Column("error", "calibration error", 3, ("error_low", "error_high")),
            Column("brier", "Brier score", 4),
            Column("reliability", "reliability", 4),
            Column("resolution", "resolution", 4),
            Column("uncertainty", "uncertainty", 4),
        ),
        records,
        keys=[
            *("label", "error", "error_low", "error_high"),
            *("brier", "reliability", "resolution", "uncertainty"),
        ],
        note=(
            "Calibration error: on these rows, and in brackets what it would be on "
            "more, without the part of chance. Brier score of the class against the "
            "rest, 0 to 1: reliability (0 is best) less resolution (the more the "
            "better) plus uncertainty (of the class itself), and a rest for the spread "
            "inside bins."
        ),
    )


def _with_ends(found: Estimate) -> list[float]:
    return [found.value, found.low, found.high]


def confusions_table(scored: ScoredRows) -> ReportTable:
    """Return the most frequent confusions, for a matrix too large to be read.

    Args:
        scored: the scores.

    Returns:
        One line per pair of true and predicted class, the most frequent first.
    """
    labels = [entry.label for entry in scored.scores.by_class]
    cells = [
        (labels[true], labels[called], n, 100 * n / sum(row))
        for true, row in enumerate(scored.scores.confusion)
        for called, n in enumerate(row)
        if true != called and n
    ]
    cells.sort(key=lambda cell: -cell[2])
    return _table(
        "confusions",
        "Most frequent confusions",
        (
            Column("true", "true class"),
            Column("called", "taken for"),
            Column("n", "rows"),
            Column("share", "% of the true class", 1),
        ),
        cells[:_MOST_CONFUSIONS],
    )


def row_table(name: str, title: str, rows: Sequence[ListedRow]) -> ReportTable:
    """Return rows with what the model says of them.

    Args:
        name: tells the tables of a page apart.
        title: its caption.
        rows: at least one.

    Returns:
        One line per row; what is known of none is left out.
    """
    has_truth = any(row.truth is not None for row in rows)
    has_reasons = any(row.reasons for row in rows)
    cells = list(rows[0].cells)
    columns = [
        Column("number", "row"),
        *([Column("truth", "true class")] if has_truth else []),
        Column("predicted", "predicted"),
        Column("probability", "its probability"),
        Column("other", "next class"),
        Column("other_probability", "its probability"),
        *([Column("reasons", "what weighed most")] if has_reasons else []),
        # A column of the caller's may be called as one of ours.
        *(Column(f"cell {k}", cell) for k, cell in enumerate(cells)),
    ]
    records = []
    for row in rows:
        values: list[object] = [row.number]
        if has_truth:
            values.append(row.truth)
        values += [row.predicted, row.probability, row.other, row.other_probability]
        if has_reasons:
            values.append("; ".join(map(_reason_text, row.reasons)))
        records.append([*values, *(row.cells[cell] for cell in cells)])
    return _table(name, title, columns, records)


def _reason_text(reason: Reason) -> str:
    value = reason.value or "missing"
    return f"{reason.column} = {value} ({reason.contribution:+.2f})"


def diagnostics_table(page: ModelPage) -> ReportTable:
    """Return what the fit noticed.

    Args:
        page: with at least one diagnostic.

    Returns:
        One line per diagnostic, severe ones first.
    """
    keys = ("name", "severity", "message", "value", "threshold", "action")
    found = sorted(page.diagnostics, key=lambda each: each["severity"] != "warning")
    records = [[_plain(each[key]) for key in keys] for each in found]
    return _table(
        "noticed",
        "What the fit noticed",
        (
            Column("name", "name"),
            Column("severity", "severity"),
            Column("message", "what was found"),
            Column("value", "value", None),
            Column("threshold", "threshold", None),
            Column("action", "what to do"),
        ),
        records,
    )


def _plain(value: object) -> object:
    """Return a number without an end as text, which a table can show."""
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    return value
