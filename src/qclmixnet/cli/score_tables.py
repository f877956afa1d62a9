"""Scores laid out for the terminal."""

import math

from rich.markup import escape
from rich.table import Table

from qclmixnet.metrics import Scores

__all__ = ["class_table", "confusion_table"]

_MAX_CLASSES_IN_CONFUSION = 12
_MAX_CONFUSIONS = 10


def class_table(scores: Scores, *, title: str) -> Table:
    """Lay out the scores of each class, and the means below them."""
    table = Table(title=escape(title), title_justify="left", title_style="bold")
    table.add_column("class")
    for name in ("precision", "recall", "F1", "AUPRC", "rows"):
        table.add_column(name, justify="right")
    for entry in scores.by_class:
        values = (entry.precision, entry.recall, entry.f1, entry.auprc)
        cells = [_cell(value) for value in values]
        table.add_row(escape(entry.label), *cells, str(entry.support))
    table.add_section()
    n_rows = sum(entry.support for entry in scores.by_class)
    mean_precision = sum(entry.precision for entry in scores.by_class)
    table.add_row(
        "mean over classes",
        _cell(mean_precision / len(scores.by_class)),
        _cell(scores.macro_recall),
        _cell(scores.macro_f1),
        _cell(scores.macro_auprc),
        str(n_rows),
        style="bold",
    )
    table.caption = (
        f"G-mean {scores.g_mean:.3f}   MCC {scores.mcc:.3f}   AUROC "
        f"{_cell(scores.macro_auroc)}\nlog-loss {scores.log_loss:.3f}   "
        f"Brier {scores.brier:.3f}   accuracy {scores.accuracy:.3f}"
    )
    table.caption_justify = "left"
    return table


def _cell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def confusion_table(scores: Scores) -> Table | str:
    """Lay out the confusion matrix, or its worst cells when it is large."""
    labels = [entry.label for entry in scores.by_class]
    if len(labels) > _MAX_CLASSES_IN_CONFUSION:
        return _worst_confusions(scores, labels)
    table = Table(
        title="Confusion: true class by predicted class",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("true \\ predicted")
    for label in labels:
        table.add_column(escape(label), justify="right")
    for k, row in enumerate(scores.confusion):
        cells = [f"[bold]{n}[/]" if j == k else str(n) for j, n in enumerate(row)]
        table.add_row(escape(labels[k]), *cells)
    return table


def _worst_confusions(scores: Scores, labels: list[str]) -> str:
    cells = [
        (n, labels[i], labels[j])
        for i, row in enumerate(scores.confusion)
        for j, n in enumerate(row)
        if i != j and n
    ]
    if not cells:
        return "No row was taken for another class."
    worst = sorted(cells, key=lambda cell: -cell[0])[:_MAX_CONFUSIONS]
    lines = [f"  {n} x {true} taken for {taken}" for n, true, taken in worst]
    return "Most frequent confusions:\n" + "\n".join(lines)
