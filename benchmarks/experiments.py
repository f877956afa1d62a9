"""Three experiments that the paper names, each on a page of its own.

    python benchmarks/experiments.py

Entanglement taken away, neighbours against random partners in mixup, and imbalance
that grows step by step. Nothing is run. The first two are paired differences between
variants of the ablation (`benchmarks/ablation_results.py` says how its rows are made),
the third is drawn from the robustness study (`benchmarks/stress_results.py`).

The text between the markers of `docs/explanation/entanglement.md`, `partners.md` and
`imbalance.md` is replaced, and the pictures in `docs/images/experiments/`.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from ablation_results import RUNS as ABLATION
from pages import image, replace_pictures, replace_table
from stress_results import RUNS as STRESS

from qclmixnet.benchmark import BenchmarkRun, Subject, load_run
from qclmixnet.evaluation.pairwise import compare_with, holm
from qclmixnet.report.ablation import (
    SHOWN_SCORES,
    ablation_scope,
    ablation_scores,
    ablation_times,
    signed_points,
)
from qclmixnet.report.drawing import (
    GREY,
    MethodLook,
    Rendered,
    add_method_legend,
    draw_intervals,
    looks_of,
    new_figure,
    render,
    strip_axes,
)
from qclmixnet.report.scope import counted_rows, titles_of
from qclmixnet.report.stress_scores import stress_values
from qclmixnet.report.summary import LESS_IS_BETTER
from qclmixnet.report.tables import Column, ReportTable
from qclmixnet.report.words import count_of, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
IMAGES = DOCS / "images" / "experiments"
OURS = "qclmixnet"
POINTS = 100


@dataclass(frozen=True)
class Contrast:
    """Two variants of a preset that differ in one thing.

    Attributes:
        subject: the preset.
        text: what the first has, and the second in its place.
        one: key of the first.
        other: key of the second.
        heading: of its panel; without one it is neither drawn nor put into words.
    """

    subject: Subject
    text: str
    one: str
    other: str
    heading: str = ""


CONTRASTS = {
    "entanglement": (
        Contrast(
            "paper",
            "entanglement layers, or none",
            "full",
            "no_entanglement",
            "In the published network",
        ),
        Contrast(
            "paper",
            "entanglement layers, or linear maps of their size",
            "full",
            "scaling",
        ),
        Contrast("paper", "cosine and sine, or the gate alone", "full", "no_sinusoid"),
        Contrast("paper", "one gate per row, or per feature", "full", "vector_gate"),
        Contrast(
            "default",
            "a layer of gated waves, or none",
            "entanglement",
            "full",
            "In the default preset",
        ),
    ),
    "partners": (
        Contrast(
            "paper",
            "neighbours, or random partners, of the same class",
            "full",
            "random_partners",
            "In the published network",
        ),
        Contrast(
            "paper",
            "neighbours, or random partners, of any class",
            "any_class",
            "random_any_class",
        ),
        Contrast("paper", "mixup of neighbours, or none", "full", "no_mixup"),
        Contrast(
            "paper", "mixup of random partners, or none", "random_partners", "no_mixup"
        ),
        Contrast("paper", "mixup of neighbours, or SMOTE's shares", "full", "smote"),
        Contrast(
            "default",
            "neighbours, or random partners, of the same class",
            "mixup",
            "mixup_random",
            "In the default preset, with mixup",
        ),
        Contrast("default", "mixup of neighbours, or none", "mixup", "full"),
        Contrast(
            "default", "mixup of random partners, or none", "mixup_random", "full"
        ),
    ),
}
"""What is compared on each page of paired differences."""

OWNERS: dict[Subject, str] = {
    "paper": "The published network",
    "default": "The default preset",
}


def differences(page: str, runs: dict[Subject, BenchmarkRun]) -> pd.DataFrame:
    """Return a row for each contrast of a page: the first variant less the second.

    Columns are ``text subject heading tables``, each of `SHOWN_SCORES` with the ends
    of its interval, ``wins losses p_value p_holm`` and ``time``, a ratio.
    """
    records = []
    for contrast in CONTRASTS[page]:
        run, subject = runs[contrast.subject], contrast.subject
        scope = ablation_scope(run, subject)
        names = [f"{subject}.{key}" for key in (contrast.one, contrast.other)]
        record: dict[str, object] = {
            "subject": subject,
            "owner": OWNERS[subject],
            "text": contrast.text,
            "heading": contrast.heading,
        }
        for score in SHOWN_SCORES:
            scale = 1 if score in LESS_IS_BETTER else POINTS
            pair = ablation_scores(run, score, scope)[names]
            # Higher is better for all, so that the sign is that of the difference.
            (found,) = compare_with(pair, names[0])
            record[score] = scale * found.mean_difference
            record[f"{score}_low"] = scale * found.low
            record[f"{score}_high"] = scale * found.high
            if score == "both":
                record |= {
                    "tables": len(pair),
                    "wins": found.wins,
                    "losses": found.losses,
                    "p_value": found.p_value,
                }
        times = ablation_times(run, scope)
        record["time"] = float((times[names[0]] / times[names[1]]).median())
        records.append(record)
    data = pd.DataFrame(records)
    data["p_holm"] = holm(data["p_value"].tolist())
    return data


def differences_table(data: pd.DataFrame) -> ReportTable:
    """Return the contrasts as a table of the page."""
    columns = [Column("owner", "in"), Column("text", "one, or the other")]
    for score, heading in SHOWN_SCORES.items():
        digits = 3 if score in LESS_IS_BETTER else 1
        ends = (f"{score}_low", f"{score}_high")
        columns.append(Column(score, heading, digits, ends, signed=True))
    columns += [
        Column("wins", "better on"),
        Column("losses", "worse on"),
        Column("p_holm", "corrected p", is_p_value=True),
        Column("time", "fit time", 2),
    ]
    note = (
        "The one less the other: means over tables with 95% bootstrap intervals, "
        "scores in points of 100. Better, worse and the test (Wilcoxon, Holm over the "
        "lines) are of the mean of macro-F1 and macro recall. Fit time: median ratio."
    )
    return ReportTable("differences", "Paired differences", data, tuple(columns), note)


def sentence(record: dict[str, object]) -> str:
    """Say what came of a contrast; the claim follows the interval."""
    low, high = float(record["both_low"]), float(record["both_high"])
    claim = "this may be chance"
    if low > 0 or high < 0:
        claim = f"the first is {'better' if low > 0 else 'worse'}"
    return (
        f"**{record['owner']}: {record['text']}.** Mean of macro-F1 and macro recall "
        f"{signed_points(record['both'])} points ({signed_points(low)} to "
        f"{signed_points(high)}): {claim}. "
        f"Better on {record['wins']} and worse on {record['losses']} of "
        f"{record['tables']} tables; recall of the smallest class "
        f"{signed_points(record['rare_recall'])} points; "
        f"{float(record['time']):.2f} times the fit time."
    )


def by_table(run: BenchmarkRun, contrast: Contrast) -> pd.DataFrame:
    """Return the difference on each table, mildest imbalance first.

    Columns are ``table ratio mean low high``: of the mean of both scores, in points,
    over folds, with the worst and the best fold.
    """
    scope = ablation_scope(run, contrast.subject)
    rows = counted_rows(run)
    rows = rows[rows["rule"].eq("as_is") & rows["table"].isin(scope.tables)]
    both = POINTS * (rows["macro_f1"] + rows["macro_recall"]) / 2
    both = both.where(rows["status"] == "ok", 0.0)
    wide = rows.assign(both=both).pivot_table(
        index=["table", "fold", "seed"], columns="method", values="both"
    )
    names = [f"{contrast.subject}.{key}" for key in (contrast.one, contrast.other)]
    change = (wide[names[0]] - wide[names[1]]).groupby("table")
    out = pd.DataFrame(
        {"mean": change.mean(), "low": change.min(), "high": change.max()}
    )
    ratios = {facts.name: facts.imbalance_ratio for facts in run.tables}
    out["ratio"] = [ratios[str(name)] for name in out.index]
    return out.sort_values("ratio").reset_index()


def draw_by_table(panels: dict[str, pd.DataFrame]) -> "Figure":
    """Draw the difference on each table, a panel for each contrast."""
    most = max(map(len, panels.values()))
    figure = new_figure(7.6, 1.0 + 0.3 * most)
    drawn = figure.subplots(1, len(panels), squeeze=False, sharex=True)[0]
    for axes, (heading, data) in zip(drawn, panels.items(), strict=True):
        places = range(len(data))
        draw_intervals(axes, places, data["mean"], data["low"], data["high"])
        axes.set_yticks(
            places,
            [
                f"{name}  {ratio:,.0f}:1"
                for name, ratio in zip(data["table"], data["ratio"], strict=True)
            ],
        )
        axes.set_ylim(most - 0.4, -0.6)
        axes.set_title(heading)
        axes.set_xlabel("points", fontsize=8, color=GREY)
        strip_axes(axes, grid="x")
    return figure


def pair_page(page: str, runs: dict[Subject, BenchmarkRun]) -> tuple[str, Rendered]:
    """Return the text of a page of paired differences, and its picture."""
    data = differences(page, runs)
    main = data[data["heading"] != ""]
    panels = {
        contrast.heading: by_table(runs[contrast.subject], contrast)
        for contrast in CONTRASTS[page]
        if contrast.heading
    }
    figure = render(f"experiment_{page}", partial(draw_by_table, panels))
    caption = (
        "The one less the other in the mean of macro-F1 and macro recall, table by "
        "table, mildest imbalance first: the mean over folds, and the way from the "
        "worst fold to the best. Green where every fold is better, orange where every "
        "fold is worse."
    )
    scopes = {subject: ablation_scope(run, subject) for subject, run in runs.items()}
    told = "; ".join(
        f"{OWNERS[subject].lower()} on {count_of(len(scope.tables), 'table')} "
        f"({listed(scope.tables)})"
        for subject, scope in scopes.items()
    )
    parts = [
        *(f"- {sentence(record)}" for record in main.to_dict("records")),
        image(figure, caption, folder="experiments"),
        differences_table(data).markdown().strip(),
        f"Three folds; {told}. Rows, machine, versions and commands are those of "
        "[the ablation](ablations.md).",
    ]
    return "\n\n".join(parts), figure


def imbalance_values(run: BenchmarkRun) -> pd.DataFrame:
    """Return the scores of each fit under imbalance, with the ratio of its table."""
    values = stress_values(run)
    values = values[values["kind"] == "imbalance"]
    ratios = {facts.name: facts.imbalance_ratio for facts in run.tables}
    both = (values["macro_f1"] + values["macro_recall"]) / 2
    return values.assign(ratio=values["table"].map(ratios), both=both)


DRAWN = {"macro_f1": "macro-F1", "rare_recall": "recall of the smallest class"}


def draw_imbalance(values: pd.DataFrame, looks: dict[str, MethodLook]) -> "Figure":
    """Draw two scores against the imbalance, a column of panels for each table."""
    bases = list(dict.fromkeys(values["base"]))
    figure = new_figure(max(7.6, 1.2 + 1.75 * len(bases)), 4.6)
    panels = figure.subplots(
        len(DRAWN), len(bases), squeeze=False, sharex="col", sharey="row"
    )
    methods = [name for name in looks if name in set(values["method"])]
    for row, (score, label) in zip(panels, DRAWN.items(), strict=True):
        row[0].set_ylabel(label)
        row[0].set_ylim(-0.02, 1.02)
        for axes, base in zip(row, bases, strict=True):
            part = values[values["base"] == base]
            for name in methods:
                line = part[part["method"] == name].groupby("ratio")[score].mean()
                look = looks[name]
                axes.plot(
                    line.index,
                    line,
                    marker=look.marker,
                    markersize=look.size,
                    color=look.colour,
                    linewidth=look.line,
                    markeredgecolor="white",
                    markeredgewidth=0.5,
                    zorder=6 if look.is_ours else 5,
                )
            decorate(axes, sorted(part["ratio"].unique()))
    for axes, base in zip(panels[0], bases, strict=True):
        axes.set_title(base)
    for axes in panels[-1]:
        axes.set_xlabel("largest to smallest class", fontsize=7.5, color=GREY)
    add_method_legend(figure, [looks[name] for name in methods])
    return figure


def decorate(axes: "Axes", ratios: list[float]) -> None:
    """Put a logarithmic axis of ratios below a panel."""
    from matplotlib.ticker import NullLocator

    axes.set_xscale("log")
    axes.set_xticks(ratios, [f"{ratio:,.0f}" for ratio in ratios], fontsize=7.5)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(ratios[0] / 1.4, ratios[-1] * 1.4)
    strip_axes(axes, grid="both")


def imbalance_scores_table(values: pd.DataFrame, titles: dict[str, str]) -> ReportTable:
    """Return macro-F1 and the smallest class's recall by table and ratio."""
    records = []
    for (base, ratio), part in values.groupby(["base", "ratio"], sort=False):
        means = part.groupby("method")[[*DRAWN]].mean()
        record: dict[str, object] = {"base": base, "ratio": f"{ratio:,.0f}:1"}
        for score in DRAWN:
            record |= {f"{score}_{name}": means.loc[name, score] for name in titles}
        records.append(record)
    columns = [Column("base", "table"), Column("ratio", "imbalance")]
    columns += [
        Column(f"{score}_{name}", f"{label}, {title}")
        for score, label in DRAWN.items()
        for name, title in titles.items()
    ]
    return ReportTable(
        "imbalance",
        "Scores as the smallest class is thinned",
        pd.DataFrame(records),
        tuple(columns),
        "Means over two folds.",
    )


