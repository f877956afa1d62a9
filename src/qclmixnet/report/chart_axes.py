"""Axes of the inline charts: places, ticks, and how numbers and names are written."""

from dataclasses import dataclass

__all__ = ["Axis", "Frame", "axis_marks", "nice_top", "number", "shortened"]


@dataclass(frozen=True)
class Frame:
    """A chart and the margins around its drawing, in pixels.

    Attributes:
        width: of all.
        height: of all.
        left: margin.
        right: margin.
        top: margin.
        bottom: margin.
    """

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int


@dataclass(frozen=True)
class Axis:
    """From values to pixels.

    Attributes:
        least: value at the start.
        most: value at the end, above `least`.
        low: pixel of the start.
        high: pixel of the end.
    """

    least: float
    most: float
    low: float
    high: float

    def place(self, value: float) -> float:
        """Return the pixel of a value; one beyond an end lies on it.

        >>> Axis(0.0, 1.0, 100, 0).place(0.25), Axis(0.0, 1.0, 100, 0).place(7.0)
        (75.0, 0.0)
        """
        share = (value - self.least) / (self.most - self.least)
        return self.low + min(max(share, 0.0), 1.0) * (self.high - self.low)

    def ticks(self) -> list[float]:
        """Return the values that are written beside an axis from 0."""
        return [self.most * part / 5 for part in range(6)]


def axis_marks(
    frame: Frame, across: Axis, up: Axis, *, x_name: str, y_name: str
) -> list[str]:
    """Return grid, ticks and names of two axes.

    Args:
        frame: the chart.
        across: the axis below.
        up: the axis at the left.
        x_name: what the axis below shows.
        y_name: what the axis at the left shows.

    Returns:
        SVG elements, the names escaped.
    """
    from markupsafe import escape

    parts = []
    for value in up.ticks():
        y = number(up.place(value))
        parts.append(
            f'<line class="grid" x1="{frame.left}" x2="{number(across.high)}" '
            f'y1="{y}" y2="{y}"/><text class="tick" x="{frame.left - 8}" y="{y}" '
            f'dy="4" text-anchor="end">{value:g}</text>'
        )
    for value in across.ticks():
        x = number(across.place(value))
        parts.append(
            f'<text class="tick" x="{x}" y="{number(up.low + 18)}" '
            f'text-anchor="middle">{value:g}</text>'
        )
    middle_x = number((across.low + across.high) / 2)
    middle_y = number((up.low + up.high) / 2)
    parts += [
        f'<line class="axis" x1="{frame.left}" x2="{number(across.high)}" '
        f'y1="{number(up.low)}" y2="{number(up.low)}"/>',
        f'<text x="{middle_x}" y="{frame.height - 10}" text-anchor="middle">'
        f"{escape(x_name)}</text>",
        f'<text x="16" y="{middle_y}" text-anchor="middle" '
        f'transform="rotate(-90 16 {middle_y})">{escape(y_name)}</text>',
    ]
    return parts


def nice_top(value: float) -> float:
    """Return the end of an axis from 0 that holds `value`, at most 1.

    >>> [nice_top(value) for value in (0.0, 0.013, 0.12, 0.3, 0.7)]
    [0.05, 0.05, 0.2, 0.5, 1.0]
    """
    return next((top for top in (0.05, 0.1, 0.2, 0.5) if value <= top), 1.0)


def number(value: float) -> str:
    """Write a pixel: a tenth is finer than can be seen.

    >>> number(12.04), number(3.0), number(0.25)
    ('12', '3', '0.2')
    """
    return f"{value:.1f}".removesuffix(".0")


def shortened(text: str, most: int) -> str:
    """Cut a text to so many letters, the last of them an ellipsis.

    >>> shortened("petal length", 8), shortened("petal", 8)
    ('petal l…', 'petal')
    """
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
