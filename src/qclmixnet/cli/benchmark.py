"""`qclmixnet benchmark` and `qclmixnet report`."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.table import Table

from qclmixnet.benchmark import (
    OURS,
    QUICK_METHODS,
    QUICK_TABLES,
    BenchmarkRun,
    LabelledTable,
    RunDescription,
    list_methods,
    load_run,
    run_benchmark,
    suite_tables,
)
from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.run_progress import show_run_progress
from qclmixnet.core.checks import check_choice
from qclmixnet.core.errors import InputError
from qclmixnet.execution import Workers
from qclmixnet.report import summary_table, write_report
from qclmixnet.report.noticed import read_noticed

__all__ = [
    "command_line",
    "names_in",
    "our_method",
    "run_benchmark_command",
    "run_report",
    "run_with_progress",
    "show_summary",
]

_QUICK_FOLDS, _FULL_FOLDS = 3, 5


def run_benchmark_command(
    *,
    suite: Literal["quick", "full"],
    methods: Sequence[str],
    tables: Sequence[str],
    n_folds: int | None,
    n_seeds: int,
    time_limit_s: float,
    workers: Workers,
    device: str,
    out: Path | None,
    resume: bool,
    retry_failed: bool,
    as_json: bool,
) -> None:
    """Run a suite, or go on with it, and print the summary."""
    quick = suite == "quick"
    out = out or Path(f"qclmixnet-benchmark-{suite}")
    if not resume and (out / "run.json").exists():
        raise InputError(
            f"{out} already holds a run; --no-resume needs another folder (--out), so "
            "that no finished row is lost."
        )
    description = RunDescription(
        tables=names_in(tables) or (QUICK_TABLES if quick else suite_tables()),
        methods=names_in(methods) or (QUICK_METHODS if quick else list_methods()),
        n_folds=n_folds or (_QUICK_FOLDS if quick else _FULL_FOLDS),
        n_seeds=n_seeds,
        time_limit_s=time_limit_s,
    )
    run = run_with_progress(
        description, out, workers=workers, retry_failed=retry_failed, device=device
    )
    if as_json:
        show_json(_as_json(run, out))
        return
    show_summary(run)
    show(f"Rows in {out / 'rows.parquet'}; draw the page with: qclmixnet report {out}")


def run_with_progress(
    description: RunDescription,
    out: Path,
    *,
    workers: Workers,
    table: LabelledTable | None = None,
    retry_failed: bool = False,
    device: str = "cpu",
) -> BenchmarkRun:
    """Do what is left of a run, under a bar.

    Args:
        description: tables, methods, folds, seeds and limits.
        out: folder of the run.
        workers: fits at a time, and where they run.
        table: the user's own table, in place of tables of the package.
        retry_failed: run again what failed or took too long before.
        device: where deep networks are fitted.

    Returns:
        The run with all of its rows.
    """
    with show_run_progress() as on_progress:
        return run_benchmark(
            description,
            out,
            workers=workers,
            command=command_line(),
            table=table,
            retry_failed=retry_failed,
            device=device,
            on_progress=on_progress,
        )


def run_report(
    path: Path, *, out: Path | None, ours: str | None, as_json: bool
) -> None:
    """Turn the rows of a run into tables, pictures and a page."""
    run = load_run(path)
    ours = check_choice(ours or our_method(run), "--ours", run.description.methods)
    files = write_report(
        run, out or path / "report", ours=ours, noticed=read_noticed(path)
    )
    if as_json:
        show_json({"page": str(files.page)})
        return
    show(f"Report in {files.page}")


_SHOWN = {
    "macro_f1_as_is": "macro-F1",
    "macro_f1_tuned": "tuned",
    "macro_recall_as_is": "macro recall",
    "macro_recall_tuned": "tuned",
    "rare_recall": "rarest class",
    "mean_rank": "rank",
    "fit_cpu_s": "fit s",
}


def our_method(run: BenchmarkRun) -> str:
    """Return the method of ours that a run is about, or its first method."""
    methods = run.description.methods
    return next((name for name in OURS if name in methods), methods[0])


def show_summary(run: BenchmarkRun) -> None:
    """Print the means of the main scores, best method first."""
    summary = summary_table(run)
    one_table = len(run.description.tables) == 1
    over = "folds" if one_table else "tables and folds"
    table = Table(title=f"Means over {over}", title_justify="left")
    table.add_column("method")
    # Ranks on a single table say nothing that the scores do not.
    shown = [column for column in _SHOWN if not (one_table and column == "mean_rank")]
    for column in shown:
        table.add_column(_SHOWN[column], justify="right")
    for _, row in summary.iterrows():
        cells = (_cell(float(row[column])) for column in shown)
        table.add_row(str(row["title"]), *cells)
    show(table)


def names_in(values: Sequence[str]) -> tuple[str, ...]:
    """Return the names in options that may be repeated or hold commas.

    Args:
        values: what was given, nothing if the option was left out.

    Returns:
        The names, none only if the option was left out.

    Raises:
        InputError: the option was given without a name.

    >>> names_in(["knn,xgboost", "tabm"])
    ('knn', 'xgboost', 'tabm')
    """
    parts = [part.strip() for value in values for part in value.split(",")]
    names = tuple(part for part in parts if part)
    if values and not names:
        raise InputError(
            "A list of names is empty; give at least one name, or leave the option out "
            "to have the usual ones."
        )
    return names


def command_line() -> str:
    """Return the command that is running, as it could be typed again."""
    return shlex.join(["qclmixnet", *sys.argv[1:]])


def _cell(value: float) -> str:
    return "" if value != value else f"{value:.3f}"


def _as_json(run: BenchmarkRun, out: Path) -> dict[str, object]:
    counts = run.rows["status"].value_counts()
    return {
        "run": str(out),
        "rows": len(run.rows),
        "failed": int(counts.get("failed", 0)),
        "timeout": int(counts.get("timeout", 0)),
        "methods": list(run.description.methods),
        "tables": list(run.description.tables),
    }
