"""Pictures of scores: against time, by decision rule, and by fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.report.drawing import (
    GREY,
    MethodLook,
    add_family_legend,
    new_figure,
    strip_axes,
)
from qclmixnet.report.label_places import write_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "FoldScores",
    "draw_folds",
    "draw_rules",
    "draw_trade_off",
    "pareto_front",
]

_ROW = 0.25  # inches of height for a method


@dataclass(frozen=True)
class FoldScores:
    """Scores of one method on the folds of one table.

    Attributes:
        method: its stable name.
        values: one per fold and seed.
        mean: of the values.
        low: lower end of its 95% interval, NaN with a single value.
        high: upper end.
    """

    method: str
    values: tuple[float, ...]
    mean: float
    low: float
    high: float


def pareto_front(costs: Sequence[float], scores: Sequence[float]) -> list[int]:
    """Return which points no other point beats in both cost and score.

    Args:
        costs: less is better.
        scores: more is better.

    Returns:
        Places in the input, cheapest first.

    >>> pareto_front([3, 1, 2, 4], [0.9, 0.5, 0.4, 0.8])
    [1, 0]
    """
    order = sorted(range(len(costs)), key=lambda i: (costs[i], -scores[i]))
    front: list[int] = []
    for index in order:
        if not front or scores[index] > scores[front[-1]]:
            front.append(index)
    return front


def draw_trade_off(
    costs: "pd.Series[float]",
    scores: "pd.Series[float]",
    *,
    looks: Mapping[str, MethodLook],
    label: str,
) -> "Figure":
    """Draw a mean score against the time of a fit, with the front.

    Args:
        costs: median seconds of processor time per 1,000 rows, above 0, by method.
        scores: mean over tables, by the same methods.
        looks: how methods are drawn.
        label: what the score is.

    Returns:
        The figure.
    """
    names = [str(name) for name in scores.index]
    x, y = costs.to_numpy(dtype=float), scores.to_numpy(dtype=float)
    figure = new_figure(7.0, 5.2)
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_xlim(x.min() / 2.5, x.max() * 2.5)
    spread = max(float(y.max() - y.min()), 0.02)
    axes.set_ylim(y.min() - 0.10 * spread, y.max() + 0.12 * spread)
    front = _draw_front(axes, x, y)
    for name, cost, score in zip(names, x, y, strict=True):
        look = looks[name]
        axes.plot(
            cost,
            score,
            look.marker,
            color=look.colour,
            markersize=look.size + 1,
            markeredgecolor="white",
            markeredgewidth=0.6,
            zorder=3,
        )
    axes.set_xlabel(
        "median processor seconds of a fit per 1,000 training rows (log scale)\n"
        "dashed: the front, where no method is both faster and better"
    )
    axes.set_ylabel(f"mean {label}")
    _plain_seconds(axes)
    strip_axes(axes, grid="both")
    axes.tick_params(which="minor", length=0)
    add_family_legend(figure, [looks[name] for name in names])
    write_names(
        axes,
        list(zip(x.tolist(), y.tolist(), strict=True)),
        [looks[name].title for name in names],
        [looks[name].weight for name in names],
        avoid=front,
    )
    return figure


def _draw_front(
    axes: "Axes", x: npt.NDArray[np.floating], y: npt.NDArray[np.floating]
) -> list[tuple[float, float]]:
    """Draw the front as stairs and return their corners."""
    front = pareto_front(x.tolist(), y.tolist())
    corners = [(float(x[front[0]]), float(y[front[0]]))]
    for index in front[1:]:
        corners += [
            (float(x[index]), corners[-1][1]),
            (float(x[index]), float(y[index])),
        ]
    corners.append((axes.get_xlim()[1], corners[-1][1]))
    axes.plot(*zip(*corners, strict=True), "--", color=GREY, linewidth=1.2, zorder=1)
    return corners


def _plain_seconds(axes: "Axes") -> None:
    """Write 0.1, 1 and 10 for powers of ten."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def draw_rules(
    as_is: "pd.Series[float]",
    tuned: "pd.Series[float]",
    *,
    looks: Mapping[str, MethodLook],
    label: str,
) -> "Figure":
    """Draw what tuning the decision rule does to each method.

    Args:
        as_is: mean score by method, best first.
        tuned: mean score with the tuned rule by the same methods.
        looks: how methods are drawn.
        label: what the score is.

    Returns:
        The figure: a line per method from an open to a filled marker.
    """
    names = [str(name) for name in as_is.index]
    figure = new_figure(5.8, _ROW * len(names) + 1.35)
    axes = figure.subplots()
    for row, name in enumerate(names):
        look, ends = looks[name], (float(as_is[name]), float(tuned[name]))
        if look.is_ours:
            axes.axhspan(row - 0.5, row + 0.5, color=look.colour, alpha=0.13, lw=0)
        axes.plot(ends, [row, row], color=look.colour, linewidth=2, zorder=2)
        axes.plot(
            ends[0],
            row,
            "o",
            markersize=6.5,
            markerfacecolor="white",
            markeredgecolor=look.colour,
            markeredgewidth=1.6,
            zorder=3,
        )
        axes.plot(ends[1], row, "o", markersize=6.5, color=look.colour, zorder=4)
    gains = [f"{float(tuned[name]) - float(as_is[name]):+.3f}" for name in names]
    titles = [
        f"{looks[name].title}  {gain}" for name, gain in zip(names, gains, strict=True)
    ]
    _method_rows(axes, names, titles, looks)
    axes.set_xlabel(
        f"mean {label}\nopen: as is; filled: tuned rule\nnumber: the change"
    )
    strip_axes(axes, grid="x")
    add_family_legend(figure, [looks[name] for name in names])
    return figure


