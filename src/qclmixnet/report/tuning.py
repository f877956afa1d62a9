"""The report of `qclmixnet tune`: words, tables and one picture."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pandas as pd

from qclmixnet.report.fit_figure import require_drawing
from qclmixnet.report.tables import Column, ReportTable
from qclmixnet.report.tuning_figure import SearchTold, draw_searches
from qclmixnet.report.tuning_words import (
    TuningVerdict,
    tuned_against_tuned,
    tuning_verdict,
)
from qclmixnet.report.write import write_files

__all__ = ["TuningFiles", "tuning_table", "write_tuning_report"]


@dataclass(frozen=True)
class TuningFiles:
    """Where the report of a search was written.

    Attributes:
        page: the result in words, with tables, as Markdown.
        picture: history and importances as PNG.
        scores: rows of the nested evaluation as CSV.
        trials: the trials of the searches on the whole table as CSV.
        parameters: the chosen values as JSON.
    """

    page: Path
    picture: Path
    scores: Path
    trials: Path
    parameters: Path


def tuning_table(verdicts: Sequence[TuningVerdict], rows: pd.DataFrame) -> ReportTable:
    """Lay out default against tuned, a row for each method.

    Args:
        verdicts: what tuning brought each method.
        rows: rows of the nested evaluation.

    Returns:
        The table.
    """
    costs = rows.groupby("method")[["search_cpu_s", "fit_cpu_s"]]
    fits = rows[rows["variant"] == "default"].groupby("method")["fit_cpu_s"].median()
    searches = costs.max()["search_cpu_s"]
    data = pd.DataFrame(
        {
            "method": verdict.title,
            "default": verdict.default,
            "tuned": verdict.tuned,
            "difference": verdict.test.mean,
            "low": verdict.test.low,
            "high": verdict.test.high,
            "seen": verdict.seen,
            "fit_cpu_s": float(fits.get(verdict.method, float("nan"))),
            "search_cpu_s": float(searches.get(verdict.method, float("nan"))),
        }
        for verdict in verdicts
    )
    return ReportTable(
        name="tuning",
        title="Default against tuned, on rows that the searches never saw",
        data=data,
        columns=(
            Column("method", "method"),
            Column("default", "default", best=""),
            Column("tuned", "tuned"),
            Column("difference", "difference", interval=("low", "high"), signed=True),
            Column("seen", "seen by the search"),
            Column("fit_cpu_s", "one fit, s", digits=None),
            Column("search_cpu_s", "one search, s", digits=None),
        ),
        note="Times are processor seconds. Intervals are of the corrected t-test.",
    )


def write_tuning_report(
    rows: pd.DataFrame,
    searches: Sequence[SearchTold],
    out: Path,
    *,
    title: str,
) -> tuple[TuningFiles, tuple[TuningVerdict, ...]]:
    """Write everything that a nested evaluation and its last searches show.

    Args:
        rows: rows of a nested evaluation on one table.
        searches: the search of each method on the whole table.
        out: folder; it is made if need be.
        title: heading of the page.

    Returns:
        The paths of the files, and the verdicts in the order of the searches.

    Raises:
        InputError: rows of a method are missing, or the folder cannot be written to.
        MissingExtraError: matplotlib is not installed.
    """
    require_drawing()
    names = [told.method for told in searches]
    verdicts = tuple(tuning_verdict(rows, name) for name in names)
    picture = draw_searches(searches)
    files = TuningFiles(
        page=out / "report.md",
        picture=out / "tuning.png",
        scores=out / "scores.csv",
        trials=out / "trials.csv",
        parameters=out / "best-parameters.json",
    )
    chosen = {told.method: told.best_params for told in searches}
    contents = {
        files.picture: picture.png,
        files.scores: _csv(rows),
        files.trials: _csv(_trials(searches)),
        files.parameters: (json.dumps(chosen, indent=2) + "\n").encode(),
        files.page: _page(title, rows, verdicts, searches).encode(),
    }
    write_files(contents, out)
    return files, verdicts


def _page(
    title: str,
    rows: pd.DataFrame,
    verdicts: Sequence[TuningVerdict],
    searches: Sequence[SearchTold],
) -> str:
    parts = [f"# {title}", *(verdict.text for verdict in verdicts)]
    if len(verdicts) > 1:
        parts.append(tuned_against_tuned(rows, [v.method for v in verdicts]))
    parts.append(tuning_table(verdicts, rows).markdown().strip())
    parts.append("![The trials of each search, and what mattered.](tuning.png)")
    for told in searches:
        parts.append(f"## {told.title}: what the search on the whole table chose")
        parts.append(_choice(told))
    return "\n\n".join(parts) + "\n"


def _choice(told: SearchTold) -> str:
    states = told.results["state"]
    lines = [
        f"{len(states)} trials, {states.count('pruned')} of them stopped early, "
        f"{states.count('fail')} failed."
    ]
    if not told.best_params:
        return (
            f"{lines[0]} No trial was better than the default{told.by_enough}, which "
            "is kept."
        )
    lines += ["", "| hyper-parameter | value | importance |", "|---|---|---|"]
    for name, value in told.best_params.items():
        share = told.importances.get(name)
        importance = "-" if share is None else f"{share:.2f}"
        lines.append(f"| `{name}` | {_value(value)} | {importance} |")
    return "\n".join(lines)


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _trials(searches: Sequence[SearchTold]) -> pd.DataFrame:
    frames = []
    for told in searches:
        columns: Mapping[str, list[object]] = told.results
        frame = pd.DataFrame({k: v for k, v in columns.items() if k != "params"})
        frame.insert(0, "trial", range(len(frame)))
        frame.insert(0, "method", told.method)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _csv(frame: pd.DataFrame) -> bytes:
    text = StringIO()
    frame.to_csv(text, index=False, lineterminator="\n")
    return text.getvalue().encode()
