"""The door at prediction time: a caller's table read by the schema of the training."""

import numpy as np

from qclmixnet.core.caller import warn_caller
from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.table.columns import PlainColumn
from qclmixnet.table.infer import infinity_problem
from qclmixnet.table.problems import Problem, quoted, raise_problems
from qclmixnet.table.schema import ColumnSchema, Schema, Table
from qclmixnet.table.source import Source, array_names, open_table
from qclmixnet.table.text import (
    level_text,
    missing_cells,
    text_to_dates,
    text_to_numbers,
)

__all__ = ["read_table"]

_EXPECTED = {
    "number": "a number",
    "boolean": "a boolean (True or False, 1 or 0)",
    "date": "a date (a date dtype, or ISO text such as '2024-12-31')",
    "category": "a category (text)",
}


def read_table(
    X: object, schema: Schema, *, estimator_name: str = "QCLMixNetClassifier"
) -> Table:
    """Read a table by the schema of the training table.

    Columns are found by name, in any order; constants and ids of the training table
    may be absent. Arrays go by position. Texts that all read as numbers (or as ISO
    dates) are accepted for a column of numbers (or dates), and numbers for a column of
    categories, written as levels are: ``1.0`` is level ``'1'``.

    Args:
        X: a table of any accepted flavour.
        schema: what ``infer_schema`` said about the training table.
        estimator_name: who is speaking, for the message on a wrong width.

    Returns:
        The columns that are learned from, each of the kind it had in training.

    Raises:
        InputError: columns are missing or unreadable; all of them are named.

    Warns:
        DataWarning: extra columns are ignored, or a table with names meets a training
            without names (or the reverse) and is read by position.
    """
    source = open_table(X)
    positions = _find_columns(source, schema, estimator_name)
    problems: list[Problem] = []
    columns: dict[str, np.ndarray] = {}
    for expected in schema.used:
        found = source.read(positions[expected.name])
        values = found if isinstance(found, Problem) else _convert(found, expected)
        if isinstance(values, Problem):
            problems.append(values)
        else:
            columns[expected.name] = values
    raise_problems(problems, len(source.names))
    return Table(columns, source.n_rows)


def _find_columns(
    source: Source, schema: Schema, estimator_name: str
) -> dict[str, int]:
    names = schema.names
    trained_on_array = names == array_names(len(names))
    strange = not set(names) & set(source.names)
    if source.is_array or (trained_on_array and strange):
        if len(source.names) != len(names):
            raise InputError(
                f"X has {len(source.names)} features, but {estimator_name} is "
                f"expecting {len(names)} features as input."
            )
        if source.is_array != trained_on_array:
            had, has = ("names", "none") if source.is_array else ("no names", "names")
            warn_caller(
                f"The training table had {had} for its columns and `X` has {has}: "
                "columns are read by position.",
                DataWarning,
            )
        return {name: position for position, name in enumerate(names)}
    positions = {name: position for position, name in enumerate(source.names)}
    missing = [c.name for c in schema.used if c.name not in positions]
    if missing:
        raise InputError(
            f"`X` lacks {len(missing)} of the {len(schema.used)} columns used in "
            f"training: {quoted(missing)}; it has {quoted(source.names)}. Add them "
            "(a column of missing values is allowed) or correct their names."
        )
    known = set(names)
    extra = [name for name in source.names if name not in known]
    if extra:
        warn_caller(
            f"Columns absent from the training table are ignored: {quoted(extra)}.",
            DataWarning,
        )
    return positions


def _convert(column: PlainColumn, expected: ColumnSchema) -> np.ndarray | Problem:
    """Values of the expected kind, or why they cannot be had."""
    values: np.ndarray | None
    example: str | None = None
    match expected.kind:
        case "category":
            values = _as_category(column)
        case "date":
            values, example = _as_date(column)
        case _:
            values, example = _as_number(column)
            if values is not None and expected.kind == "boolean":
                odd = values[~(np.isnan(values) | np.isin(values, (0.0, 1.0)))]
                example = example or (level_text(odd[0]) if len(odd) else None)
    if values is None or example is not None:
        shown = _example(column) if example is None else repr(example)
        return Problem(
            expected.name,
            column.dtype,
            f"must be {_EXPECTED[expected.kind]}, as in training "
            f"({expected.dtype}), got for example {shown}; correct the values or "
            "fit again",
        )
    return infinity_problem(expected.name, column.dtype, values) or values


def _as_number(column: PlainColumn) -> tuple[np.ndarray | None, str | None]:
    if column.content == "date":
        return None, None
    if column.content in ("text", "category"):
        return text_to_numbers(column.cells)
    return column.cells, None


def _as_date(column: PlainColumn) -> tuple[np.ndarray | None, str | None]:
    match column.content:
        case "date":
            return column.cells, None
        case "text" | "category":
            return text_to_dates(column.cells)
        case "missing":
            missing = np.datetime64("NaT")
            return np.full(len(column.cells), missing, dtype="datetime64[us]"), None
    return None, None


def _as_category(column: PlainColumn) -> np.ndarray | None:
    match column.content:
        case "text" | "category":
            return column.cells
        case "date":
            return None
    numbers, codes = np.unique(column.cells, return_inverse=True)
    as_truth = column.content == "boolean"
    levels = [
        None if np.isnan(n) else str(bool(n)) if as_truth else level_text(n)
        for n in numbers
    ]
    return np.array(levels, dtype=object)[codes]


def _example(column: PlainColumn) -> str:
    present = column.cells[~missing_cells(column.cells)]
    return repr(str(present[0])) if len(present) else "missing values only"