def _method_rows(
    axes: "Axes",
    names: Sequence[str],
    titles: Sequence[str],
    looks: Mapping[str, MethodLook],
) -> None:
    """Give each method a line of its own, the first on top."""
    axes.set_yticks(range(len(names)), titles)
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        tick.set_fontweight(looks[name].weight)
    axes.set_ylim(len(names) - 0.4, -0.6)


def draw_folds(
    folds: Sequence[FoldScores],
    *,
    looks: Mapping[str, MethodLook],
    label: str,
) -> "Figure":
    """Draw the score of every fold of one table, with mean and interval.

    Args:
        folds: best mean first.
        looks: how methods are drawn.
        label: what the score is.

    Returns:
        The figure.
    """
    names = [entry.method for entry in folds]
    figure = new_figure(5.8, 0.3 * len(folds) + 1.45)
    axes = figure.subplots()
    for row, entry in enumerate(folds):
        look = looks[entry.method]
        if look.is_ours:
            axes.axhspan(row - 0.5, row + 0.5, color=look.colour, alpha=0.13, lw=0)
        if np.isfinite(entry.low):
            ends = np.clip([entry.low, entry.high], 0, 1)
            axes.plot(ends, [row, row], color=look.colour, linewidth=2, zorder=2)
        axes.plot(
            entry.values,
            [row] * len(entry.values),
            "o",
            markersize=4.5,
            markerfacecolor="white",
            markeredgecolor=look.colour,
            alpha=0.9,
            zorder=3,
        )
        axes.plot(
            entry.mean,
            row,
            look.marker,
            color=look.colour,
            markersize=look.size + 2,
            markeredgecolor="white",
            markeredgewidth=0.6,
            zorder=4,
        )
    titles = [f"{looks[entry.method].title}  {entry.mean:.3f}" for entry in folds]
    _method_rows(axes, names, titles, looks)
    axes.set_xlabel(
        f"{label}\nopen: folds; filled: their mean\nline: 95% interval of the mean"
    )
    strip_axes(axes, grid="x")
    add_family_legend(figure, [looks[name] for name in names])
    return figure