def lost(values: pd.DataFrame, titles: dict[str, str]) -> str:
    """Say what each method loses from the first to the last step, over the tables."""
    ends = []
    for _, part in values.groupby("base"):
        first, last = part["ratio"].min(), part["ratio"].max()
        means = part.groupby(["method", "ratio"])[["both", "rare_recall"]].mean()
        ends.append(means.xs(last, level="ratio") - means.xs(first, level="ratio"))
    change = POINTS * sum(ends) / len(ends)
    told = [
        f"{title} {signed_points(change.loc[name, 'both'])} "
        f"({signed_points(change.loc[name, 'rare_recall'])})"
        for name, title in titles.items()
    ]
    return (
        f"From the table as it is to the last step, mean over "
        f"{count_of(len(ends), 'table')}, in points: mean of macro-F1 and macro "
        f"recall, and in brackets the recall of the smallest class: {listed(told)}."
    )


def standing(values: pd.DataFrame, titles: dict[str, str]) -> str:
    """Count the steps on which ours is ahead of each peer."""
    wide = values.pivot_table(index=["base", "ratio"], columns="method", values="both")
    told = [
        f"{title} on {int((wide[OURS] > wide[name]).sum())}"
        for name, title in titles.items()
        if name != OURS
    ]
    return (
        f"Of {count_of(len(wide), 'step')} in all, the default preset is ahead, in the "
        f"mean of macro-F1 and macro recall, of {listed(told)}."
    )


