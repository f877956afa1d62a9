"""The table encoder as a graph: raw columns in, what the networks see out.

Numbers stay in double precision until they are scaled, operation by operation as the
encoder does it, so that the scaled numbers are the same bits and no number falls on the
other side of a tree's threshold.
"""

from collections.abc import Sequence
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
    codes |= {level: OTHER for level in levels.rare or ()}
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


def _encode_numbers(
    graph: Graph, encoder: TableEncoder, inputs: dict[str, InputColumn]
) -> Value:
    """Scale all numbers and dates at once, then put the rows in the encoder's order."""
    numbers = [c for c in encoder.number_columns if isinstance(c, NumberColumn)]
    dates = [c for c in encoder.number_columns if isinstance(c, DateColumn)]
    ordered = [*numbers, *dates]
    raw, made = [], None
    if numbers:
        raw.append(graph.stack([inputs[c.name].input for c in numbers]))
    if dates:
        seconds = graph.stack([inputs[c.name].input for c in dates])
        made = DateBlocks.of(graph, seconds, dates)
        raw.append(made.days)
    values = raw[0] if len(raw) == 1 else graph.add("Concat", *raw, axis=0)
    missing = graph.add("IsNaN", values)
    blocks = [_scale(graph, values, missing, ordered, robust=_is_robust(encoder))]
    rows = {
        (c.name, output): place
        for place, c in enumerate(ordered)
        for output in c.output_names[:1]
    }
    n_rows = len(ordered)
    if any(c.has_holes for c in ordered):
        blocks.append(graph.cast(missing, np.float32))
        rows |= {
            (c.name, c.output_names[-1]): n_rows + place
            for place, c in enumerate(ordered)
            if c.has_holes
        }
        n_rows += len(ordered)
    if made is not None:
        for (cycle, wave), block in made.waves.items():
            blocks.append(block)
            rows |= {
                (c.name, c.output_names[1 + 2 * c.cycles.index(cycle) + wave]): (
                    n_rows + place
                )
                for place, c in enumerate(dates)
                if cycle in c.cycles
            }
            n_rows += len(dates)
    wanted = [rows[c.name, out] for c in encoder.number_columns for out in c.output_names]
    joined = blocks[0] if len(blocks) == 1 else graph.add("Concat", *blocks, axis=0)
    if wanted == list(range(n_rows)):
        return joined
    return graph.add("Gather", joined, np.array(wanted, dtype=np.int64), axis=0)


def _is_robust(encoder: TableEncoder) -> bool:
    return encoder.scaling == "robust"


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
