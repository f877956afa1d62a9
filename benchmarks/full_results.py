"""The full benchmark's page, drawn from the rows that are there.

    python benchmarks/full_results.py [RUN]

RUN is `benchmarks/results/full` when left out. Nothing is run: the numbers, words and
pictures are those of `qclmixnet.report` with `qclmixnet` as our method. The text
between the markers of `docs/explanation/benchmark.md` is replaced, and the pictures in
`docs/images/benchmark/`. The run may be unfinished; the page says how far it is.
"""

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pages import image, replace_pictures, replace_table

from qclmixnet.benchmark import BenchmarkRun, list_methods, load_run, suite_tables
from qclmixnet.report.figures import ReportFigure
from qclmixnet.report.scope import Scope, finished_fits, report_scope, rules_of
from qclmixnet.report.sections import Section, report_sections
from qclmixnet.report.summary import rank_methods, summary_table
from qclmixnet.report.tables import Column, ReportTable
from qclmixnet.report.words import (
    LABELS,
    RULE_LABELS,
    listed,
    machines_in_words,
    result_in_words,
)

HERE = Path(__file__).parent
RUN = HERE / "results" / "full"
PAGE = HERE.parent / "docs" / "explanation" / "benchmark.md"
IMAGES = HERE.parent / "docs" / "images" / "benchmark"
OURS = "qclmixnet"

NO_RUN = "No rows are in yet."
HEADINGS = {
    "summary": "Means over tables",
    "ranks": "Ranks",
    "scores": "Every table",
    "trade-off": "Score against time",
    "pairs": "The default preset against each peer",
    "failures": "Failures and missing fits",
}
SHOWN_FIGURES = ("ranks_", "scores_macro_f1_as_is", "trade_off_")
COSTS = ("fit_cpu_s", "predict_s_per_1k", "peak_mb", "failures", "fits")


def scope_of(run: BenchmarkRun) -> tuple[Scope, bool]:
    """Compare on all tables; while that is not possible, on those all have finished."""
    scope = report_scope(run)
    if OURS in scope.methods and len(scope.methods) > 2:
        return scope, False
    return report_scope(run, common_tables=True), True


def draw(run: BenchmarkRun) -> tuple[str, tuple[ReportFigure, ...]]:
    """Return the text between the markers, and the pictures that it shows."""
    scope, common = scope_of(run)
    sections = {
        section.key: section
        for section in report_sections(
            run, ours=OURS, scope=scope, common_tables=common
        )
        if section.key in HEADINGS
    }
    words = result_in_words(run, ours=OURS, scope=scope, common_tables=common)
    parts = [completeness(run), "## In words", *words]
    figures: list[ReportFigure] = []
    for key, heading in HEADINGS.items():
        section = sections[key]
        chosen = [
            figure
            for figure in section.figures
            if figure.rendered.name.startswith(SHOWN_FIGURES)
        ]
        figures += chosen
        parts += [f"## {heading}", *section.paragraphs]
        if section.why_not:
            parts.append(f"Left out: {section.why_not}")
        parts += [markdown_of(table) for table in tables_of(run, scope, section)]
        parts += [report_image(figure) for figure in chosen]
    parts += ["## Machine, versions and command", *provenance(run)]
    return "\n\n".join(parts), tuple(figures)


def completeness(run: BenchmarkRun) -> str:
    """Say how many of the suite's fits are in."""
    asked = run.description
    tables = suite_tables()
    methods = tuple(dict.fromkeys([*list_methods(), *asked.methods]))
    done = finished_fits(run).clip(upper=asked.n_folds * asked.n_seeds)
    n_fits = int(done.to_numpy().sum())
    expected = len(tables) * len(methods) * asked.n_folds * asked.n_seeds
    missing = [f"`{name}`" for name in methods if name not in asked.methods]
    text = (
        f"{n_fits:,} of {expected:,} fits are in: {len(methods)} methods, "
        f"{len(tables)} tables, {asked.n_folds} folds, "
        f"{asked.n_seeds} {'seed' if asked.n_seeds == 1 else 'seeds'}."
    )
    if n_fits < expected:
        text = (
            f"**The run is unfinished.** {text} Every figure below may still change. "
            "Times are medians over the fits that a method has, so over other tables "
            "for each."
        )
    if missing:
        text += f" Not begun: {listed(missing)}."
    return text


