"""The first pass over a table in files: schema, statistics, classes, and a sample."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.core.caller import warn_caller
from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.core.row_sample import sample_of_rows
from qclmixnet.preprocessing.column_scan import ColumnScan
from qclmixnet.preprocessing.facts import MOST_LEVELS, Facts, LevelFacts
from qclmixnet.table import Labels, Schema, Table, read_labels
from qclmixnet.table.labels import read_label_values
from qclmixnet.table.problems import Problem, quoted, raise_problems
from qclmixnet.table.shards import Block, ParquetShards
from qclmixnet.table.source import open_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MOST_CLASSES", "ScannedTable", "scan_shards"]

MOST_CLASSES = 10_000
"""Different labels at which a scan ends: so many are no classes."""


@dataclass(frozen=True)
class ScannedTable:
    """What one pass says about a table in files.

    Attributes:
        schema: the kinds of its columns, the target's left away.
        facts: what is known about all rows of each column that is learned from.
        sample: the rows that `sample_of_rows` names.
        labels: classes, and the class of each row.
    """

    schema: Schema
    facts: Mapping[str, Facts]
    sample: Table
    labels: Labels


def scan_shards(
    shards: ParquetShards,
    *,
    target: str,
    columns: Sequence[str],
    on_rows: Callable[[int], None] | None = None,
) -> ScannedTable:
    """Read a table once, in bounded memory, for all that an encoder has to know.

    Kinds follow the rules of `infer_schema`, and are the same for the same rows.

    Args:
        shards: the files.
        target: the column of the class.
        columns: the columns to learn from.
        on_rows: called with the number of rows after each block.

    Returns:
        Schema, facts, sample and labels.

    Raises:
        InputError: columns or labels cannot be used; all columns are named.

    Warns:
        DataWarning: a category has more levels than can be counted exactly.
    """
    scans = [ColumnScan(name) for name in columns]
    rows = sample_of_rows(shards.n_rows)
    classes = _ClassScan(target)
    for block in shards.blocks([target, *columns]):
        classes.add(block)
        n_rows = block.rows.num_rows
        sampled = np.zeros(n_rows, dtype=bool)
        low, high = np.searchsorted(rows, [block.start, block.start + n_rows])
        sampled[rows[low:high] - block.start] = True
        _add(scans, block.rows.select(list(columns)), sampled)
        if on_rows is not None:
            on_rows(n_rows)
    problems = [scan.problem for scan in scans]
    raise_problems([p for p in problems if p is not None], len(columns))
    schema = Schema(tuple(scan.schema for scan in scans))
    used = {column.name for column in schema.used}
    if not used:
        raise InputError(
            f"No column can be learned from in {shards.n_rows} sample(s): "
            f"{quoted(columns)} are constant (the same value in every row) or ids "
            "(row numbers, or texts that differ in every row); add a column that "
            "varies."
        )
    kept = [scan for scan in scans if scan.name in used]
    facts = {scan.name: scan.facts for scan in kept}
    _warn_of_many_levels(facts)
    sample = Table({scan.name: scan.sample() for scan in kept}, len(rows))
    return ScannedTable(schema, facts, sample, classes.labels())


def _add(scans: list[ColumnScan], rows: "pa.Table", sampled: np.ndarray) -> None:
    source = open_table(rows)
    problems = []
    for position, scan in enumerate(scans):  # one at a time: texts take much memory
        column = source.read(position)
        if isinstance(column, Problem):
            problems.append(column)
        else:
            scan.add(column, sampled)
    raise_problems(problems, len(scans))


def _warn_of_many_levels(facts: Mapping[str, Facts]) -> None:
    many = [
        name
        for name, known in facts.items()
        if isinstance(known, LevelFacts) and not known.is_complete
    ]
    if many:
        warn_caller(
            f"Categories with more than {2 * MOST_LEVELS:,} different levels: "
            f"{quoted(many)}. Their rarest levels were not counted; the most frequent "
            "ones get a column each, the rest share 'other'. Free text and ids say "
            "little that way: drop such a column, or cut it into parts.",
            DataWarning,
        )


class _ClassScan:
    """Numbers the labels in the order in which they come up, and sorts at the end."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._numbers: dict[Any, int] = {}
        self._values: list[np.ndarray] = []
        self._codes: list[npt.NDArray[np.int32]] = []

    def add(self, block: Block) -> None:
        column = block.rows.column(self._target)
        where = ", ".join(repr(name) for name in block.shards)
        if column.null_count:
            missing = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))
            raise InputError(
                f"Column {self._target!r} has no class in {len(missing)} rows of "
                f"{where}, first in row {block.start + missing[0]} of the table; drop "
                "these rows or fill in their classes."
            )
        try:
            values = read_label_values(column)
        except InputError as error:
            raise InputError(f"Column {self._target!r} of {where}: {error}") from error
        codes, found = pd.factorize(values)
        for value in found:
            if value not in self._numbers:
                self._numbers[value] = len(self._numbers)
                self._values.append(np.asarray([value], dtype=values.dtype))
        if len(self._numbers) > MOST_CLASSES:
            raise InputError(
                f"Column {self._target!r} has more than {MOST_CLASSES:,} different "
                "values: it is an id or a measured value instead of a class. Name "
                "another target, or cut the values into groups first."
            )
        numbers = np.array([self._numbers[value] for value in found], dtype=np.int32)
        self._codes.append(numbers[codes])

    def labels(self) -> Labels:
        values = np.concatenate(self._values)
        by_number = np.concatenate(self._codes)
        self._codes.clear()
        n_rows = len(by_number)
        if len(values) < 2:
            raise InputError(
                f"Column {self._target!r} holds one class only, {values[0]!r}, in "
                f"{n_rows} rows; a classifier needs at least two classes."
            )
        # The door for labels judges them; three of each are not too many classes.
        times = 1 if 2 * len(values) > n_rows else 3
        sorted_ = read_labels(np.repeat(values, times), n_rows=times * len(values))
        places = sorted_.codes[::times]
        return Labels(sorted_.classes, places[by_number])
