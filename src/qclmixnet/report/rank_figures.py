"""Two pictures of all methods at once: critical differences, and every single score.

References:
    Demsar (2006), Statistical comparisons of classifiers over multiple data sets, JMLR
    7, section 3.2.2. His diagram puts the names around one axis; here each method has
    a line of its own, so that 22 names can be read on a phone.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.benchmark.record import TableFacts
from qclmixnet.evaluation.statistics import MeanRank
from qclmixnet.report.drawing import (
    GREY,
    INK,
    MethodLook,
    add_family_legend,
    new_figure,
    short,
    strip_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_critical_differences", "draw_heat_map", "group_lanes"]

_ROW = 0.25  # inches of height for a method


def group_lanes(
    order: Sequence[str], groups: Sequence[Sequence[str]]
) -> list[tuple[int, int, int]]:
    """Place the bars of groups side by side so that none covers another.

    Args:
        order: methods, best first.
        groups: methods that a test does not tell apart; a group of one has no bar.

    Returns:
        ``(first, last, lane)`` for each bar: places in ``order``, and its lane from 0.

    >>> group_lanes(["a", "b", "c", "d"], [["a", "b"], ["b", "c"], ["c", "d"], ["d"]])
    [(0, 1, 0), (1, 2, 1), (2, 3, 0)]
    """
    place = {name: position for position, name in enumerate(order)}
    spans = sorted(
        (min(place[m] for m in group), max(place[m] for m in group))
        for group in groups
        if len(group) > 1
    )
    ends: list[int] = []
    bars = []
    for first, last in spans:
        lane = next((i for i, end in enumerate(ends) if end < first), len(ends))
        ends[lane : lane + 1] = [last]
        bars.append((first, last, lane))
    return bars


def draw_critical_differences(
    ranks: Sequence[MeanRank],
    groups: Sequence[Sequence[str]],
    *,
    critical_difference: float,
    looks: Mapping[str, MethodLook],
    label: str,
) -> "Figure":
    """Draw mean ranks with their intervals and the groups that are not told apart.

    Args:
        ranks: best first.
        groups: of methods within the critical difference.
        critical_difference: of the Nemenyi test.
        looks: how methods are drawn.
        label: what is ranked.

    Returns:
        The figure: a line per method, bars for groups on the right.
    """
    from matplotlib.ticker import MaxNLocator

    order = [rank.method for rank in ranks]
    bars = group_lanes(order, groups)
    n_lanes = max((lane for *_, lane in bars), default=0) + 1
    figure = new_figure(5.8, _ROW * len(order) + 1.5)
    axes, side = figure.subplots(
        1, 2, sharey=True, width_ratios=[1, 0.035 + 0.04 * n_lanes]
    )
    for row, rank in enumerate(ranks):
        look = looks[rank.method]
        if look.is_ours:
            for part in (axes, side):
                part.axhspan(row - 0.5, row + 0.5, color=look.colour, alpha=0.13, lw=0)
        axes.plot([rank.low, rank.high], [row, row], color=look.colour, linewidth=1.6)
        axes.plot(
            rank.mean_rank,
            row,
            look.marker,
            color=look.colour,
            markersize=look.size,
            markeredgecolor="white",
            markeredgewidth=0.5,
        )
    names = [f"{looks[r.method].title}  {r.mean_rank:.1f}" for r in ranks]
    axes.set_yticks(range(len(order)), names)
    _embolden(axes, [looks[name] for name in order])
    axes.set_ylim(len(order) - 0.4, -1.7)
    left = min(rank.low for rank in ranks)
    right = max([rank.high for rank in ranks] + [left + critical_difference])
    axes.set_xlim(left - 0.4, right + 0.4)
    axes.set_xlabel(f"mean rank by {label}\n(1 is best; line: 95% interval)")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    strip_axes(axes, grid="x")
    _draw_scale(axes, left, critical_difference)
    _draw_bars(side, bars, order, looks)
    add_family_legend(figure, [looks[name] for name in order])
    return figure


def _draw_scale(axes: "Axes", left: float, critical_difference: float) -> None:
    """Draw how far apart two mean ranks must be to be told apart."""
    right = left + critical_difference
    axes.plot([left, right], [-1, -1], color=INK, linewidth=1.4)
    for end in (left, right):
        axes.plot([end, end], [-1.2, -0.8], color=INK, linewidth=1.4)
    middle = (left + right) / 2
    text = f"critical difference {critical_difference:.2f}"
    axes.annotate(
        text,
        (middle, -1),
        xytext=(0, 2.5),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
    )


def _draw_bars(
    axes: "Axes",
    bars: Sequence[tuple[int, int, int]],
    order: Sequence[str],
    looks: Mapping[str, MethodLook],
) -> None:
    for first, last, lane in bars:
        with_ours = [looks[m] for m in order[first : last + 1] if looks[m].is_ours]
        colour = with_ours[0].colour if with_ours else INK
        axes.plot(
            [lane, lane],
            [first - 0.25, last + 0.25],
            color=colour,
            linewidth=3.2,
            solid_capstyle="round",
        )
    axes.set_xlim(-0.8, max((lane for *_, lane in bars), default=0) + 0.8)
    axes.tick_params(labelleft=False, length=0)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    if bars:
        axes.set_xlabel("same bar:\nnot told\napart", fontsize=7.5)


def _embolden(axes: "Axes", looks: Sequence[MethodLook]) -> None:
    for label, look in zip(axes.get_yticklabels(), looks, strict=True):
        label.set_fontweight(look.weight)


def draw_heat_map(
    scores: pd.DataFrame,
    *,
    facts: Mapping[str, TableFacts],
    looks: Mapping[str, MethodLook],
    label: str,
) -> "Figure":
    """Draw every mean score as a coloured number, the best of a table outlined.

    Args:
        scores: tables by methods, between 0 and 1, in the order to draw; NaN is empty.
        facts: of the tables, for their labels.
        looks: how methods are drawn.
        label: what the score is.

    Returns:
        The figure.
    """
    values = scores.to_numpy(dtype=float)
    n_tables, n_methods = values.shape
    figure = new_figure(2.4 + 0.37 * n_methods, 2.6 + 0.29 * n_tables)
    axes = figure.subplots()
    image = axes.imshow(
        np.ma.masked_invalid(values), cmap="cividis", vmin=0, vmax=1, aspect="auto"
    )
    methods = [looks[str(name)] for name in scores.columns]
    axes.set_xticks(
        range(n_methods),
        [look.title for look in methods],
        rotation=60,
        ha="left",
        rotation_mode="anchor",
    )
    axes.xaxis.tick_top()
    for tick, look in zip(axes.get_xticklabels(), methods, strict=True):
        tick.set_fontweight(look.weight)
    names = [_table_label(str(name), facts) for name in scores.index]
    axes.set_yticks(range(n_tables), names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    _mark_ours(axes, methods, n_tables)
    _write_values(axes, values)
    bar = figure.colorbar(
        image, ax=axes, orientation="horizontal", shrink=0.5, aspect=45, pad=0.02
    )
    bar.set_label(f"{label}; outlined: best of the table", fontsize=8)
    bar.outline.set_visible(False)
    return figure


def _table_label(name: str, facts: Mapping[str, TableFacts]) -> str:
    if name not in facts:
        return short(name, 24)
    known = facts[name]
    return f"{short(name, 24)}  n={known.n_rows:,}  IR {known.imbalance_ratio:.1f}"


def _mark_ours(axes: "Axes", methods: Sequence[MethodLook], n_tables: int) -> None:
    from matplotlib.patches import Rectangle

    for column, look in enumerate(methods):
        if look.is_ours:
            corner = (column - 0.5, -0.5)
            frame = Rectangle(
                corner,
                1,
                n_tables,
                fill=False,
                edgecolor=look.colour,
                linewidth=2.5,
                clip_on=False,
                zorder=3,
            )
            axes.add_patch(frame)


def _write_values(axes: "Axes", values: npt.NDArray[np.float64]) -> None:
    from matplotlib.patches import Rectangle

    for row, line in enumerate(values):
        # What is the best as printed is outlined, so that ties look like ties.
        shown = np.round(line, 2)
        best = np.nanmax(shown) if np.isfinite(shown).any() else np.nan
        for column, value in enumerate(shown):
            if np.isnan(value):
                axes.text(column, row, "-", ha="center", va="center", color=GREY)
                continue
            is_best = value == best
            axes.text(
                column,
                row,
                f"{value:.2f}".removeprefix("0"),
                ha="center",
                va="center",
                fontsize=8,
                color="black" if value > 0.52 else "white",
                fontweight="bold" if is_best else "normal",
            )
            if is_best:
                corner = (column - 0.44, row - 0.42)
                edge = "black" if value > 0.52 else "white"
                axes.add_patch(
                    Rectangle(corner, 0.88, 0.84, fill=False, edgecolor=edge, lw=1.3)
                )
    axes.set_xticks(np.arange(values.shape[1] + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(values.shape[0] + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=0.8)
    axes.tick_params(which="minor", length=0)
