"""From a training table to its schema: what kind each column is.

The kinds, first match wins:

* constant: the same present value in every row, or missing in every row. A column of
  one value plus holes is not constant: the holes are information.
* number, boolean, date, category: by dtype; columns of Python objects by their cells.
* date, for plain texts: every present text is an ISO 8601 date (``YYYY-MM-DD``, with
  or without a time), because CSV and JSON have no date type and must give the same
  result as Parquet. A category dtype stays a category.
* id: at least 50 rows, none missing, and either texts that all differ or integers that
  all differ and fill at least a third of their range, in any order: a row number, also
  after rows were shuffled or split. Floats are never ids.
"""

import numpy as np
import pandas as pd

from qclmixnet.core.errors import InputError
from qclmixnet.table.columns import PlainColumn
from qclmixnet.table.problems import Problem, quoted, raise_problems
from qclmixnet.table.schema import ColumnSchema, Kind, Schema, Table
from qclmixnet.table.source import open_table
from qclmixnet.table.text import text_to_dates

__all__ = ["MIN_ROWS_FOR_ID", "infer_schema", "read_training_table"]

MIN_ROWS_FOR_ID = 50
"""Below this many rows, differing values prove nothing."""


def infer_schema(X: object) -> Schema:
    """Decide the kind of every column of a training table.

    Args:
        X: a pandas, polars or pyarrow table, a 2-D array or a list of rows.

    Returns:
        The kind of each column, in the table's order.

    Raises:
        InputError: a column cannot be used (all are named), or none is left to use.

    >>> infer_schema({"a": [1]})
    Traceback (most recent call last):
        ...
    qclmixnet.core.errors.InputTypeError: `X` must be a pandas, polars or pyarrow \
table, a 2-D NumPy array or a list of rows, got dict; wrap it in pandas.DataFrame.
    >>> [c.kind for c in infer_schema([[1, "a", True], [2, "b", None]]).columns]
    ['number', 'category', 'boolean']
    """
    return read_training_table(X)[0]


def read_training_table(X: object) -> tuple[Schema, Table]:
    """Infer the schema and read the table by it, each column converted only once.

    Args:
        X: a table as for ``infer_schema``.

    Returns:
        The schema, and the table as ``read_table`` would give it.

    Raises:
        InputError: a column cannot be used (all are named), or none is left to use.
    """
    source = open_table(X)
    problems: list[Problem] = []
    schema: list[ColumnSchema] = []
    columns: dict[str, np.ndarray] = {}
    for position in range(len(source.names)):
        column = source.read(position)
        if isinstance(column, Problem):
            problems.append(column)
            continue
        kind, values = _kind_of(column)
        schema.append(ColumnSchema(column.name, kind, column.dtype))
        if kind not in ("constant", "id"):
            columns[column.name] = values
        infinite = infinity_problem(column.name, column.dtype, column.cells)
        if infinite is not None:
            problems.append(infinite)
    raise_problems(problems, len(source.names))
    if not columns:
        raise InputError(
            f"No column can be learned from in {source.n_rows} sample(s): "
            f"{quoted(source.names)} are constant (the same value in every row) or ids "
            "(row numbers, or texts that differ in every row); add a column that "
            "varies."
        )
    return Schema(tuple(schema)), Table(columns, source.n_rows)


def infinity_problem(name: str, dtype: str, values: np.ndarray) -> Problem | None:
    """Name a column of numbers that contains infinity; None when it does not."""
    if values.dtype != np.float64:
        return None
    is_infinite = np.isinf(values)
    if not is_infinite.any():
        return None
    rows = np.flatnonzero(is_infinite)
    return Problem(
        name,
        dtype,
        f"contains infinity in {len(rows)} row(s), first in row {rows[0]}; replace "
        "it by a missing value (NaN) or a finite limit",
    )


def _kind_of(column: PlainColumn) -> tuple[Kind, np.ndarray]:
    values = column.cells
    match column.content:
        case "missing":
            return "constant", values
        case "text" | "category":
            return _kind_of_texts(column)
    if _is_constant(values):
        return "constant", values
    if column.content == "integer":
        return ("id" if _number_rows(values) else "number"), values
    return column.content, values


def _kind_of_texts(column: PlainColumn) -> tuple[Kind, np.ndarray]:
    values = column.cells
    codes, levels = pd.factorize(values)
    has_holes = bool((codes < 0).any())
    if len(levels) == 0 or (len(levels) == 1 and not has_holes):
        return "constant", values
    if column.content == "text":
        dates, not_a_date = text_to_dates(values)
        if not_a_date is None:
            return "date", dates
    if len(levels) == len(values) >= MIN_ROWS_FOR_ID:
        return "id", values
    return "category", values


def _number_rows(values: np.ndarray) -> bool:
    """Whether integers look like row numbers, of which some rows may be gone.

    Independent draws from so narrow a range would repeat: the chance that 50 of them
    all differ is below 0.0003, and it falls as exp(-rows / 6).
    """
    n_rows = len(values)
    if n_rows < MIN_ROWS_FOR_ID or np.isnan(values).any():
        return False
    if values.max() - values.min() + 1 > 3 * n_rows:
        return False
    return len(np.unique(values)) == n_rows


def _is_constant(values: np.ndarray) -> bool:
    missing = np.isnan(values) if values.dtype.kind == "f" else np.isnat(values)
    return bool(missing.all() or (values == values[0]).all())
