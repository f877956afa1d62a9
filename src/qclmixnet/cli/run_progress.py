"""A progress bar for benchmark runs."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from qclmixnet.benchmark import RunProgress

__all__ = ["show_run_progress"]

_LINE_EVERY_S = 600


@contextmanager
def show_run_progress() -> Iterator[Callable[[RunProgress], None]]:
    """Draw a bar on standard error.

    In a pipe there is a line for each tenth of the run, and one every ten minutes.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield _LinePrinter(console)
        return
    columns = (
        TextColumn("Fitting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[last]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("fits", total=None, left="", last="")

        def draw(progress: RunProgress) -> None:
            bar.update(
                task,
                total=progress.total,
                completed=progress.done,
                left=_left_in_words(progress),
                last=_last_in_words(progress),
            )

        yield draw


class _LinePrinter:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._said = -1
        self._said_at = time.monotonic()

    def __call__(self, progress: RunProgress) -> None:
        tenth = 10 * progress.done // max(1, progress.total)
        now = time.monotonic()
        if tenth > self._said or now - self._said_at >= _LINE_EVERY_S:
            self._said, self._said_at = tenth, now
            self._console.print(
                f"{progress.done} of {progress.total} fitted{_left_in_words(progress)}"
            )


def _left_in_words(progress: RunProgress) -> str:
    unknown = progress.seconds_left != progress.seconds_left
    if unknown or progress.done == progress.total:
        return ""
    return f", about {timedelta(seconds=round(progress.seconds_left))} left"


def _last_in_words(progress: RunProgress) -> str:
    if progress.last is None:
        return ""
    ending = "" if progress.status == "ok" else f" ({progress.status})"
    return f"{progress.last.table} {progress.last.method}{ending}"
