"""Places in the charts are those of the numbers."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from qclmixnet.report.chart_axes import Axis, nice_top
from qclmixnet.report.charts import (
    Bar,
    BarChart,
    Line,
    LineChart,
    bar_svg,
    line_svg,
)
from qclmixnet.report.numbers_table import NumbersTable

NUMBERS = NumbersTable("", (), ())
HOSTILE = '"><script>alert(1)</script>&'


def line_chart(**changes: object) -> LineChart:
    settings: dict[str, object] = {
        "key": "k",
        "caption": HOSTILE,
        "label": HOSTILE,
        "x": (0.0, 0.5, 1.0),
        "x_name": HOSTILE,
        "y_name": HOSTILE,
        "lines": (Line(HOSTILE, (0.0, math.nan, 1.0), ((0.0, 0.2),) * 3),),
        "texts": (HOSTILE,) * 3,
        "numbers": NUMBERS,
        "diagonal": HOSTILE,
        "upright": 0.25,
        "upright_name": HOSTILE,
        "dots": True,
    }
    return LineChart(**{**settings, **changes})  # type: ignore[arg-type]


def test_texts_stay_texts() -> None:
    svgs = [
        line_svg(line_chart()),
        bar_svg(BarChart("k", "", HOSTILE, (Bar(HOSTILE, 1, "1", HOSTILE),), NUMBERS)),
    ]
    for svg in svgs:
        root = ET.fromstring(svg)
        assert root.get("aria-label") == HOSTILE
        assert not root.findall(".//script")
        assert HOSTILE in [each.text for each in root.findall(".//title")]


def test_a_line_goes_through_its_points_and_stops_at_gaps() -> None:
    svg = ET.fromstring(line_svg(line_chart()))
    (path,) = svg.findall("path")
    steps = re.findall(r"([ML])([\d.]+) ([\d.]+)", path.get("d") or "")
    assert [letter for letter, _, _ in steps] == ["M", "M"]
    dots = [each for each in svg.findall("circle") if float(each.get("cy", "0")) > 60]
    assert [(float(dot.get("cx", "0")), float(dot.get("cy", "0"))) for dot in dots] == [
        (float(x), float(y)) for _, x, y in steps if float(y) > 60
    ]


def test_targets_share_the_width_among_the_places() -> None:
    svg = ET.fromstring(line_svg(line_chart()))
    spans = [
        (float(rect.get("x", "0")), float(rect.get("width", "0")))
        for rect in (mark.find("rect") for mark in svg.findall("g"))
        if rect is not None
    ]
    assert [width for _, width in spans] == pytest.approx(
        [w * sum(each for _, each in spans) for w in (0.25, 0.5, 0.25)], abs=0.2
    )
    for (x, width), (following, _) in pairwise(spans):
        assert x + width == pytest.approx(following, abs=0.2)


def test_bars_are_as_long_as_their_values_and_turn_at_zero() -> None:
    values = (4.0, 2.0, -1.0, 0.0)
    bars = tuple(Bar(f"b{value}", value, "", "x") for value in values)
    svg = ET.fromstring(bar_svg(BarChart("k", "", "l", bars, NUMBERS)))
    drawn = [mark.findall("rect")[1] for mark in svg.findall("g")]
    lengths = [float(rect.get("width", "0")) for rect in drawn]
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=0.2)
    assert lengths[0] == pytest.approx(4 * lengths[2], abs=0.5)
    left = float(drawn[2].get("x", "0")) + lengths[2]
    assert left == pytest.approx(float(drawn[0].get("x", "0")), abs=0.2)
    assert drawn[2].get("class") == "bar minus"


def test_bars_of_nothing_can_be_drawn() -> None:
    svg = bar_svg(BarChart("k", "", "l", (Bar("a", 0.0, "0", "x"),), NUMBERS))
    assert "nan" not in svg


def test_a_long_legend_takes_more_lines() -> None:
    names = ("a fairly long name", "another long name", "and one more of them")
    chart = line_chart(lines=tuple(Line(name, (0.0, 0.5, 1.0)) for name in names))
    svg = ET.fromstring(line_svg(chart))
    ends = [
        float(text.get("x", "0")) + 7 * len(text.text or "")
        for text in svg.findall("text")
        if text.get("text-anchor") is None
    ]
    assert max(ends) < 440


def test_an_axis_holds_its_values() -> None:
    assert all(nice_top(v) >= v for v in (0.0, 0.05, 0.11, 0.49, 1.0))
    assert Axis(0.0, 2.0, 10, 110).place(1.0) == 60
