"""Printing, and turning errors into one sentence and an exit code."""

import functools
import json
import math
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TextIO

import typer

from qclmixnet.core.errors import QCLMixNetError

if TYPE_CHECKING:
    from rich.table import Table

    from qclmixnet.metrics import Scores

__all__ = ["class_table", "confusion_table", "show", "show_json", "user_errors"]

Arguments = ParamSpec("Arguments")

_MAX_CLASSES_IN_CONFUSION = 12


def user_errors(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Make a command answer a user's mistake with one sentence and exit code 2."""

    @functools.wraps(command)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _print_warning
            try:
                command(*args, **kwargs)
            except QCLMixNetError as error:
                typer.echo(f"Error: {error}", err=True)
                raise typer.Exit(2) from error
            except KeyboardInterrupt:
                typer.echo("Stopped.", err=True)
                raise typer.Exit(130) from None

    return wrapped


def _print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del category, filename, lineno, file, line
    typer.echo(f"Warning: {message}", err=True)


def show(*items: object) -> None:
    """Print text and Rich tables, as wide as the terminal allows."""
    from rich.console import Console

    # A pipe has no width; 100 columns keep the tables whole there.
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    for item in items:
        console.print(item)


def show_json(values: dict[str, object]) -> None:
    """Print one JSON object."""
    print(json.dumps(values, indent=2, allow_nan=False))


def class_table(scores: "Scores", *, title: str) -> "Table":
    """Lay out the scores of each class, and the means below them."""
    from rich.markup import escape
    from rich.table import Table

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
        f"{_cell(scores.macro_auroc)}   log-loss {scores.log_loss:.3f}   "
        f"Brier {scores.brier:.3f}   accuracy {scores.accuracy:.3f}"
    )
    table.caption_justify = "left"
    return table


def _cell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def confusion_table(scores: "Scores") -> "Table | str":
    """Lay out the confusion matrix, or its worst cells when it is large."""
    from rich.markup import escape
    from rich.table import Table

    labels = [escape(entry.label) for entry in scores.by_class]
    if len(labels) > _MAX_CLASSES_IN_CONFUSION:
        return _worst_confusions(scores, labels)
    table = Table(
        title="Confusion: true class by predicted class",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("true \\ predicted")
    for label in labels:
        table.add_column(label, justify="right")
    for k, row in enumerate(scores.confusion):
        cells = [f"[bold]{n}[/]" if j == k else str(n) for j, n in enumerate(row)]
        table.add_row(labels[k], *cells)
    return table


def _worst_confusions(scores: "Scores", labels: list[str]) -> str:
    cells = [
        (n, labels[i], labels[j])
        for i, row in enumerate(scores.confusion)
        for j, n in enumerate(row)
        if i != j and n
    ]
    lines = [f"  {n} x {true} taken for {taken}" for n, true, taken in sorted(cells)]
    return "Most frequent confusions:\n" + "\n".join(lines[::-1][:10])
