"""The page on robustness, drawn from the rows that are there.

    python benchmarks/stress_results.py

Nothing is run. The rows are in `benchmarks/results/stress/full` and, for many rows, in
`benchmarks/results/stress/large`; they come from

    qclmixnet stress --suite full --out benchmarks/results/stress/full
    qclmixnet stress --suite large --out benchmarks/results/stress/large

The text between the markers of `docs/explanation/robustness.md` is replaced, and the
pictures in `docs/images/stress/`. A run may be unfinished; the page says how far it is.
"""

from pathlib import Path

import pandas as pd
from full_results import provenance
from pages import image, replace_pictures, replace_table

from qclmixnet.benchmark import STRESS_SUITES, BenchmarkRun, load_run
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation import STRESS_KINDS, read_stressed_name
from qclmixnet.report.drawing import Rendered
from qclmixnet.report.scope import finished_fits, titles_of
from qclmixnet.report.stress_report import (
    imbalance_report_table,
    stress_figures,
    stress_tables,
)
from qclmixnet.report.stress_scores import STRESS_SCORES, level_table, stress_values
from qclmixnet.report.tables import Column, ReportTable
from qclmixnet.report.words import count_of, listed

HERE = Path(__file__).parent
RUNS = {name: HERE / "results" / "stress" / name for name in ("full", "large")}
PAGE = HERE.parent / "docs" / "explanation" / "robustness.md"
IMAGES = HERE.parent / "docs" / "images" / "stress"
OURS = "qclmixnet"


def draw(runs: dict[str, BenchmarkRun]) -> tuple[str, tuple[Rendered, ...]]:
    """Return the text between the markers, and the pictures that it shows."""
    run = runs["full"]
    parts = [completeness(run), "## The kinds of stress", kinds_table()]
    parts += ["## Imbalance beyond 1,000 to 1", *beyond_a_thousand(run)]
    try:
        figures, tables = stress_figures(run, ours=OURS), stress_tables(run)
    except InputError as error:  # a run that has just begun
        figures, tables = (), ()
        parts += ["## Curves and limits", str(error)]
    for table, figure, label in zip(
        tables, figures, STRESS_SCORES.values(), strict=False
    ):
        heading = label[0].upper() + label[1:]
        picture = image(figure, caption_of(label), folder="stress")
        parts += [f"## {heading}", picture, table.markdown().strip()]
    parts.append("## Up to 100,000 rows")
    parts.append(
        rows_table(runs["large"]) if "large" in runs else "No rows are in yet."
    )
    parts.append("## Machine, versions and commands")
    for each in runs.values():
        parts += provenance(each)
    return "\n\n".join(parts), figures


def compared_methods(run: BenchmarkRun) -> set[str]:
    """Return the methods that have finished a table at least."""
    try:
        return set(stress_values(run)["method"])
    except InputError:
        return set()


def completeness(run: BenchmarkRun) -> str:
    """Say how much of the study is in."""
    asked = run.description
    per_table = asked.n_folds * asked.n_seeds
    done = int(finished_fits(run).clip(upper=per_table).to_numpy().sum())
    expected = len(asked.tables) * len(asked.methods) * per_table
    text = (
        f"{done:,} of {expected:,} fits are in: "
        f"{count_of(len(asked.methods), 'method')}, "
        f"{count_of(len(asked.tables), 'table')} with and without stress, "
        f"{asked.n_folds} folds. Training parts are cut to {asked.max_train_rows:,} "
        "rows, class by class, before the stress."
    )
    begun = {
        (stress.kind, base)
        for base, stress in map(read_stressed_name, asked.tables)
        if stress is not None
    }
    missing = [
        f"{STRESS_KINDS[part.kind].title.lower()} on `{name}`"
        for part in STRESS_SUITES["full"]
        for name in part.tables
        if (part.kind, name) not in begun
    ]
    if done < expected or missing:
        text = (
            f"**The run is unfinished.** {text} "
            "A level counts once all methods have it."
        )
    if missing:
        text += f" Not begun: {listed(missing)}."
    compared = compared_methods(run)
    late = [title for name, title in titles_of(run).items() if name not in compared]
    if late:
        text += f" Not compared yet, no table finished: {listed(late)}."
    bad = run.rows["status"].ne("ok").sum()
    return text + f" {count_of(int(bad), 'fit')} failed or ran out of time."


