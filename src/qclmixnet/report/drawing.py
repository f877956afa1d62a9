"""What the figures of a report share: colours by family, sizes, and how they are saved.

The colours are those of Okabe and Ito (2008), which readers with any common colour
vision can tell apart; each family also has a marker of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.report.fit_figure import require_drawing
from qclmixnet.report.scope import titles_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "GREY",
    "INK",
    "LIGHT",
    "MethodLook",
    "Rendered",
    "add_family_legend",
    "add_method_legend",
    "draw_intervals",
    "looks_of",
    "new_figure",
    "plain",
    "render",
    "short",
    "strip_axes",
]

INK, GREY, LIGHT = "#1c1c1c", "#6b6b6b", "#d9d9d9"
_WORSE, _BETTER = "#d55e00", "#009e73"
_FAMILIES = {
    "ours": ("#d55e00", "*"),
    "classical": ("#56b4e9", "o"),
    "imbalance-aware": ("#009e73", "s"),
    "boosting": ("#0072b2", "^"),
    "deep": ("#cc79a7", "D"),
    "graph": ("#e69f00", "v"),
}
_OTHER = (GREY, "o")
_MAX_TITLE_LENGTH = 30
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "svg.fonttype": "path",
}


@dataclass(frozen=True)
class MethodLook:
    """How a method appears in every figure.

    Attributes:
        title: its name, cut and free of formula signs.
        family: its family.
        colour: of its family.
        marker: of its family.
        is_ours: whether it is drawn to stand out.
    """

    title: str
    family: str
    colour: str
    marker: str
    is_ours: bool

    @property
    def size(self) -> float:
        """Side of its marker in points; a star looks smaller than a disc."""
        return 11.0 if self.marker == "*" else 6.0

    @property
    def line(self) -> float:
        """Width of its line in points."""
        return 2.2 if self.is_ours else 1.3

    @property
    def weight(self) -> str:
        """Weight of its name."""
        return "bold" if self.is_ours else "normal"


@dataclass(frozen=True)
class Rendered:
    """A figure as files.

    Attributes:
        name: of the figure, also of its files.
        svg: content of the SVG file.
        png: content of the PNG file, 150 dots per inch.
        width: in inches.
        height: in inches.
    """

    name: str
    svg: bytes
    png: bytes
    width: float
    height: float


def looks_of(run: BenchmarkRun, *, ours: str) -> dict[str, MethodLook]:
    """Return how each method of a run is drawn, by stable name."""
    families = {facts.name: facts.family for facts in run.methods}
    looks = {}
    for name, title in titles_of(run).items():
        family = families.get(name, "")
        colour, marker = _FAMILIES.get(family, _OTHER)
        is_ours = name == ours
        looks[name] = MethodLook(short(title), family, colour, marker, is_ours)
    return looks


def draw_intervals(
    axes: "Axes",
    places: npt.ArrayLike,
    middle: npt.ArrayLike,
    low: npt.ArrayLike,
    high: npt.ArrayLike,
) -> None:
    """Draw differences with their intervals beside a line at 0.

    Green is an interval above 0, orange one below, grey one that covers it.

    Args:
        axes: where to draw.
        places: height of each.
        middle: the differences.
        low: lower ends of the intervals.
        high: upper ends.
    """
    colours = [
        _BETTER if a > 0 else _WORSE if b < 0 else GREY
        for a, b in zip(np.asarray(low), np.asarray(high), strict=True)
    ]
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.hlines(places, low, high, colors=colours, linewidth=2)
    axes.scatter(middle, places, s=26, c=colours, zorder=3)


def plain(text: str) -> str:
    """Return a text that matplotlib does not read as a formula."""
    return text.replace("$", r"\$")


def short(text: str, length: int = _MAX_TITLE_LENGTH) -> str:
    """Return a text of at most ``length`` signs that is not read as a formula."""
    return plain(text if len(text) <= length else f"{text[: length - 1]}…")


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of that many inches, outside of any global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def render(name: str, draw: "Callable[[], Figure]") -> Rendered:
    """Draw a figure in the report's style; the same figure gives the same bytes.

    Args:
        name: of the figure; enters the ids of the SVG, so that two can stand in one
            page.
        draw: makes the figure.

    Returns:
        Both files, without date or version of the drawing library.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_drawing()
    from matplotlib import rc_context

    svg, png = BytesIO(), BytesIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = draw()
        figure.savefig(svg, format="svg", metadata=nothing)
        figure.savefig(png, format="png", dpi=150, metadata={"Software": None})
    width, height = figure.get_size_inches()
    return Rendered(name, svg.getvalue(), png.getvalue(), float(width), float(height))


def strip_axes(axes: "Axes", *, grid: str | None = None) -> None:
    """Take away what carries no information and draw a pale grid."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_axisbelow(True)
    if grid == "x":
        axes.grid(axis="x", color=LIGHT, linewidth=0.6)
    elif grid == "both":
        axes.grid(color=LIGHT, linewidth=0.6)


def add_family_legend(
    figure: "Figure", looks: Sequence[MethodLook], *, n_columns: int = 6
) -> None:
    """Name the colours and markers of the families that are drawn, below the axes."""
    from matplotlib.lines import Line2D

    seen = {look.family: look for look in looks}
    order = [*_FAMILIES, *(f for f in seen if f not in _FAMILIES)]
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=seen[family].marker,
            markersize=seen[family].size,
            color=seen[family].colour,
            label=family or "other",
        )
        for family in order
        if family in seen
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(n_columns, len(handles)),
        frameon=False,
        fontsize=8,
        handletextpad=0.1,
        columnspacing=1.0,
    )


def add_method_legend(figure: "Figure", looks: Sequence[MethodLook]) -> None:
    """Name the lines that are drawn, below the axes."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            marker=look.marker,
            markersize=look.size,
            color=look.colour,
            linewidth=look.line,
            label=look.title,
        )
        for look in looks
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(4, len(handles)),
        frameon=False,
        fontsize=8.5,
    )
