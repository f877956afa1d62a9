"""Picture of a score under every kind of stress."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd

from qclmixnet.evaluation.stress import STRESS_KINDS
from qclmixnet.report.drawing import (
    GREY,
    MethodLook,
    add_method_legend,
    new_figure,
    strip_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_stress"]

_MAX_COLUMNS = 4


def draw_stress(
    levels: pd.DataFrame, *, looks: Mapping[str, MethodLook], label: str
) -> "Figure":
    """Draw one panel for each kind and one line for each method.

    A line is dotted from a level to the next where that is of other tables.

    Args:
        levels: rows of one score of `level_table`.
        looks: how methods are drawn.
        label: what the score is.

    Returns:
        The figure.
    """
    kinds = [str(kind) for kind in levels["kind"].unique()]
    n_columns = min(_MAX_COLUMNS, len(kinds))
    n_rows = math.ceil(len(kinds) / n_columns)
    figure = new_figure(max(4.0, 2.75 * n_columns), 2.55 * n_rows + 0.5)
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharey=True).ravel()
    for axes, kind in zip(panels, kinds, strict=False):
        _draw_panel(axes, levels[levels["kind"] == kind], kind, looks)
    for axes in panels[len(kinds) :]:
        axes.set_axis_off()
    for row in range(n_rows):
        panels[row * n_columns].set_ylabel(label)
    panels[0].set_ylim(-0.02, 1.02)
    drawn = set(levels["method"])
    add_method_legend(figure, [look for name, look in looks.items() if name in drawn])
    return figure


def _draw_panel(
    axes: "Axes", part: pd.DataFrame, kind: str, looks: Mapping[str, MethodLook]
) -> None:
    facts = STRESS_KINDS[kind]
    order = sorted(part["level"].unique(), key=facts.hardness)
    place = {level: number for number, level in enumerate(order)}
    for name, look in looks.items():
        line = part[part["method"] == name]
        if not len(line):  # a method that has not begun
            continue
        places = line["level"].map(place)
        front = 6 if look.is_ours else 5
        axes.fill_between(
            places,
            line["low_fold"],
            line["high_fold"],
            color=look.colour,
            alpha=0.15,
            linewidth=0,
            zorder=front - 3,
        )
        axes.plot(
            places,
            line["mean"],
            marker=look.marker,
            color=look.colour,
            markersize=look.size,
            linestyle="",
            markeredgecolor="white",
            markeredgewidth=0.5,
            zorder=front,
        )
        ends = list(zip(places, line["mean"], line["bases"], strict=True))
        for (x, y, bases), (next_x, next_y, next_bases) in pairwise(ends):
            same = bases == next_bases
            axes.plot(
                [x, next_x],
                [y, next_y],
                color=look.colour,
                linestyle="-" if same else ":",
                linewidth=look.line if same else 1.0,
                zorder=front - 1,
            )
    axes.set_title(facts.title, loc="left")
    tables = part.groupby("level")["tables"].max()
    axes.set_xticks(
        range(len(order)),
        [_tick(facts.level_text(level), tables, level) for level in order],
        fontsize=7.5,
    )
    axes.set_xlim(-0.3, len(order) - 0.7)
    changing = tables.min() < tables.max()
    unit = f"{facts.unit}; of so many tables" if changing else facts.unit
    axes.set_xlabel(unit, fontsize=7.5, color=GREY)
    strip_axes(axes, grid="both")


def _tick(text: str, tables: "pd.Series[int]", level: float) -> str:
    """Name the level, and the number of tables where that changes along the axis."""
    if tables.min() == tables.max():
        return text
    count = int(tables.loc[level])
    return f"{text}\nof {count}"
