"""The picture and the tables of `docs/explanation/probes.md`, drawn from the rows."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from pages import replace_table
from probe_models import MODELS, PROBLEMS

from qclmixnet.report.drawing import GREY, INK, new_figure, render, strip_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOCS = Path(__file__).parents[1] / "docs"
PAGE, PICTURE = DOCS / "explanation" / "probes.md", DOCS / "images" / "probes.svg"
TITLES = {
    **{name: title for name, (title, _) in MODELS.items()},
    "paper": "preset paper",
    "default": "preset default",
}
LOOKS = {
    "linear": (GREY, "o", ":"),
    "layer": (INK, "x", ":"),
    "linear_layer": ("#e69f00", "v", "--"),
    "mlp": ("#0072b2", "s", "-"),
    "mlp_layer": ("#56b4e9", "D", "--"),
    "sine_mlp": ("#009e73", "^", "-"),
    "waves": ("#d55e00", "*", "-"),
}
"""Networks that are drawn: colour, marker, line."""


def draw_page(rows: pd.DataFrame) -> None:
    """Write the picture, and the tables between the markers of the page."""
    drawn = render("probes", lambda: _figure(rows))
    PICTURE.write_bytes(drawn.svg)
    replace_table(PAGE, tables(rows))


def means(rows: pd.DataFrame) -> pd.Series:
    """Return mean accuracy in percent by problem, model and number of rows."""
    grouped = rows.groupby(["problem", "model", "n_rows"])["accuracy"]
    return 100 * grouped.mean()


def tables(rows: pd.DataFrame) -> str:
    """Return one table per question: at 1,000 rows, and the rows to reach 90 %."""
    found = means(rows)
    problems = [name for name in PROBLEMS if name in set(rows["problem"])]
    models = [name for name in TITLES if name in set(rows["model"])]
    head = "| network | parameters | " + " | ".join(PROBLEMS[p][0] for p in problems)
    rule = "|---|--:|" + "--:|" * len(problems)
    sizes = rows.groupby("model")["n_parameters"].max()
    at_1000, to_90 = [f"{head} |", rule], [f"{head} |", rule]
    for model in models:
        size = "" if pd.isna(sizes[model]) else f"{sizes[model]:,.0f}"
        name = f"| {TITLES[model]} | {size} | "
        cells = [found.get((p, model, 1_000), float("nan")) for p in problems]
        at_1000.append(name + " | ".join(_number(cell) for cell in cells) + " |")
        first = [_rows_to(found, p, model) for p in problems]
        to_90.append(name + " | ".join(first) + " |")
    minutes = rows["cpu_s"].sum() / 60
    return "\n\n".join(
        [
            "Accuracy in percent after 1,000 rows, mean over seeds; guessing gives 50:",
            "\n".join(at_1000),
            "Fewest rows tried that give a mean accuracy of 90 %:",
            "\n".join(to_90),
            f"{len(rows)} fits, {minutes:.0f} processor minutes.",
        ]
    )


def _number(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:.1f}"


def _rows_to(found: pd.Series, problem: str, model: str) -> str:
    if (problem, model) not in {key[:2] for key in found.index}:
        return "-"
    curve = found[problem, model]
    reached = curve.index[curve >= 90]
    return f"{reached.min():,}" if len(reached) else f"over {curve.index.max():,}"


def _figure(rows: pd.DataFrame) -> "Figure":
    figure = new_figure(10.5, 5.6)
    grid = figure.subplots(2, 4, sharex=True, sharey=True)
    handles = {}
    grouped = rows.groupby(["problem", "model", "n_rows"])["accuracy"]
    middle = 100 * grouped.mean()
    low, high = 100 * grouped.min(), 100 * grouped.max()
    for axes, (problem, (title, *_)) in zip(grid.flat, PROBLEMS.items(), strict=True):
        strip_axes(axes, grid="both")
        axes.set_title(title, loc="left")
        for model, (colour, marker, line) in LOOKS.items():
            if (problem, model) not in {key[:2] for key in middle.index}:
                continue
            curve = middle[problem, model]
            x = curve.index.to_numpy(dtype=float)
            handles[model] = axes.plot(
                x,
                curve.to_numpy(),
                color=colour,
                marker=marker,
                linestyle=line,
                linewidth=1.4,
                markersize=7 if marker == "*" else 4,
            )[0]
            axes.fill_between(
                x,
                low[problem, model].to_numpy(),
                high[problem, model].to_numpy(),
                color=colour,
                alpha=0.1,
                linewidth=0,
            )
        axes.set_xscale("log")
        axes.set_xticks([100, 300, 1_000, 3_000], ["100", "300", "1,000", "3,000"])
        axes.minorticks_off()
        axes.set_ylim(44, 102)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy, %")
    for axes in grid[1]:
        axes.set_xlabel("training rows")
    figure.legend(
        list(handles.values()),
        [TITLES[model] for model in handles],
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=8.5,
    )
    return figure
