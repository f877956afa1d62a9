"""A progress bar for searches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from qclmixnet.tuning import NestedPlan, NestedProgress

__all__ = ["show_tune_progress"]


@contextmanager
def show_tune_progress(
    plan: NestedPlan,
) -> Iterator[Callable[[NestedProgress], None]]:
    """Draw a bar over all trials on standard error; in a pipe a line for each search.

    Args:
        plan: what is run.

    Yields:
        What to call whenever a trial is over.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:

        def write(progress: NestedProgress) -> None:
            if progress.search.done >= progress.search.total:
                console.print(_in_words(progress))

        yield write
        return
    columns = (
        TextColumn("Trials"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[last]}"),
    )
    n_searches = len(plan.methods) * (plan.n_folds + 1)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("trials", total=n_searches * plan.n_trials, last="")
        done: dict[tuple[str, int], int] = {}

        def draw(progress: NestedProgress) -> None:
            done[progress.method, progress.fold] = progress.search.done
            bar.update(task, completed=sum(done.values()), last=_in_words(progress))

        yield draw


def _in_words(progress: NestedProgress) -> str:
    whole = progress.fold == progress.n_folds
    where = "all rows" if whole else f"part {progress.fold + 1} of {progress.n_folds}"
    search = progress.search
    best = "" if search.best is None else f", best {search.best:.3f}"
    return f"{progress.method}, {where}: {search.done} of {search.total} trials{best}"
