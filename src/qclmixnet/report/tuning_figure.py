"""How a search went, and which hyper-parameters mattered, in one picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qclmixnet.report.drawing import (
    GREY,
    INK,
    Rendered,
    new_figure,
    plain,
    render,
    short,
    strip_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SearchTold", "draw_searches"]

_BLUE, _ORANGE = "#0072b2", "#d55e00"
_MAX_BARS = 12
_NAME_LENGTH = 28


@dataclass(frozen=True)
class SearchTold:
    """What the report tells of one search on the whole table.

    Attributes:
        method: stable name of the method.
        title: its name for people.
        results: ``cv_results_`` of the search.
        best_params: the values that it chose; empty for the default.
        best_score: the score that it saw for them.
        default_score: the score that it saw for the default.
        importances: share of each hyper-parameter, the most first; may be empty.
        n_pooled: trials that the importances rest on.
        min_gain: how much better than the default its choice had to be.
    """

    method: str
    title: str
    results: dict[str, list[Any]]
    best_params: dict[str, object]
    best_score: float
    default_score: float
    importances: dict[str, float]
    n_pooled: int
    min_gain: float = 0.0

    @property
    def by_enough(self) -> str:
        """What a sentence adds that says that no trial was better."""
        return f" by {self.min_gain:g} or more" if self.min_gain else ""


def draw_searches(searches: Sequence[SearchTold]) -> Rendered:
    """Draw, a row for each method, the scores of the trials and the importances.

    Args:
        searches: one for each method.

    Returns:
        The picture.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """

    def draw() -> "Figure":
        figure = new_figure(9.0, 3.1 * len(searches) + 0.3)
        grid = figure.subplots(len(searches), 2, squeeze=False, width_ratios=[5, 4])
        for axes, told in zip(grid, searches, strict=True):
            _draw_history(axes[0], told)
            _draw_importances(axes[1], told)
        return figure

    return render("tuning", draw)


def _draw_history(axes: "Axes", told: SearchTold) -> None:
    from matplotlib.ticker import MaxNLocator

    means, states = told.results["mean_test_score"], told.results["state"]
    done = [i for i, mean in enumerate(means) if not math.isnan(mean)]
    axes.plot(
        done,
        [means[i] for i in done],
        linestyle="",
        marker="o",
        color=_BLUE,
        label="trial",
    )
    best = -math.inf
    line = [best := max(best, means[i]) for i in done]
    axes.step(done, line, where="post", color=_ORANGE, label="best so far")
    axes.axhline(
        told.default_score, color=GREY, linestyle=":", label="the default (trial 0)"
    )
    low = min((means[i] for i in done), default=0.0)
    for state, marker in (("pruned", "v"), ("fail", "x")):
        found = [i for i, name in enumerate(states) if name == state]
        if found:
            axes.plot(
                found,
                [low] * len(found),
                linestyle="",
                marker=marker,
                color=GREY,
                label="stopped early" if state == "pruned" else "failed",
            )
    axes.set(xlabel="trial", ylabel="score on the inner folds")
    axes.set_title(plain(f"{told.title}: the search on the whole table"), color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=7, loc="best")
    strip_axes(axes, grid="both")


def _draw_importances(axes: "Axes", told: SearchTold) -> None:
    axes.set_title("What mattered", color=INK)
    if not told.importances:
        axes.set_axis_off()
        axes.text(
            0.5,
            0.5,
            "too few finished trials\nto tell what mattered",
            ha="center",
            va="center",
            color=GREY,
            transform=axes.transAxes,
        )
        return
    shown = list(told.importances.items())[:_MAX_BARS]
    names = [short(name, _NAME_LENGTH) for name, _ in shown]
    axes.barh(names, [share for _, share in shown], color=_BLUE)
    axes.invert_yaxis()
    axes.set(xlabel=f"share of importance, {told.n_pooled} trials")
    strip_axes(axes, grid="x")
