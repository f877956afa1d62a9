"""Reading KEEL ``.dat`` files: a header that states the attributes, then rows.

References:
    Alcala-Fdez et al., 2011, "KEEL Data-Mining Software Tool: Data Set Repository,
    Integration of Algorithms and Experimental Analysis Framework", Journal of
    Multiple-Valued Logic and Soft Computing 17.
"""

import re
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pandas as pd

from qclmixnet.core.errors import InputError
from qclmixnet.datasets.columns import as_number

__all__ = ["KeelHeader", "parse_keel_header", "read_keel"]

MISSING_MARKS = ("?", "<null>")


@dataclass(frozen=True)
class KeelHeader:
    """What the header of a KEEL file states.

    Attributes:
        names: the attributes in the order of the columns.
        categories: the attributes declared by a ``{...}`` list of levels.
        target: the attribute of ``@output`` or ``@outputs``, else the last one.
    """

    names: tuple[str, ...]
    categories: frozenset[str]
    target: str


def parse_keel_header(header: str) -> KeelHeader:
    r"""Read the lines before ``@data``.

    Args:
        header: those lines; other directives and comments are passed over.

    Returns:
        The attributes, which of them are categories, and the target.

    Raises:
        InputError: no attribute is declared, or the output is not one single
            declared attribute.

    >>> parse_keel_header("@attribute a real [0, 1]\n@attribute b {x, y}").target
    'b'
    """
    names: list[str] = []
    categories: set[str] = set()
    outputs: list[str] = []
    for line in header.splitlines():
        directive, _, rest = line.strip().partition(" ")
        if directive.lower() == "@attribute":
            name, is_category = _parse_attribute(rest)
            names.append(name)
            if is_category:
                categories.add(name)
        elif directive.lower() in {"@output", "@outputs"}:
            outputs = [name.strip() for name in rest.split(",")]
    if not names:
        raise InputError("A KEEL header must declare at least one `@attribute`.")
    target = outputs[0] if outputs else names[-1]
    if len(outputs) > 1 or target not in names:
        raise InputError(
            f"A KEEL header must name one declared attribute as its output, got "
            f"{', '.join(outputs)!r}; declared are {', '.join(names)}."
        )
    return KeelHeader(tuple(names), frozenset(categories), target)


def _parse_attribute(rest: str) -> tuple[str, bool]:
    before_levels, brace, _ = rest.partition("{")
    if brace:
        return before_levels.strip().strip("'\""), True
    return rest.split(maxsplit=1)[0].strip("'\""), False


def read_keel(path: Path) -> tuple[pd.DataFrame, str]:
    """Read a KEEL file into a table and the name of its target column.

    Categories and the target come as text without surrounding blanks, all else as
    numbers; ``?`` and ``<null>`` are missing.

    Args:
        path: a ``.dat`` file in UTF-8.

    Returns:
        The whole table, target included, and the name of the target column.

    Raises:
        InputError: the header or a row does not follow the format; the message
            names the file and the line.
    """
    text = path.read_text(encoding="utf-8")
    # No "$": the match must end the line of "@data", whatever follows it there.
    parts = re.split(r"(?im)^@data[^\n]*\n", text, maxsplit=1)
    if len(parts) != 2:
        raise InputError(f"{str(path)!r} has no `@data` line; is it a KEEL file?")
    header, rows = parts
    try:
        facts = parse_keel_header(header)
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from error
    _check_field_counts(path, rows, header.count("\n") + 2, len(facts.names))
    frame = pd.read_csv(
        StringIO(rows),
        names=list(facts.names),
        dtype=object,
        skipinitialspace=True,
        keep_default_na=False,
        na_values=[mark + blanks for mark in MISSING_MARKS for blanks in ("", " ")],
    )
    for name in facts.names:
        if name in facts.categories or name == facts.target:
            frame[name] = frame[name].str.strip().astype(object)
        else:
            frame[name] = _read_numbers(path, frame[name])
    return frame, facts.target


def _check_field_counts(path: Path, rows: str, first_line: int, n_fields: int) -> None:
    for number, line in enumerate(rows.splitlines(), start=first_line):
        if line.strip() and line.count(",") != n_fields - 1:
            raise InputError(
                f"{str(path)!r}, line {number}: expected {n_fields} values, "
                f"got {line.count(',') + 1}."
            )


def _read_numbers(path: Path, values: pd.Series) -> pd.Series:
    try:
        return as_number(values)
    except ValueError as error:
        raise InputError(
            f"{str(path)!r}: attribute {values.name!r} is declared as a number, but "
            f"{error}."
        ) from error
