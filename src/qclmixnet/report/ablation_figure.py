"""Picture of what each part brings: changes with their intervals, side by side."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from qclmixnet.report.drawing import GREY, draw_intervals, new_figure, plain, strip_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_changes"]

_PANELS = {"macro_f1": "macro-F1", "macro_recall": "macro recall"}
_ROW_INCHES = 0.24


def draw_changes(changes: pd.DataFrame) -> "Figure":
    """Draw the mean change of two scores by each variant, with its interval.

    Args:
        changes: the data of `ablation_changes`, in the order to draw from the top.

    Returns:
        The figure: green where the interval is above 0, orange where it is below.
    """
    parts = [str(part) for part in changes["part"]]
    # A gap before each new part.
    steps = [
        1.0 + 0.6 * (k > 0 and parts[k] != parts[k - 1]) for k in range(len(parts))
    ]
    places = np.cumsum(steps)
    height = 1.1 + _ROW_INCHES * float(places[-1])
    figure = new_figure(7.6, height)
    panels = figure.subplots(1, len(_PANELS), sharey=True)
    for axes, (score, label) in zip(panels, _PANELS.items(), strict=True):
        _draw_panel(axes, changes, score, places)
        axes.set_title(f"{label}, points")
    left, right = panels[0], panels[-1]
    left.set_yticks(places, [plain(str(title)) for title in changes["title"]])
    left.set_ylim(float(places[-1]) + 0.7, 0.3)
    for place, ratio in zip(places, changes["time"], strict=True):
        right.annotate(
            f"x {ratio:.2f}",
            xy=(1.02, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=GREY,
            annotation_clip=False,
        )
    right.annotate(
        "fit time",
        xy=(1.02, 1.0),
        xycoords="axes fraction",
        xytext=(0, 6),
        textcoords="offset points",
        fontsize=8,
        color=GREY,
        annotation_clip=False,
    )
    return figure


def _draw_panel(
    axes: "Axes", changes: pd.DataFrame, score: str, places: "np.ndarray"
) -> None:
    middle, low, high = (
        changes[f"{score}{end}"].to_numpy(dtype=float) for end in ("", "_low", "_high")
    )
    draw_intervals(axes, places, middle, low, high)
    strip_axes(axes, grid="x")
