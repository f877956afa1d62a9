"""The tables and pictures of a robustness study, and their files."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.evaluation.stress import STRESS_KINDS, read_stressed_name
from qclmixnet.report.drawing import Rendered, looks_of, render
from qclmixnet.report.fit_figure import require_drawing
from qclmixnet.report.scope import titles_of
from qclmixnet.report.stress_figure import draw_stress
from qclmixnet.report.stress_scores import (
    STRESS_SCORES,
    boundaries,
    level_table,
    stress_values,
)
from qclmixnet.report.tables import Column, ReportTable
from qclmixnet.report.write import write_files

__all__ = [
    "StressFiles",
    "imbalance_report_table",
    "stress_figures",
    "stress_tables",
    "write_stress_report",
]

RULE_IN_WORDS = (
    "Works: keeps at least 90 % of its lead over a classifier that always gives the "
    "same class. Fails: not distinguishable from that classifier. Degrades: in "
    "between. Never: has no lead of 0.05 on any of the tables as they are."
)


@dataclass(frozen=True)
class StressFiles:
    """Where a study was written.

    Attributes:
        figures: a picture for each score, as SVG and as PNG.
        tables: every table as CSV and Markdown.
    """

    figures: tuple[Path, ...]
    tables: tuple[Path, ...]


def stress_figures(run: BenchmarkRun, *, ours: str) -> tuple[Rendered, ...]:
    """Draw each score under every kind of stress.

    Args:
        run: the run.
        ours: stable name of the method to highlight.

    Returns:
        One picture for each of the `STRESS_SCORES`.
    """
    levels = level_table(stress_values(run))
    looks = looks_of(run, ours=ours)
    return tuple(
        render(
            f"stress_{score}",
            partial(
                draw_stress,
                levels[levels["score"] == score],
                looks=looks,
                label=label,
            ),
        )
        for score, label in STRESS_SCORES.items()
    )


def stress_tables(run: BenchmarkRun) -> tuple[ReportTable, ...]:
    """Say for each score where each method works, degrades and fails.

    Args:
        run: the run.

    Returns:
        A table for each of the `STRESS_SCORES`, and one of all levels that is not for
        the page.
    """
    levels = level_table(stress_values(run))
    titles = titles_of(run)
    limits = boundaries(levels)
    limits.insert(1, "title", limits["kind"].map(_title_of_kind))
    limits.insert(2, "method_title", limits["method"].map(titles))
    columns = (
        Column("title", "stress"),
        Column("method_title", "method"),
        Column("works_to", "works up to"),
        Column("degrades_from", "degrades from"),
        Column("fails_from", "fails from"),
        Column("hardest", "score at the hardest level"),
        Column("start", "same tables as is"),
    )
    shown = [
        ReportTable(
            f"stress_{score}",
            f"Where {label} works, degrades and fails",
            limits[limits["score"] == score].reset_index(drop=True),
            columns,
            RULE_IN_WORDS,
        )
        for score, label in STRESS_SCORES.items()
    ]
    every = tuple(Column(str(name), str(name)) for name in levels.columns)
    whole = ReportTable(
        "stress_levels", "All levels", levels, every, RULE_IN_WORDS, on_page=False
    )
    return (*shown, whole)


def imbalance_report_table(run: BenchmarkRun) -> ReportTable | None:
    """Show the smallest class's recall on each table as it is thinned.

    Args:
        run: the run.

    Returns:
        A row for each table and level of imbalance, with the rows that were learned
        in the first fold; None when the run has no such table.
    """
    values = stress_values(run)
    values = values[values["kind"] == "imbalance"]
    facts = {table.name: table for table in run.tables}
    titles = {
        method: title
        for method, title in titles_of(run).items()
        if method in set(values["method"])
    }
    records = []
    for name in values["table"].unique():
        base, _ = read_stressed_name(name)
        means = values[values["table"] == name].groupby("method")["rare_recall"].mean()
        records.append(
            {
                "base": base,
                "ratio": f"{facts[name].imbalance_ratio:,.0f}:1",
                "train_rows": facts[name].n_rows,
                "smallest": facts[name].smallest_class,
                **{method: float(means[method]) for method in titles},
            }
        )
    if not records:
        return None
    columns = (
        Column("base", "table"),
        Column("ratio", "imbalance"),
        Column("train_rows", "training rows"),
        Column("smallest", "of the smallest class"),
        *(Column(method, title, best="max") for method, title in titles.items()),
    )
    return ReportTable(
        "stress_imbalance",
        "Recall of the smallest class",
        pd.DataFrame(records),
        columns,
        "Rows are those of the first fold; recalls are means over folds.",
    )


def write_stress_report(run: BenchmarkRun, out: Path, *, ours: str) -> StressFiles:
    """Write pictures and tables of a study; nothing is run again.

    Args:
        run: the run, finished or not.
        out: the folder to write to; it is made if need be.
        ours: stable name of the method to highlight.

    Returns:
        The paths of the files.

    Raises:
        InputError: the run has no finished stressed table, or the folder cannot be
            written to.
        MissingExtraError: matplotlib is not installed.
    """
    require_drawing()
    imbalance = imbalance_report_table(run)
    tables = (*stress_tables(run), *([imbalance] if imbalance else []))
    contents = {}
    for rendered in stress_figures(run, ours=ours):
        contents[out / f"{rendered.name}.svg"] = rendered.svg
        contents[out / f"{rendered.name}.png"] = rendered.png
    figures = tuple(contents)
    for table in tables:
        contents[out / f"{table.name}.csv"] = table.csv().encode()
        contents[out / f"{table.name}.md"] = table.markdown().encode()
    write_files(contents, out, what="study")
    return StressFiles(figures, tuple(path for path in contents if path not in figures))


def _title_of_kind(kind: str) -> str:
    return STRESS_KINDS[kind].title
