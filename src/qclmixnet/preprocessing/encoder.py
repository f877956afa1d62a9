"""From a checked table to the two arrays a network learns from."""

from collections.abc import Mapping
from itertools import chain

import numpy as np

from qclmixnet.core.checks import check_choice, check_integer
from qclmixnet.core.errors import ModelFormatError
from qclmixnet.core.row_sample import sample_of_rows
from qclmixnet.preprocessing.encoded import ColumnGroup, EncodedTable
from qclmixnet.preprocessing.facts import DateFacts, Facts, LevelFacts, start_facts
from qclmixnet.preprocessing.levels import LevelCodes
from qclmixnet.preprocessing.numbers import DateColumn, NumberColumn
from qclmixnet.preprocessing.scaling import SCALINGS, Scaling
from qclmixnet.table import Schema, Table

__all__ = ["TableEncoder"]


class TableEncoder:
    """Scale numbers, unfold dates, code categories; keep missing as information.

    * Numbers and booleans are centred and scaled by the training rows. A missing one
      becomes 0, the centre; when the training rows had holes, a column
      ``"<name> is missing"`` of raw 0 and 1 follows. A hole that only appears later is
      0 without a new column.
    * A date becomes the days since the earliest training date (scaled as a number) and
      the sine and cosine of its place in the year, the week and the day, each only when
      it varies in training.
    * A category becomes a code: 0 missing, 1 other, 2 and up the most frequent
      ``max_levels`` levels of training in order of their text.

    Args:
        scaling: ``"standard"`` is mean and standard deviation, cut at 1e4;
            ``"robust"`` is median and interquartile range with a smooth cut at 3.
        max_levels: levels of a category that get a code of their own.

    >>> import pandas as pd
    >>> from qclmixnet.table import read_training_table
    >>> frame = pd.DataFrame({"age": [20, 40, None], "sex": ["f", "m", None]})
    >>> schema, table = read_training_table(frame)
    >>> encoded = TableEncoder().fit(table, schema).encode(table)
    >>> encoded.x_num
    array([[-1.,  0.],
           [ 1.,  0.],
           [ 0.,  1.]], dtype=float32)
    >>> encoded.x_cat.ravel()
    array([2, 3, 0])
    """

    def __init__(self, *, scaling: Scaling = "standard", max_levels: int = 64) -> None:
        self.scaling = scaling
        self.max_levels = max_levels
        self._numbers: tuple[NumberColumn | DateColumn, ...] = ()
        self._levels: tuple[LevelCodes, ...] = ()

    @property
    def number_columns(self) -> tuple[NumberColumn | DateColumn, ...]:
        """How each column of numbers, booleans or dates is encoded."""
        return self._numbers

    @property
    def category_columns(self) -> tuple[LevelCodes, ...]:
        """How each category is encoded."""
        return self._levels

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """What each column of ``x_num`` is."""
        return tuple(chain.from_iterable(c.output_names for c in self._numbers))

    @property
    def category_names(self) -> tuple[str, ...]:
        """What each column of ``x_cat`` is."""
        return tuple(column.name for column in self._levels)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of codes of each column of ``x_cat``, missing and other included."""
        return tuple(2 + len(column.levels) for column in self._levels)

    @property
    def column_groups(self) -> tuple[ColumnGroup, ...]:
        """Where each column that is used went: numbers and dates first."""
        groups, start = [], 0
        for number in self._numbers:
            end = start + len(number.output_names)
            groups.append(ColumnGroup(number.name, tuple(range(start, end)), ()))
            start = end
        for position, category in enumerate(self._levels):
            groups.append(ColumnGroup(category.name, (), (position,)))
        return tuple(groups)

    def fit(self, table: Table, schema: Schema) -> "TableEncoder":
        """Learn centres, scales and levels from the training rows.

        Args:
            table: the training rows.
            schema: the kinds of its columns.

        Returns:
            This encoder.

        Raises:
            InputError: `scaling` or `max_levels` is not allowed.
        """
        facts: dict[str, Facts] = {}
        for column in schema.used:
            scan = start_facts(column.kind)
            scan.add(table.columns[column.name])
            facts[column.name] = scan.facts()
        rows, sample = sample_of_rows(table.n_rows), table
        if len(rows) < table.n_rows:
            taken = {name: values[rows] for name, values in table.columns.items()}
            sample = Table(taken, len(rows))
        return self.fit_sample(sample, schema, facts)

    def fit_sample(
        self, sample: Table, schema: Schema, facts: Mapping[str, Facts]
    ) -> "TableEncoder":
        """Learn centres and scales from some rows, the rest from facts about all.

        Args:
            sample: the rows that `sample_of_rows` names.
            schema: the kinds of its columns.
            facts: by name, what is known about all rows of each used column.

        Returns:
            This encoder, the same as `fit` makes it of the whole table.

        Raises:
            InputError: `scaling` or `max_levels` is not allowed.
        """
        check_choice(self.scaling, "scaling", list(SCALINGS))
        check_integer(self.max_levels, "max_levels", low=1)
        numbers: list[NumberColumn | DateColumn] = []
        levels = []
        for column in schema.used:
            name, known = column.name, facts[column.name]
            if isinstance(known, LevelFacts):
                levels.append(LevelCodes.fit(name, known.counts, self.max_levels))
                continue
            values = sample.columns[name]
            if isinstance(known, DateFacts):
                numbers.append(DateColumn.fit(name, values, self.scaling, known))
            else:
                numbers.append(NumberColumn.fit(name, values, self.scaling, known))
        self._numbers, self._levels = tuple(numbers), tuple(levels)
        return self

    def encode(self, table: Table) -> EncodedTable:
        """Encode a table read by the schema of ``fit``; costs no look at other rows."""
        x_num = np.zeros((len(self.numeric_names), table.n_rows), dtype=np.float32)
        row = 0
        for number in self._numbers:
            n_outputs = len(number.output_names)
            number.write(table.columns[number.name], x_num[row : row + n_outputs])
            row += n_outputs
        x_cat = np.zeros((len(self._levels), table.n_rows), dtype=np.int64)
        unseen: dict[str, int] = {}
        for position, category in enumerate(self._levels):
            codes, n_unseen = category.encode(table.columns[category.name])
            x_cat[position] = codes
            if n_unseen:
                unseen[category.name] = n_unseen
        return EncodedTable(
            np.ascontiguousarray(x_num.T), np.ascontiguousarray(x_cat.T), unseen
        )

    def raw_numbers(self, encoded: EncodedTable) -> dict[str, np.ndarray]:
        """Return columns of numbers and booleans as they were before encoding.

        Args:
            encoded: rows that this encoder has encoded.

        Returns:
            By name: values rounded to four digits of the column's scale; NaN for what
            was missing or so far out that the clip has taken its digits.
        """
        places = {group.name: list(group.numbers) for group in self.column_groups}
        return {
            number.name: number.read(encoded.x_num[:, places[number.name]].T)
            for number in self._numbers
            if isinstance(number, NumberColumn)
        }

    def to_state(self) -> tuple[dict[str, object], dict[str, np.ndarray]]:
        """Return the fitted state as a JSON-able dict and plain arrays."""
        meta: dict[str, object] = {
            "scaling": self.scaling,
            "max_levels": self.max_levels,
            "numbers": [column.to_dict() for column in self._numbers],
            "categories": [column.to_dict() for column in self._levels],
        }
        pairs = [(column.centre, column.scale) for column in self._numbers]
        scales = np.array(pairs, dtype=np.float64).reshape(-1, 2)
        return meta, {"centre": scales[:, 0].copy(), "scale": scales[:, 1].copy()}

    @classmethod
    def from_state(
        cls, meta: Mapping[str, object], arrays: Mapping[str, np.ndarray]
    ) -> "TableEncoder":
        """Rebuild a fitted encoder from what ``to_state`` returned.

        Args:
            meta: the dict, also after a way through JSON.
            arrays: the arrays, bit for bit.

        Returns:
            An encoder that encodes as the first one did, bit for bit.

        Raises:
            ModelFormatError: the state is not what ``to_state`` returns.
        """
        try:
            scaling = _scaling_of(meta["scaling"])
            max_levels = check_integer(meta["max_levels"], "max_levels", low=1)
            encoder = cls(scaling=scaling, max_levels=max_levels)
            scales = np.stack([arrays["centre"], arrays["scale"]], axis=1).tolist()
            encoder._numbers = tuple(
                (DateColumn if "origin" in row else NumberColumn).from_dict(
                    row, centre, scale, scaling
                )
                for row, (centre, scale) in zip(
                    _rows(meta["numbers"]), scales, strict=True
                )
            )
            encoder._levels = tuple(
                map(LevelCodes.from_dict, _rows(meta["categories"]))
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFormatError(
                f"The stored encoder is damaged: {error!r}; save the model again."
            ) from error
        return encoder


def _scaling_of(value: object) -> Scaling:
    return (
        "robust"
        if check_choice(value, "scaling", list(SCALINGS)) == "robust"
        else "standard"
    )


def _rows(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise TypeError(f"expected a list of columns, got {value!r}")
    return value
