"""A progress bar that shows how well the fit is doing while it runs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from qclmixnet.training import EpochRecord

__all__ = ["epoch_progress"]


@contextmanager
def epoch_progress(
    max_epochs: int, *, shown: bool
) -> Iterator[Callable[[EpochRecord], None] | None]:
    """Show a bar with the live macro-F1 while the block runs.

    Args:
        max_epochs: length of the bar.
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
            bar.update(task, completed=record.epoch, scores=scores)

        yield advance
        bar.update(task, total=bar.tasks[0].completed)
