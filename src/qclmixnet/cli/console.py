"""Printing, and turning errors into one sentence and an exit code."""

import functools
import json
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TextIO

import typer

from qclmixnet.core.errors import QCLMixNetError

if TYPE_CHECKING:
    from qclmixnet.report.tables import ReportTable

__all__ = ["show", "show_json", "show_report_table", "user_errors"]

Arguments = ParamSpec("Arguments")


def user_errors(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Make a command answer a user's mistake with one sentence and exit code 2."""

    @functools.wraps(command)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _warning_printer()
            try:
                command(*args, **kwargs)
            except QCLMixNetError as error:
                typer.echo(f"Error: {error}", err=True)
                raise typer.Exit(2) from error
            except KeyboardInterrupt:
                typer.echo("Stopped.", err=True)
                raise typer.Exit(130) from None

    return wrapped


def _warning_printer() -> Callable[..., None]:
    """Return a ``warnings.showwarning`` that says each sentence once."""
    said: set[str] = set()

    def print_warning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        del category, filename, lineno, file, line
        if str(message) not in said:
            said.add(str(message))
            typer.echo(f"Warning: {message}", err=True)

    return print_warning


def show(*items: object) -> None:
    """Print text as it is, and Rich tables as wide as the terminal allows."""
    from rich.console import Console

    # A pipe has no width; 100 columns keep the tables whole there.
    console = Console(width=None if sys.stdout.isatty() else 100, highlight=False)
    for item in items:
        # A label or a path may hold brackets, and a path must stay in one piece.
        is_text = isinstance(item, str)
        console.print(item, markup=not is_text, soft_wrap=is_text, emoji=False)


def show_report_table(table: "ReportTable") -> None:
    """Print a table of a report, its note below it."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title=escape(table.title), title_justify="left")
    for number, column in enumerate(table.columns):
        shown.add_column(escape(column.heading), justify="right" if number else "left")
    for row in table.texts():
        shown.add_row(*map(escape, row))
    shown.caption, shown.caption_justify = escape(table.note), "left"
    show(shown)


def show_json(values: dict[str, object]) -> None:
    """Print one JSON object."""
    print(json.dumps(values, indent=2, allow_nan=False))
