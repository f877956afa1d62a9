"""A table of the report and its four faces: page, CSV, Markdown and LaTeX."""

import html
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

__all__ = ["Cell", "Column", "ReportTable"]

_NOTHING = "-"


@dataclass(frozen=True)
class Column:
    """How a column of a table is shown.

    Attributes:
        key: its name in the data.
        heading: its name for people.
        digits: after the decimal point, or None for significant digits (times).
        interval: names of the columns with the ends of its interval, if any.
        best: which value is set bold on the page.
        signed: write a plus before positive numbers.
        is_p_value: write small values as an upper bound.
    """

    key: str
    heading: str
    digits: int | None = 3
    interval: tuple[str, str] | None = None
    best: Literal["max", "min", ""] = ""
    signed: bool = False
    is_p_value: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell as the page shows it.

    Attributes:
        text: what is read.
        sort: what the column is sorted by; empty cells stay last.
        is_number: set flush right.
        is_best: set bold.
    """

    text: str
    sort: str
    is_number: bool
    is_best: bool


@dataclass(frozen=True)
class ReportTable:
    """A table of the report.

    Attributes:
        name: of its files.
        title: its caption.
        data: the numbers in full, as the CSV file has them.
        columns: what is shown of them, in this order; the first names the row.
        note: a sentence below it.
        marked: rows to highlight, one truth value per row.
        on_page: if False the table is only written as files.
    """

    name: str
    title: str
    data: pd.DataFrame
    columns: tuple[Column, ...]
    note: str = ""
    marked: tuple[bool, ...] = ()
    on_page: bool = True

    def texts(self) -> list[list[str]]:
        """Return the cells as text, without the headings."""
        rows = self.data.to_dict("records")
        return [[_text(row, column) for column in self.columns] for row in rows]

    def rows(self) -> list[tuple[bool, list[Cell]]]:
        """Return for each row whether it is highlighted, and its cells."""
        records = self.data.to_dict("records")
        best = {column.key: self._best_text(column) for column in self.columns}
        marked = self.marked or (False,) * len(records)
        shown = []
        for record, is_marked in zip(records, marked, strict=True):
            cells = []
            for column in self.columns:
                value, text = record[column.key], _text(record, column)
                is_number = _is_number(value)
                sort = _sort_key(value) if is_number else text
                is_best = is_number and text == best[column.key] != _NOTHING
                cells.append(Cell(text, sort, is_number, is_best))
            shown.append((is_marked, cells))
        return shown

    def _best_text(self, column: Column) -> str:
        values = pd.to_numeric(self.data[column.key], errors="coerce").dropna()
        if not column.best or values.nunique() < 2:
            return ""
        value = values.max() if column.best == "max" else values.min()
        place = values.index[values == value][0]
        return _text(dict(self.data.loc[place]), column)

    def csv(self) -> str:
        """Return all columns of the data in full precision."""
        return self.data.to_csv(index=False, lineterminator="\n")

    def markdown(self) -> str:
        """Return what the page shows as a Markdown table under its title."""
        heads = [_for_markdown(column.heading) for column in self.columns]
        rules = ["---", *("--:" for _ in heads[1:])]
        body = [[_for_markdown(text) for text in row] for row in self.texts()]
        lines = ["| " + " | ".join(row) + " |" for row in [heads, rules, *body]]
        note = ["", _for_markdown(self.note)] if self.note else []
        title = f"**{_for_markdown(self.title)}**"
        return "\n".join([title, "", *lines, *note]) + "\n"

    def latex(self) -> str:
        """Return what the page shows as a LaTeX table with booktabs rules."""
        return _latex(
            [column.heading for column in self.columns], self.texts(), self.title
        )


def _text(row: Mapping[Hashable, object], column: Column) -> str:
    value = row[column.key]
    if not _is_number(value):
        return _NOTHING if value is None or value == "" else str(value)
    number = float(value)  # type: ignore[arg-type]
    if math.isnan(number):
        return _NOTHING
    write = _writer(value, column)
    if column.interval is None:
        return write(number)
    ends = [float(row[key]) for key in column.interval]  # type: ignore[arg-type]
    if any(math.isnan(end) for end in ends):
        return write(number)
    return f"{write(number)} ({write(ends[0])} to {write(ends[1])})"


def _writer(value: object, column: Column) -> Callable[[float], str]:
    if column.is_p_value:
        return lambda number: "< 0.001" if number < 0.001 else f"{number:.3f}"
    if isinstance(value, int):
        return lambda number: f"{int(number):,}"
    if column.digits is None:
        return _three_digits
    sign = "+" if column.signed else ""
    # Adding 0.0 turns minus zero into zero.
    return lambda number: (
        f"{round(number, column.digits) + 0.0:{sign}.{column.digits}f}"
    )


def _three_digits(number: float) -> str:
    """Write a time or size with three significant digits and no exponent."""
    if number == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(number))))
    return f"{number:,.{min(digits, 5)}f}"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _sort_key(value: object) -> str:
    number = float(value)  # type: ignore[arg-type]
    return "" if math.isnan(number) else repr(number)


def _for_markdown(text: str) -> str:
    """Return a text that stands as it is in a Markdown cell."""
    flat = html.escape(" ".join(text.split()), quote=False)
    for sign in "\\|*_`":
        flat = flat.replace(sign, f"\\{sign}")
    return flat


def _for_latex(text: str) -> str:
    names = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
    names |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
    return "".join(names.get(sign, sign) for sign in text)


def _latex(heads: Sequence[str], body: Sequence[Sequence[str]], title: str) -> str:
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_for_latex(title)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
        r"\toprule",
        *(
            " & ".join(_for_latex(" ".join(text.split())) for text in row) + r" \\"
            for row in [heads, *body]
        ),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    lines.insert(6, r"\midrule")
    return "\n".join(lines) + "\n"
