"""Progress bars: how far a fit is, how fast, and how well it is doing."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qclmixnet.training import EpochRecord

if TYPE_CHECKING:
    from rich.progress import Progress, Task, TaskID

__all__ = ["RowsProgress", "epoch_progress", "rows_progress"]


@contextmanager
def epoch_progress(
    max_epochs: int, *, shown: bool
) -> Iterator[Callable[[EpochRecord], None] | None]:
    """Show a bar with the live macro-F1 while the block runs.

    Args:
        max_epochs: length of the bar; where a fit goes on, so much is added again.
        shown: if False nothing is shown and None is yielded.

    Yields:
        What to call after each epoch.
    """
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("<"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[scores]}"),
    )
    best = 0.0
    # On stderr, so that results can be piped away from it.
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=max_epochs, scores="")

        def advance(record: EpochRecord) -> None:
            nonlocal best
            scores = f"loss {record.loss:.3f}"
            if record.macro_f1 is not None:
                best = max(best, record.macro_f1)
                scores += f"  macro-F1 {record.macro_f1:.3f} (best {best:.3f})"
            total = _grown(max_epochs, record.epoch)
            bar.update(task, completed=record.epoch, total=total, scores=scores)

        yield advance
        bar.update(task, total=bar.tasks[0].completed)


class RowsProgress:
    """Hears how many rows are done, and shows them; without a bar it shows nothing.

    Args:
        bar: what shows; None for nothing.
        task: which line of it.
        n_rows: its length.
    """

    def __init__(
        self,
        bar: "Progress | None" = None,
        task: "TaskID | None" = None,
        n_rows: int = 1,
    ) -> None:
        self._bar, self._task = bar, task
        self._n_rows = max(1, n_rows)
        self._best = 0.0

    def on_rows(self, n_rows: int) -> None:
        """Hear of rows that are done; the bar grows by its length when it is full."""
        if self._bar is None or self._task is None:
            return
        n_done = self._bar.tasks[self._task].completed + n_rows
        total = _grown(self._n_rows, n_done)
        self._bar.update(self._task, completed=n_done, total=total)

    def on_epoch(self, record: EpochRecord) -> None:
        """Hear of an epoch that was scored."""
        if self._bar is None or self._task is None or record.macro_f1 is None:
            return
        self._best = max(self._best, record.macro_f1)
        scores = f"macro-F1 {record.macro_f1:.3f} (best {self._best:.3f})"
        self._bar.update(self._task, scores=scores)


@contextmanager
def rows_progress(name: str, n_rows: int, *, shown: bool) -> Iterator[RowsProgress]:
    """Show rows done, rows per second and the time left while the block runs.

    Args:
        name: what is done with the rows.
        n_rows: all that there are to do.
        shown: if False nothing is shown.

    Yields:
        What to tell.
    """
    if not shown:
        yield RowsProgress()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RowsColumn(ProgressColumn):
        def render(self, task: "Task") -> Text:
            speed = task.finished_speed or task.speed
            return Text(rows_text(task.completed, int(task.total or 0), speed))

    columns = (
        TextColumn("{task.description}"),
        RowsColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("<"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[scores]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=n_rows, scores="")
        yield RowsProgress(bar, task, n_rows)


def _grown(length: int, n_done: float) -> int:
    """Return the fewest whole lengths of a bar that hold what is done."""
    return length * math.ceil(n_done / length)


def rows_text(n_done: float, n_rows: int, per_second: float | None) -> str:
    """Return how many rows are done, and how fast.

    >>> rows_text(250_000, 1_000_000, 12_345.6)
    '250,000/1,000,000 rows, 12,346 rows/s'
    """
    speed = "" if per_second is None else f", {per_second:,.0f} rows/s"
    return f"{n_done:,.0f}/{n_rows:,} rows{speed}"
