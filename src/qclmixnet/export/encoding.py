"""The table encoder as a graph: raw columns in, what the networks see out.

Numbers stay in double precision until they are scaled, operation by operation as the
encoder does it, so that the scaled numbers are the same bits and no number falls on the
other side of a tree's threshold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qclmixnet.export.calendar import DateBlocks
from qclmixnet.export.graph import LEARNING, Graph, Value
from qclmixnet.export.inputs import InputColumn
from qclmixnet.preprocessing import DateColumn, LevelCodes, NumberColumn, TableEncoder
from qclmixnet.preprocessing.levels import MISSING, OTHER
from qclmixnet.preprocessing.scaling import CLIP

__all__ = ["EncodedValues", "encode_columns", "first_codes"]

# What onnxruntime makes of Python's own missing values in an array of objects.
_PYTHON_MISSING = ("None", "nan")

_Output = tuple[str, int]
"""A column, and which of the outputs that the encoder makes of it."""


@dataclass(frozen=True)
class EncodedValues:
    """The encoded table, as tensors of the graph.

    Attributes:
        by_column: float32 (columns, rows), or None without numeric columns.
        by_row: the same as (rows, columns).
        codes: int64 (categories, rows), or None without any: the code of each level,
            those of the second category counting on from the first, and so on.
    """

    by_column: Value | None
    by_row: Value | None
    codes: Value | None


def first_codes(cardinalities: Sequence[int]) -> np.ndarray:
    """Return where the codes of each category begin, and where they end.

    >>> first_codes([3, 2]).tolist()
    [0, 3, 5]
    """
    return np.array([0, *cardinalities], dtype=np.int64).cumsum()


def encode_columns(
    graph: Graph, encoder: TableEncoder, columns: Sequence[InputColumn]
) -> EncodedValues:
    """Add the encoding of all columns.

    Args:
        graph: what to add to.
        encoder: fitted.
        columns: the inputs of the graph.

    Returns:
        The encoded columns.
    """
    inputs = {column.column: column for column in columns}
    by_column = by_row = codes = None
    if encoder.number_columns:
        by_column = _encode_numbers(graph, encoder, inputs)
        by_row = graph.add("Transpose", by_column, perm=[1, 0])
    if encoder.category_columns:
        first = first_codes(encoder.cardinalities)
        codes = graph.stack(
            [
                _encode_levels(graph, inputs[column.name], column, int(start))
                for column, start in zip(
                    encoder.category_columns, first[:-1], strict=True
                )
            ]
        )
    return EncodedValues(by_column, by_row, codes)


def _encode_levels(
    graph: Graph, column: InputColumn, levels: LevelCodes, start: int
) -> Value:
    codes = {level: code for code, level in enumerate(levels.levels, start=OTHER + 1)}
    codes |= dict.fromkeys(levels.rare or (), OTHER)
    for text in (column.missing, *_PYTHON_MISSING):
        assert text is not None
        codes.setdefault(text, MISSING)
    # Unknown texts are "other" anyway.
    told = {level: code for level, code in codes.items() if code != OTHER}
    return graph.add(
        "LabelEncoder",
        column.input,
        domain=LEARNING,
        keys_strings=list(told),
        values_int64s=[start + code for code in told.values()],
        default_int64=start + OTHER,
    )


class _Rows:
    """Blocks of rows, one row a column of the encoded table, in any order."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._blocks: list[Value] = []
        self._outputs: list[_Output | None] = []

    def add(self, block: Value, outputs: Sequence[_Output | None]) -> None:
        """Add a block and say which output each row is; None is for none."""
        self._blocks.append(block)
        self._outputs += outputs

    def in_order(self, outputs: Sequence[_Output]) -> Value:
        """Return the rows of these outputs, float32 (outputs, rows of the table)."""
        joined = self._blocks[0]
        if len(self._blocks) > 1:
            joined = self._graph.add("Concat", *self._blocks, axis=0)
        if list(outputs) == self._outputs:
            return joined
        places = np.array([self._outputs.index(o) for o in outputs], dtype=np.int64)
        return self._graph.add("Gather", joined, places, axis=0)


def _encode_numbers(
    graph: Graph, encoder: TableEncoder, inputs: dict[str, InputColumn]
) -> Value:
    """Scale all numbers and dates at once, then put the rows in the encoder's order."""
    numbers = [c for c in encoder.number_columns if isinstance(c, NumberColumn)]
    dates = [c for c in encoder.number_columns if isinstance(c, DateColumn)]
    columns: list[NumberColumn | DateColumn] = [*numbers, *dates]
    raw: list[Value] = []
    waves: Mapping[tuple[str, int], Value] = {}
    if numbers:
        raw.append(graph.stack([inputs[c.name].input for c in numbers]))
    if dates:
        seconds = graph.stack([inputs[c.name].input for c in dates])
        made = DateBlocks.of(graph, seconds, dates)
        raw.append(made.days)
        waves = made.waves
    values = raw[0] if len(raw) == 1 else graph.add("Concat", *raw, axis=0)
    missing = graph.add("IsNaN", values)
    rows = _Rows(graph)
    robust = encoder.scaling == "robust"
    scaled = _scale(graph, values, missing, columns, robust=robust)
    rows.add(scaled, [(c.name, 0) for c in columns])
    if any(c.has_holes for c in columns):
        flags = graph.cast(missing, np.float32)
        last = [(c.name, len(c.output_names) - 1) for c in columns]
        rows.add(
            flags,
            [o if c.has_holes else None for c, o in zip(columns, last, strict=True)],
        )
    for (cycle, wave), block in waves.items():
        rows.add(block, [_wave(c, cycle, wave) for c in dates])
    return rows.in_order(
        [
            (c.name, k)
            for c in encoder.number_columns
            for k in range(len(c.output_names))
        ]
    )


def _wave(column: DateColumn, cycle: str, wave: int) -> _Output | None:
    """Return which output of a column a wave is, if it is any."""
    if cycle not in column.cycles:
        return None
    return column.name, 1 + 2 * column.cycles.index(cycle) + wave


def _scale(
    graph: Graph,
    values: Value,
    missing: Value,
    columns: Sequence[NumberColumn | DateColumn],
    *,
    robust: bool,
) -> Value:
    """Repeat `qclmixnet.preprocessing.scaling.scaled` for all columns."""
    centre = np.array([[column.centre] for column in columns])
    # A column without a scale is 0, which is what dividing by infinity gives.
    scale = np.array([[column.scale or np.inf] for column in columns])
    x = graph.add("Div", graph.add("Sub", values, centre), scale)
    x = graph.add("Clip", x, np.float64(-CLIP), np.float64(CLIP))
    if robust:
        third = graph.add("Div", x, np.float64(3))
        square = graph.add("Mul", third, third)
        x = graph.add(
            "Div", x, graph.add("Sqrt", graph.add("Add", square, np.float64(1)))
        )
    return graph.cast(graph.add("Where", missing, np.float64(0), x), np.float32)
