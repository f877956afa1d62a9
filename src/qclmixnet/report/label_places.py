"""Places for the names of points, so that no name covers another name or a point."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Box", "free_places", "write_names"]

Box = tuple[float, float, float, float]
"""Left, bottom, right and top of a rectangle in one common unit."""

_DISTANCES = (8, 12, 18, 24, 31, 40, 50, 62, 76, 92, 110, 130, 155, 185)
_N_ANGLES = 24


def free_places(
    points: npt.NDArray[np.float64],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    *,
    unit: float = 1.0,
    line: npt.NDArray[np.float64] | None = None,
) -> list[Box]:
    """Find a rectangle near each point that is free of the others.

    Crowded points choose first. Where there is no free place within reach, the one
    with the least covered area is taken.

    Args:
        points: places of the points, shape (n, 2).
        sizes: width and height of each name.
        frame: where names may be.
        unit: length of one typographic point in the unit of the others.
        line: corners of a line that names keep clear of, shape (m, 2).

    Returns:
        One rectangle per point.
    """
    pad = 3.5 * unit
    taken = [(x - pad, y - pad, x + pad, y + pad) for x, y in points]
    if line is not None:
        taken += _beads(line, unit)
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    crowded = np.argsort(np.sort(gaps, axis=1)[:, : min(5, len(points))].sum(axis=1))
    found: dict[int, Box] = {}
    for index in crowded.tolist():
        candidates = _candidates(points[index], sizes[index], unit)
        costs = []
        for box in candidates:
            cost = sum(_overlap(box, other) for other in taken) + _outside(box, frame)
            costs.append(cost)
            if cost == 0:
                break
        best = candidates[int(np.argmin(costs))]
        found[index] = best
        taken.append(best)
    return [found[index] for index in range(len(points))]


def _beads(line: npt.NDArray[np.float64], unit: float) -> list[Box]:
    """Cover a line with small squares."""
    boxes = []
    for start, end in pairwise(line):
        n_steps = max(1, int(np.linalg.norm(end - start) / (3 * unit)))
        for share in np.linspace(0, 1, n_steps + 1):
            x, y = (start + share * (end - start)).tolist()
            boxes.append((x - unit, y - unit, x + unit, y + unit))
    return boxes


def _candidates(
    point: npt.NDArray[np.float64], size: tuple[float, float], unit: float
) -> list[Box]:
    """List rectangles around a point, nearest first, to the right before the left."""
    (x, y), (width, height) = point, size
    boxes = []
    for distance in _DISTANCES:
        for step in range(_N_ANGLES):
            # 0, 1, -1, 2, -2 ... steps from the right.
            turn = (step + 1) // 2 * (1 if step % 2 else -1)
            angle = 2 * np.pi * turn / _N_ANGLES
            dx, dy = np.cos(angle), np.sin(angle)
            centre_x = x + dx * (distance * unit + width / 2 * abs(dx))
            centre_y = y + dy * (distance * unit + height / 2 * abs(dy))
            if abs(dx) < 0.2:
                centre_x = x
            left, bottom = centre_x - width / 2, centre_y - height / 2
            boxes.append(
                (
                    float(left),
                    float(bottom),
                    float(left + width),
                    float(bottom + height),
                )
            )
    return boxes


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _outside(box: Box, frame: Box) -> float:
    area = (box[2] - box[0]) * (box[3] - box[1])
    return 4 * (area - _overlap(box, frame))


def write_names(
    axes: "Axes",
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    weights: Sequence[str],
    *,
    avoid: Sequence[tuple[float, float]] = (),
    fontsize: float = 8,
) -> None:
    """Write a name beside each point, with a thin line where it stands apart.

    The limits of the axes must be final, since places are found in pixels.

    Args:
        axes: where to; its figure must be drawn by an Agg canvas.
        points: in data units.
        names: one per point.
        weights: of the letters, one per point.
        avoid: corners of a line that names keep clear of, in data units.
        fontsize: in points.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None  # axes come from a figure
    # Drawing settles the layout; from here on it stays, whatever the resolution.
    figure.canvas.draw()
    figure.set_layout_engine("none")
    unit = figure.get_dpi() / 72
    texts = [
        axes.text(0, 0, name, fontsize=fontsize, fontweight=weight)
        for name, weight in zip(names, weights, strict=True)
    ]
    sizes = []
    for text in texts:
        extent = text.get_window_extent()
        sizes.append((extent.width + unit, extent.height + unit))
        text.remove()
    pixels = axes.transData.transform(np.array(points, dtype=float))
    area = axes.get_window_extent()
    frame = (area.x0, area.y0, area.x1, area.y1)
    line = axes.transData.transform(np.array(avoid, dtype=float)) if avoid else None
    places = free_places(pixels, sizes, frame, unit=unit, line=line)
    for (x, y), box, name, weight in zip(pixels, places, names, weights, strict=True):
        centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        near = np.clip([x, y], [box[0], box[1]], [box[2], box[3]])
        apart = np.hypot(*(near - [x, y])) > 9.5 * unit
        to_data = axes.transData.inverted().transform
        text_x, text_y = to_data(centre)
        if apart:
            (x0, y0), (x1, y1) = to_data((x, y)), to_data(near)
            axes.plot([x0, x1], [y0, y1], color="#8a8a8a", linewidth=0.6, zorder=1)
        axes.text(
            text_x,
            text_y,
            name,
            fontsize=fontsize,
            fontweight=weight,
            ha="center",
            va="center",
        )
