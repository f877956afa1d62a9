"""What goes into an exported model: one vector for each column, by its name."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from qclmixnet.export.graph import INNER
from qclmixnet.preprocessing import TableEncoder
from qclmixnet.table import Kind, Schema, Table

__all__ = ["InputColumn", "as_inputs", "input_columns"]

_SECOND = np.timedelta64(1, "s") / np.timedelta64(1, "us")


@dataclass(frozen=True)
class InputColumn:
    """One input of an exported model.

    Attributes:
        column: the column of the table.
        input: the input's name, which is the column's unless an output has it.
        kind: how the column is understood.
        tensor: type of the input: "double" or "string".
        missing: the text that stands for a missing category; None for the other kinds,
            where NaN does.
    """

    column: str
    input: str
    kind: Kind
    tensor: Literal["double", "string"]
    missing: str | None

    def to_dict(self) -> dict[str, object]:
        """Return the input fit for JSON."""
        return asdict(self)


def input_columns(
    schema: Schema, encoder: TableEncoder, *, reserved: Collection[str]
) -> tuple[InputColumn, ...]:
    """Return the inputs of a model, in the order of the training table.

    Args:
        schema: the columns of the training table.
        encoder: knows the levels of the categories.
        reserved: names that no input may have.

    Returns:
        One for each column that is used.
    """
    levels = {
        column.name: {*column.levels, *(column.rare or ())}
        for column in encoder.category_columns
    }
    taken, out = set(reserved), []
    for position, column in enumerate(schema.used):
        name = column.name
        if not name or name.startswith(INNER):
            name = f"column {position} {name}".strip()
        while name in taken:
            name = f"{name} (column)"
        taken.add(name)
        if column.kind == "category":
            missing = _unused_text(levels[column.name])
            out.append(InputColumn(column.name, name, "category", "string", missing))
        else:
            out.append(InputColumn(column.name, name, column.kind, "double", None))
    return tuple(out)


def _unused_text(levels: Collection[str]) -> str:
    """Return the empty text, or one in its place where it is a level."""
    text = ""
    while text in levels:
        text = f"<missing{text}>"
    return text


def as_inputs(
    table: Table, columns: Collection[InputColumn]
) -> Mapping[str, np.ndarray]:
    """Return what an exported model is given for a checked table.

    Args:
        table: read by the schema of the model.
        columns: the inputs of the model.

    Returns:
        One vector for each input.

    >>> columns = [InputColumn("day", "day", "date", "double", None)]
    >>> table = Table({"day": np.array(["1970-01-02", "NaT"], dtype="M8[us]")}, 2)
    >>> as_inputs(table, columns)
    {'day': array([86400.,    nan])}
    """
    out: dict[str, np.ndarray] = {}
    for column in columns:
        values = table.columns[column.column]
        if column.kind == "date":
            since_1970 = values.astype(np.int64) / _SECOND
            values = np.where(np.isnat(values), np.nan, since_1970)
        elif column.missing is not None:
            missing = np.array([value is None for value in values], dtype=bool)
            values = np.where(missing, column.missing, values).astype(object)
        out[column.input] = values
    return out
