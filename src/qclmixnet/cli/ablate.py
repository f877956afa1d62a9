"""`qclmixnet ablate`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd

from qclmixnet.benchmark import (
    ABLATIONS,
    RunDescription,
    Subject,
    ablations_of,
    full_of,
)
from qclmixnet.cli.benchmark import (
    names_in,
    run_with_progress,
)
from qclmixnet.cli.console import show, show_json, show_report_table
from qclmixnet.core.errors import InputError
from qclmixnet.execution import Workers
from qclmixnet.report import ablation_changes, write_ablation_report
from qclmixnet.report.fit_figure import require_drawing
from qclmixnet.report.page import require_page

__all__ = ["FULL_TABLES", "QUICK_TABLES", "run_ablate"]

QUICK_TABLES = ("newthyroid", "glass", "spectf")
"""Small enough for all variants of a preset in a few minutes."""

FULL_TABLES = (
    *("german", "spectf", "hmda", "newthyroid", "glass", "car", "wine_red", "yeast"),
)
"""The tables of the suite with up to 2,500 rows and 50 columns."""


_FOLDS = {"quick": 2, "full": 3}
_SHOWN = ("title", "both", "macro_f1", "macro_recall", "rare_recall", "time")


def run_ablate(
    *,
    subject: Subject,
    suite: Literal["quick", "full"],
    variants: Sequence[str],
    tables: Sequence[str],
    n_folds: int | None,
    n_seeds: int,
    time_limit_s: float,
    workers: Workers,
    out: Path | None,
    as_json: bool,
) -> None:
    """Fit all variants on the same folds, and say what each part brings."""
    require_drawing()
    require_page()
    out = out or Path(f"qclmixnet-ablation-{subject}-{suite}")
    whole = QUICK_TABLES if suite == "quick" else FULL_TABLES
    description = RunDescription(
        tables=names_in(tables) or whole,
        methods=_variants(subject, names_in(variants)),
        n_folds=n_folds or _FOLDS[suite],
        n_seeds=n_seeds,
        time_limit_s=time_limit_s,
        tuned=False,  # every variant decides as its preset does
    )
    run = run_with_progress(description, out, workers=workers)
    changes = ablation_changes(run, subject)
    files = write_ablation_report(run, out / "report", subject=subject)
    if as_json:
        show_json(
            {
                "run": str(out),
                "page": str(files.page),
                "changes": _plain(changes.data),
            }
        )
        return
    # Seven narrow columns fit a terminal; the report has the other intervals.
    narrow = tuple(
        column if column.key == "both" else replace(column, interval=None)
        for column in changes.columns
        if column.key in _SHOWN
    )
    show_report_table(replace(changes, columns=narrow))
    show(f"Rows in {out / 'rows.parquet'}, report in {files.page}")


def _plain(data: pd.DataFrame) -> list[dict[str, object]]:
    """Return rows for JSON, which knows no NaN: a test needs two tables."""
    return [
        {str(key): None if value != value else value for key, value in record.items()}
        for record in data.to_dict("records")
    ]


def _variants(subject: Subject, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the variants that were asked for, the unchanged preset always first."""
    known = ablations_of(subject)
    given = tuple(
        name if name in ABLATIONS else f"{subject}.{name}" for name in names or known
    )
    unknown = [name for name in given if name not in known]
    if unknown:
        short = (name.partition(".")[2] for name in known[1:])
        raise InputError(
            f"There is no variant {unknown[0]!r} of the preset {subject!r}; choose "
            f"among {', '.join(short)}."
        )
    full = full_of(subject)
    return (full, *(name for name in dict.fromkeys(given) if name != full))
