"""`qclmixnet stress`."""

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from qclmixnet.benchmark import (
    STRESS_METHODS,
    BenchmarkRun,
    RunDescription,
    StressPlan,
    choose_parts,
    plan_stress,
)
from qclmixnet.benchmark.methods import check_methods
from qclmixnet.benchmark.stress_suites import SuiteName
from qclmixnet.cli.benchmark import (
    names_in,
    our_method,
    run_with_progress,
)
from qclmixnet.cli.console import show, show_json
from qclmixnet.execution import Workers
from qclmixnet.report import StressFiles, require_drawing, write_stress_report
from qclmixnet.report.stress_report import stress_tables

__all__ = ["run_stress_command"]

_MAX_TRAIN_ROWS: dict[SuiteName, int] = {
    "quick": 2_000,
    "full": 10_000,
    "large": 100_000,
}


def run_stress_command(
    *,
    suite: SuiteName,
    kinds: Sequence[str],
    tables: Sequence[str],
    methods: Sequence[str],
    n_folds: int,
    n_seeds: int,
    time_limit_s: float,
    max_train_rows: int | None,
    workers: Workers,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run a robustness study, or go on with it; draw its curves, print its table."""
    require_drawing()
    chosen = check_methods(names_in(methods) or STRESS_METHODS)
    parts = choose_parts(suite, kinds=names_in(kinds), tables=names_in(tables))
    limit = max_train_rows or _MAX_TRAIN_ROWS[suite]
    out = out or Path(f"qclmixnet-stress-{suite}")
    plan = plan_stress(parts, n_folds=n_folds, max_train_rows=limit)
    description = RunDescription(
        tables=plan.tables,
        methods=chosen,
        n_folds=n_folds,
        n_seeds=n_seeds,
        time_limit_s=time_limit_s,
        max_train_rows=limit,
        tuned=False,
    )
    run = run_with_progress(description, out, workers=workers)
    files = write_stress_report(run, out / "report", ours=our_method(run))
    if as_json:
        show_json(_as_json(run, plan, out))
        return
    _show_boundaries(run)
    _show_ending(plan, files, out)


def _show_boundaries(run: BenchmarkRun) -> None:
    """Print the table of the macro recall, the middle one of the three scores."""
    _, limits, *_ = stress_tables(run)
    table = Table(title=limits.title, title_justify="left")
    for column in limits.columns:
        is_number = column.key in ("start", "hardest")
        table.add_column(column.heading, justify="right" if is_number else "left")
    for cells in limits.texts():
        table.add_row(*cells)
    show(table, limits.note)


def _show_ending(plan: StressPlan, files: StressFiles, out: Path) -> None:
    if plan.left_out:
        names = ", ".join(name for name, _ in plan.left_out)
        show(f"Left out, the table cannot be stressed so far: {names}")
    show(f"Curves and tables in {files.figures[0].parent}; rows in {out}")


def _as_json(run: BenchmarkRun, plan: StressPlan, out: Path) -> dict[str, object]:
    counts = run.rows["status"].value_counts()
    return {
        "run": str(out),
        "rows": len(run.rows),
        "failed": int(counts.get("failed", 0)),
        "timeout": int(counts.get("timeout", 0)),
        "methods": list(run.description.methods),
        "tables": list(run.description.tables),
        "left_out": dict(plan.left_out),
        "report": str(out / "report"),
    }