def kinds_table() -> str:
    """Say what each kind does, at which levels, and to which tables."""
    lines = ["| stress | what is done | levels and tables |", "|---|---|---|"]
    for name, kind in STRESS_KINDS.items():
        parts = [part for part in STRESS_SUITES["full"] if part.kind == name]
        told = "; ".join(
            f"{', '.join(kind.level_text(level) for level in part.levels)} on "
            f"{listed([f'`{table}`' for table in part.tables])}"
            for part in parts
        )
        lines.append(f"| {kind.title} | {kind.what} | {told} |")
    return "\n".join(lines)


def beyond_a_thousand(run: BenchmarkRun) -> list[str]:
    """Name the tables that went beyond a thousand to one, and show who found more."""
    try:
        values, table = stress_values(run), imbalance_report_table(run)
    except InputError as error:
        return [str(error)]
    if table is None:
        return ["No rows are in yet."]
    facts = {table.name: table for table in run.tables}
    beyond = [
        name
        for name in values[values["kind"] == "imbalance"]["table"].unique()
        if facts[name].imbalance_ratio >= 1000
    ]
    if not beyond:
        words = "No table has gone beyond 1,000 to 1 yet."
        return [words, table.markdown().strip()]
    bases = dict.fromkeys(f"`{read_stressed_name(name)[0]}`" for name in beyond)
    recalls = values[values["table"].isin(beyond)].groupby("method")["rare_recall"]
    means = recalls.mean().sort_values(ascending=False)
    titles = titles_of(run)
    told = [f"{titles[str(name)]} {mean:.3f}" for name, mean in means.items()]
    words = (
        f"1,000 to 1 and more is reached on {count_of(len(bases), 'real table')}: "
        f"{listed(list(bases))}. There the smallest class is learned from a handful of "
        f"rows. Mean recall of it: {listed(told)}. Recall alone is cheap: the macro-F1 "
        "shows what it costs the other classes."
    )
    return [words, table.markdown().strip()]


def rows_table(run: BenchmarkRun) -> str:
    """Show the scores of a large table at every number of rows."""
    levels = level_table(stress_values(run))
    levels = levels[levels["kind"] == "rows"]
    compared = set(levels["method"])
    titles = {name: t for name, t in titles_of(run).items() if name in compared}
    facts = {table.name: table for table in run.tables}
    wide = levels.pivot_table(
        index="level", columns=["score", "method"], values="mean", sort=False
    )
    (base,) = {read_stressed_name(name)[0] for name in facts}
    scores = ("macro_f1", "rare_recall")
    data = pd.DataFrame(
        {f"{score}_{name}": wide[score, name] for score in scores for name in titles}
    )
    data.insert(0, "rows", [row_text(level, run) for level in wide.index])
    columns = [Column("rows", "training rows")]
    columns += [
        Column(f"{score}_{name}", f"{STRESS_SCORES[score]}, {title}")
        for score in scores
        for name, title in titles.items()
    ]
    title = f"`{base}`, means over {run.description.n_folds} folds"
    table = ReportTable("rows", title, data, tuple(columns))
    return table.markdown().strip().replace("\\`", "`").replace("\\_", "_")


def row_text(level: object, run: BenchmarkRun) -> str:
    """Write a number of rows; without stress that of the cut."""
    return f"{int(float(str(level))) or run.description.max_train_rows:,}"


def caption_of(label: str) -> str:
    """Return what is said below the curves of a score."""
    return (
        f"Mean {label} over tables at each level; bands go from the worst fold to the "
        "best."
    )


def write(runs: dict[str, BenchmarkRun]) -> None:
    """Put text and pictures in their places."""
    text, figures = draw(runs)
    replace_pictures(IMAGES, figures)
    replace_table(PAGE, text)
    print(f"{PAGE}, {len(figures)} pictures in {IMAGES}")


def stored() -> dict[str, BenchmarkRun]:
    """Read the runs that are there."""
    return {
        name: load_run(path)
        for name, path in RUNS.items()
        if (path / "run.json").exists()
    }


if __name__ == "__main__":
    write(stored())