def tables_of(
    run: BenchmarkRun, scope: Scope, section: Section
) -> tuple[ReportTable, ...]:
    """Return the section's tables in the shape of the page."""
    shown = tuple(table for table in section.tables if table.on_page)
    if section.key == "summary":
        (whole,) = shown
        scores = tuple(column for column in whole.columns if column.key not in COSTS)
        costs = tuple(column for column in whole.columns if column.key in COSTS)
        note = whole.note.partition(" Fit: ")[0]
        return (
            replace(whole, title="Scores", columns=scores, note=note),
            replace(
                whole,
                title="Costs",
                columns=(whole.columns[0], *costs),
                note="Fit"
                + whole.note.partition(" Fit")[2].partition(" Methods without")[0],
            ),
        )
    if section.key == "ranks" and not section.why_not:
        return (ranks_table(run, scope),)
    return shown


def ranks_table(run: BenchmarkRun, scope: Scope) -> ReportTable:
    """Return the mean ranks of each score and rule with their intervals."""
    titles = {facts.name: facts.title for facts in run.methods}
    order = [name for name in summary_table(run).index if name in scope.methods]
    data = pd.DataFrame({"title": [titles[name] for name in order]}, index=order)
    columns = [Column("title", "method")]
    for rule in rules_of(run):
        for score, label in LABELS.items():
            key = f"{score}_{rule}"
            for rank in rank_methods(run, score, rule, scope=scope):
                data.loc[rank.method, key] = rank.mean_rank
                data.loc[rank.method, f"{key}_low"] = rank.low
                data.loc[rank.method, f"{key}_high"] = rank.high
            heading = f"{label} {RULE_LABELS[rule]}"
            ends = (f"{key}_low", f"{key}_high")
            columns.append(Column(key, heading, 1, ends, best="min"))
    data = data.sort_values(columns[1].key, kind="stable")
    note = "With 95% bootstrap intervals over tables."
    return ReportTable("ranks", "Mean ranks", data, tuple(columns), note)


def markdown_of(table: ReportTable) -> str:
    """Return a table, or a line in its place when it has no row."""
    if len(table.data):
        return table.markdown().strip()
    return f"**{table.title}**: none."


def report_image(figure: ReportFigure, *, folder: str = "benchmark") -> str:
    """Return a picture of a report with its caption."""
    return image(
        figure.rendered, figure.caption, folder=folder, alternative=figure.alternative
    )


def provenance(run: BenchmarkRun) -> list[str]:
    """Say what the rows were made with."""
    machine = run.machine
    system = ("processor", "cores", "memory_gb", "system")
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}; each fit on one core. By machine: "
        f"{'; '.join(machines_in_words(run))}."
    ]
    versions = {k: v for k, v in machine.items() if k not in system}
    for method in run.methods:
        versions |= method.versions
    named = [f"{name} {version}" for name, version in versions.items()]
    commands = "\n".join(run.command.splitlines())
    return [*lines, f"{', '.join(named)}.", f"```sh\n{commands}\n```"]


def write(run: BenchmarkRun) -> None:
    """Put text and pictures in their places."""
    text, figures = draw(run)
    replace_pictures(IMAGES, [figure.rendered for figure in figures])
    replace_table(PAGE, text)
    print(f"{PAGE}, {len(figures)} pictures in {IMAGES}")


def main() -> None:
    """Read the run and draw its page."""
    write(load_run(Path(sys.argv[1]) if len(sys.argv) > 1 else RUN))


if __name__ == "__main__":
    main()
