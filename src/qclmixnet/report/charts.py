"""Small charts as inline SVG: lines with bands, and bars.

A chart is readable without sight and without a mouse: it carries a sentence as its
label, a text at each mark, and the same numbers as a table. Colours are names of
classes that the page's style sheet knows, so that a page can be dark; lines differ in
their dashes and symbols as well. Whatever comes from a table is escaped here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isfinite

from qclmixnet.report.chart_axes import Axis, Frame, axis_marks, number, shortened
from qclmixnet.report.numbers_table import NumbersTable

__all__ = ["Bar", "BarChart", "Line", "LineChart", "bar_svg", "line_svg"]

_FRAME = Frame(width=440, height=330, left=52, right=14, top=38, bottom=46)
_DASHES = ("", "7 4", "2 3")
_SYMBOLS = ("circle", "square", "diamond")
_BAR_HEIGHT, _LABEL_WIDTH, _VALUE_WIDTH = 26, 150, 88
_MOST_LETTERS = 20
_LETTER_WIDTH, _LEGEND_HEIGHT = 7.0, 20


@dataclass(frozen=True)
class Line:
    """One line of a chart.

    Attributes:
        name: what it shows.
        y: its height at each of the chart's places; NaN leaves a gap.
        band: lower and upper end of its interval at each place, if it has one.
    """

    name: str
    y: tuple[float, ...]
    band: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class LineChart:
    """Lines over the same places.

    Attributes:
        key: tells the charts of a page apart.
        caption: what is seen, a phrase; stands below the chart.
        label: what it shows, a sentence for who cannot see it.
        x: the places, rising.
        x_name: what they are.
        y_name: what the heights are.
        lines: one to three.
        texts: what is said at each place.
        numbers: the same as a table.
        top: end of both axes, above 0.
        diagonal: name of the line from corner to corner; empty for none.
        upright: place of an upright line, None for none.
        upright_name: its name.
        dots: mark the places of the lines, for lines of few places.
    """

    key: str
    caption: str
    label: str
    x: tuple[float, ...]
    x_name: str
    y_name: str
    lines: tuple[Line, ...]
    texts: tuple[str, ...]
    numbers: NumbersTable
    top: float = 1.0
    diagonal: str = ""
    upright: float | None = None
    upright_name: str = ""
    dots: bool = False


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        name: what it stands for.
        value: its length; below 0 it goes to the left.
        shown: the value as it is written beside it.
        text: what is said of it.
    """

    name: str
    value: float
    shown: str
    text: str


@dataclass(frozen=True)
class BarChart:
    """Bars that lie, one below the other.

    Attributes:
        key: tells the charts of a page apart.
        caption: what is seen, a phrase; stands below the chart.
        label: what it shows, a sentence for who cannot see it.
        bars: from top to bottom, at least one.
        numbers: the same as a table.
    """

    key: str
    caption: str
    label: str
    bars: tuple[Bar, ...]
    numbers: NumbersTable


def line_svg(chart: LineChart) -> str:
    """Draw lines.

    Args:
        chart: what to draw.

    Returns:
        An ``svg`` element; whatever the chart says is escaped.
    """
    legend, n_lines = _legend(chart)
    frame = replace(_FRAME, top=_FRAME.top + (n_lines - 1) * _LEGEND_HEIGHT)
    across = Axis(0.0, chart.top, frame.left, frame.width - frame.right)
    up = Axis(0.0, chart.top, frame.height - frame.bottom, frame.top)
    parts = [_start(chart.label, frame.width, frame.height)]
    parts += axis_marks(frame, across, up, x_name=chart.x_name, y_name=chart.y_name)
    if chart.diagonal:
        ends = f'x1="{number(across.low)}" y1="{number(up.low)}" '
        ends += f'x2="{number(across.high)}" y2="{number(up.high)}"'
        parts.append(f'<line class="reference" {ends}/>')
    if chart.upright is not None:
        x = number(across.place(chart.upright))
        parts.append(
            f'<line class="upright" x1="{x}" x2="{x}" y1="{up.high}" y2="{up.low}"/>'
        )
    for place, line in enumerate(chart.lines):
        parts += _line(chart, line, place, across, up)
    parts += legend
    parts += _targets(chart, frame, across, up)
    parts.append("</svg>")
    return "\n".join(parts)


def _start(label: str, width: float, height: float) -> str:
    from markupsafe import escape

    return (
        f'<svg viewBox="0 0 {number(width)} {number(height)}" role="img" '
        f'aria-label="{escape(label)}">'
    )


def _line(
    chart: LineChart, line: Line, place: int, across: Axis, up: Axis
) -> list[str]:
    """Return band, path and dots of one line."""
    parts = []
    style = f"series-{place}"
    if line.band:
        over = [
            f"{number(across.place(x))},{number(up.place(high))}"
            for x, (_, high) in zip(chart.x, line.band, strict=True)
        ]
        under = [
            f"{number(across.place(x))},{number(up.place(low))}"
            for x, (low, _) in zip(chart.x, line.band, strict=True)
        ]
        points = " ".join([*over, *reversed(under)])
        parts.append(f'<polygon class="band {style}" points="{points}"/>')
    dashes = f' stroke-dasharray="{_DASHES[place]}"' if _DASHES[place] else ""
    path = _path(chart.x, line.y, across, up)
    parts.append(f'<path class="line {style}" d="{path}"{dashes}/>')
    if chart.dots:
        parts += [
            _symbol(across.place(x), up.place(y), place)
            for x, y in zip(chart.x, line.y, strict=True)
            if isfinite(y)
        ]
    return parts


