import csv
import io
import itertools
import re

import pandas as pd

from qclmixnet.report.tables import Column, ReportTable


def make_table() -> ReportTable:
    data = pd.DataFrame(
        {
            "title": ["<b>&|_100%", "plain"],
            "f1": [0.81249, 0.7],
            "low": [0.7, float("nan")],
            "high": [0.9, float("nan")],
            "rows": [12345, 2],
            "seconds": [0.00123, 4567.8],
            "p": [0.0001, 0.0421],
            "gain": [-0.00001, 0.25],
        }
    )
    columns = (
        Column("title", "method"),
        Column("f1", "macro-F1", interval=("low", "high"), best="max"),
        Column("rows", "rows"),
        Column("seconds", "fit s", None),
        Column("p", "p", is_p_value=True),
        Column("gain", "gain", signed=True),
    )
    return ReportTable("demo", "A title & more", data, columns, "A note.")


EXPECTED = [
    ["<b>&|_100%", "0.812 (0.700 to 0.900)", "12,345", "0.00123", "< 0.001", "+0.000"],
    ["plain", "0.700", "2", "4,568", "0.042", "+0.250"],
]


def test_cells_are_written_for_people() -> None:
    assert make_table().texts() == EXPECTED


def test_csv_keeps_the_numbers_in_full() -> None:
    rows = list(csv.DictReader(io.StringIO(make_table().csv())))
    assert [row["f1"] for row in rows] == ["0.81249", "0.7"]
    assert rows[0]["title"] == "<b>&|_100%"


def test_markdown_holds_the_same_cells_escaped() -> None:
    lines = make_table().markdown().splitlines()
    assert lines[2] == "| method | macro-F1 | rows | fit s | p | gain |"
    assert lines[4].startswith(r"| &lt;b&gt;&amp;\|\_100% | 0.812 (0.700 to 0.900) |")
    assert re.split(r"(?<!\\) ?\| ?", lines[5])[1:-1] == EXPECTED[1]


def test_latex_holds_the_same_cells_escaped() -> None:
    lines = make_table().latex().splitlines()
    assert lines[2] == r"\caption{A title \& more}"
    rules = [lines.index(rf"\{name}rule") for name in ("top", "mid", "bottom")]
    assert [b - a for a, b in itertools.pairwise(rules)] == [2, 3]
    body = lines[rules[1] + 1 : rules[2]]
    assert body[0].startswith(r"\textless{}b\textgreater{}\&|\_100\% & 0.812 ")
    assert body[1].removesuffix(r" \\").split(" & ") == EXPECTED[1]


def test_the_best_is_marked_as_printed_and_empty_cells_sort_apart() -> None:
    (_, first), (_, second) = make_table().rows()
    assert (first[1].is_best, second[1].is_best) == (True, False)
    assert float(first[2].sort) == 12345
    empty = ReportTable(
        "e", "E", pd.DataFrame({"x": [float("nan")]}), (Column("x", "x"),)
    )
    assert empty.rows()[0][1][0].sort == ""
    assert empty.texts() == [["-"]]
