"""Picture of the mean scores by tier of imbalance."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qclmixnet.report.drawing import INK, LIGHT, MethodLook, new_figure, strip_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_tiers", "spread_out"]


def draw_tiers(
    by_tier: pd.DataFrame,
    *,
    n_tables: Mapping[str, int],
    chosen: Sequence[str],
    looks: Mapping[str, MethodLook],
    label: str,
) -> "Figure":
    """Draw the mean score in each tier of imbalance.

    Args:
        by_tier: methods by tiers, mildest first.
        n_tables: number of tables of each tier.
        chosen: methods with a line and a name; the others are pale dots.
        looks: how methods are drawn.
        label: what the score is.

    Returns:
        The figure.
    """
    tiers = [str(tier) for tier in by_tier.columns]
    figure = new_figure(6.4, 4.4)
    axes = figure.subplots()
    places = np.arange(len(tiers))
    for name in by_tier.index:
        if name not in chosen:
            values = by_tier.loc[name].to_numpy(dtype=float)
            axes.plot(places, values, "o", color=LIGHT, markersize=5, zorder=1)
    for name in chosen:
        look, values = looks[name], by_tier.loc[name].to_numpy(dtype=float)
        axes.plot(
            places,
            values,
            marker=look.marker,
            color=look.colour,
            markersize=look.size + 1,
            linewidth=2.6 if look.is_ours else 1.4,
            markeredgecolor="white",
            markeredgewidth=0.5,
            zorder=4 if look.is_ours else 3,
        )
    axes.set_xlim(-0.25, len(tiers) - 1 + 0.25)
    labels = [f"{tier}\n{_tables(n_tables[tier])}" for tier in tiers]
    axes.set_xticks(places, labels)
    axes.set_xlabel(
        "imbalance ratio: rows of the largest class per row of the smallest"
    )
    axes.set_ylabel(f"{label}, mean of the tier")
    strip_axes(axes, grid="both")
    last = by_tier[tiers[-1]]
    _names_at_the_end(axes, {name: float(last[name]) for name in chosen}, looks)
    return figure


def _tables(count: int) -> str:
    return f"{count} table" if count == 1 else f"{count} tables"


def _names_at_the_end(
    axes: "Axes", values: Mapping[str, float], looks: Mapping[str, MethodLook]
) -> None:
    """Write the names right of the last tier, pushed apart where they would touch."""
    low, high = axes.get_ylim()
    gap = (high - low) / 17
    order = sorted(values, key=lambda name: values[name])
    heights = spread_out([values[name] for name in order], gap)
    end = axes.get_xlim()[1]
    for name, height in zip(order, heights, strict=True):
        look = looks[name]
        axes.annotate(
            look.title,
            xy=(end - 0.22, values[name]),
            xytext=(end, height),
            va="center",
            fontsize=8.5,
            color=INK,
            fontweight=look.weight,
            arrowprops={
                "arrowstyle": "-",
                "color": look.colour,
                "linewidth": 0.8,
                "shrinkA": 1,
                "shrinkB": 1,
            },
            annotation_clip=False,
        )
    axes.set_ylim(low, max(high, heights[-1] + gap / 2) if heights else high)


def spread_out(values: Sequence[float], gap: float) -> list[float]:
    """Push sorted values apart until neighbours differ by at least ``gap``.

    Args:
        values: ascending.
        gap: smallest distance.

    Returns:
        Values of which the total move is small, ascending.

    >>> spread_out([0.0, 0.0, 5.0], 1.0)
    [-0.5, 0.5, 5.0]
    """
    blocks: list[tuple[float, int]] = []  # centre and size of blocks that touch
    for value in values:
        centre, size = float(value), 1
        while blocks:
            before, n_before = blocks[-1]
            if centre - before >= gap * (size + n_before) / 2:
                break
            blocks.pop()
            centre = (before * n_before + centre * size) / (n_before + size)
            size += n_before
        blocks.append((centre, size))
    return [
        centre + gap * (place - (size - 1) / 2)
        for centre, size in blocks
        for place in range(size)
    ]