def _path(xs: Sequence[float], ys: Sequence[float], across: Axis, up: Axis) -> str:
    steps, pen_down = [], False
    for x, y in zip(xs, ys, strict=True):
        if isfinite(y):
            letter = "L" if pen_down else "M"
            steps.append(f"{letter}{number(across.place(x))} {number(up.place(y))}")
        pen_down = isfinite(y)
    return "".join(steps)


def _symbol(x: float, y: float, place: int, size: float = 4.0) -> str:
    style = f'class="dot series-{place}"'
    if _SYMBOLS[place] == "circle":
        return f'<circle {style} cx="{number(x)}" cy="{number(y)}" r="{size}"/>'
    turn = f' transform="rotate(45 {number(x)} {number(y)})"' if place == 2 else ""
    return (
        f'<rect {style} x="{number(x - size)}" y="{number(y - size)}" '
        f'width="{2 * size}" height="{2 * size}"{turn}/>'
    )


def _legend(chart: LineChart) -> tuple[list[str], int]:
    """Name the lines above the chart; also return how many lines of text that takes."""
    from markupsafe import escape

    entries = [
        (line.name, f"line series-{k}", _DASHES[k], k)
        for k, line in enumerate(chart.lines)
    ]
    if chart.diagonal:
        entries.append((chart.diagonal, "reference", "", -1))
    if chart.upright is not None:
        entries.append((chart.upright_name, "upright", "", -1))
    x, y, parts = float(_FRAME.left), 14, []
    for name, style, dash, place in entries:
        shown = shortened(name, 2 * _MOST_LETTERS)
        width = 30 + _LETTER_WIDTH * len(shown) + 12
        if x + width > _FRAME.width and x > _FRAME.left:
            x, y = float(_FRAME.left), y + _LEGEND_HEIGHT
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        parts.append(
            f'<line class="{style}" x1="{number(x)}" x2="{number(x + 24)}" y1="{y}" '
            f'y2="{y}"{dashes}/>'
        )
        if place >= 0 and chart.dots:
            parts.append(_symbol(x + 12, y, place))
        parts.append(f'<text x="{number(x + 30)}" y="{y + 4}">{escape(shown)}</text>')
        x += width
    return parts, (y - 14) // _LEGEND_HEIGHT + 1


def _targets(chart: LineChart, frame: Frame, across: Axis, up: Axis) -> list[str]:
    """Return upright strips, one for each place, that carry what is said there."""
    from markupsafe import escape

    places = [across.place(x) for x in chart.x]
    middles = [(a + b) / 2 for a, b in pairwise(places)]
    starts, ends = [across.low, *middles], [*middles, across.high]
    parts = []
    for place, start, end, text in zip(places, starts, ends, chart.texts, strict=True):
        parts.append(
            f'<g class="mark"><title>{escape(text)}</title>'
            f'<rect x="{number(start)}" y="{frame.top}" '
            f'width="{number(max(end - start, 0.1))}" '
            f'height="{number(up.low - up.high)}"/>'
            f'<line x1="{number(place)}" x2="{number(place)}" y1="{number(up.high)}" '
            f'y2="{number(up.low)}"/></g>'
        )
    return parts


def bar_svg(chart: BarChart) -> str:
    """Draw bars.

    Args:
        chart: what to draw.

    Returns:
        An ``svg`` element; whatever the chart says is escaped.
    """
    from markupsafe import escape

    width = _FRAME.width
    height = _BAR_HEIGHT * len(chart.bars) + 12
    least = min(0.0, *(bar.value for bar in chart.bars))
    most = max(0.0, *(bar.value for bar in chart.bars))
    # Where all is 0 the bars have no length, and the axis still needs one.
    most = most if most > least else 1.0
    room = _VALUE_WIDTH if least < 0 else 0
    axis = Axis(least, most, _LABEL_WIDTH + room, width - _VALUE_WIDTH)
    zero = axis.place(0.0)
    parts = [_start(chart.label, width, height)]
    for row, bar in enumerate(chart.bars):
        top = 6 + row * _BAR_HEIGHT
        end = axis.place(bar.value)
        left, long = min(zero, end), abs(end - zero)
        beside, anchor = (end + 6, "start") if bar.value >= 0 else (end - 6, "end")
        parts.append(
            f'<g class="mark"><title>{escape(bar.text)}</title>'
            f'<rect x="0" y="{top}" width="{width}" height="{_BAR_HEIGHT}"/>'
            f'<text class="name" x="{_LABEL_WIDTH - 8}" y="{top + 17}" '
            f'text-anchor="end">{escape(shortened(bar.name, _MOST_LETTERS))}</text>'
            f'<rect class="bar {"minus" if bar.value < 0 else "plus"}" '
            f'x="{number(left)}" y="{top + 4}" width="{number(max(long, 0.5))}" '
            f'height="{_BAR_HEIGHT - 8}"/>'
            f'<text x="{number(beside)}" y="{top + 17}" text-anchor="{anchor}">'
            f"{escape(bar.shown)}</text></g>"
        )
    parts.append(
        f'<line class="axis" x1="{number(zero)}" x2="{number(zero)}" y1="4" '
        f'y2="{height - 4}"/>'
    )
    parts.append("</svg>")
    return "\n".join(parts)