def imbalance_page(study: BenchmarkRun) -> tuple[str, Rendered]:
    """Return the text of the page on imbalance, and its picture."""
    values = imbalance_values(study)
    titles = {
        name: title
        for name, title in titles_of(study).items()
        if name in set(values["method"])
    }
    looks = looks_of(study, ours=OURS)
    figure = render("experiment_imbalance", partial(draw_imbalance, values, looks))
    caption = (
        "Macro-F1 and the recall of the smallest class as training rows of that class "
        "are taken away, table by table; the rows that are scored keep theirs."
    )
    text = [
        f"- {standing(values, titles)}",
        f"- {lost(values, titles)}",
        image(figure, caption, folder="experiments"),
        imbalance_scores_table(values, titles).markdown().strip(),
        "Machine, versions and commands are those of [the robustness "
        "study](robustness.md).",
    ]
    return "\n\n".join(text), figure


def pages() -> dict[Path, tuple[str, Rendered]]:
    """Return text and picture of each page."""
    runs: dict[Subject, BenchmarkRun] = {
        subject: load_run(ABLATION / subject) for subject in OWNERS
    }
    drawn = {page: pair_page(page, runs) for page in CONTRASTS}
    drawn["imbalance"] = imbalance_page(load_run(STRESS["full"]))
    return {
        DOCS / "explanation" / f"{name}.md": content for name, content in drawn.items()
    }


def main() -> None:
    """Put texts and pictures in their places."""
    drawn = pages()
    replace_pictures(IMAGES, [figure for _, figure in drawn.values()])
    for page, (text, _) in drawn.items():
        replace_table(page, text)
        print(page)


if __name__ == "__main__":
    main()
