"""From a checked table to what libraries of each kind take.

Everything learned here is learned from the training rows, and a row is encoded without
a look at the rows beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from qclmixnet.preprocessing.dates import CYCLES, cycle_angles, days_since
from qclmixnet.table import Schema, Table

__all__ = [
    "MAX_ONE_HOT",
    "DenseEncoder",
    "FrameEncoder",
    "missing_level",
    "one_hot_encoder",
]

MAX_ONE_HOT = 64
"""Columns that one category may become; its rarest levels share the last one."""

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class _DateParts:
    """A date as numbers: days since the first, and its place in varying cycles."""

    origin: np.datetime64
    cycles: tuple[str, ...]

    @classmethod
    def fit(cls, values: np.ndarray) -> "_DateParts":
        present = values[~np.isnat(values)]
        angles = cycle_angles(present)
        cycles = tuple(cycle for cycle in CYCLES if np.ptp(angles[cycle]) > 0)
        return cls(present.min(), cycles)

    def unfold(self, values: np.ndarray) -> list[np.ndarray]:
        angles = cycle_angles(values)
        waves = [wave(angles[c]) for c in self.cycles for wave in (np.sin, np.cos)]
        return [days_since(values, self.origin), *waves]


class _Columns:
    """The used columns by kind, with the dates unfolded; holes stay holes."""

    def __init__(self, table: Table, schema: Schema) -> None:
        self.numbers = schema.of_kind("number", "boolean")
        self.categories = schema.of_kind("category")
        dates = schema.of_kind("date")
        self.dates = {name: _DateParts.fit(table.columns[name]) for name in dates}

    def numeric(self, table: Table, *, fill_waves: bool) -> npt.NDArray[np.float64]:
        """Return numbers, booleans and unfolded dates, NaN where missing.

        With ``fill_waves`` the sines and cosines of a missing date are 0, the centre of
        their circle: the days alone then tell that it is missing.
        """
        parts = [table.columns[name] for name in self.numbers]
        for name, date in self.dates.items():
            days, *waves = date.unfold(table.columns[name])
            parts += [days, *(np.nan_to_num(w) if fill_waves else w for w in waves)]
        x_num = np.array(parts, dtype=np.float64).reshape(len(parts), table.n_rows)
        # Libraries that store float32 would turn a larger number into infinity.
        return np.ascontiguousarray(np.clip(x_num, -_LARGEST, _LARGEST).T)

    def texts(self, table: Table) -> npt.NDArray[np.object_]:
        """Return the categories as an object array of str with None."""
        out = np.empty((table.n_rows, len(self.categories)), dtype=object)
        for position, name in enumerate(self.categories):
            out[:, position] = table.columns[name]
        return out


def one_hot_encoder() -> OneHotEncoder:
    """Return an unfitted one-hot encoder: unseen levels are zeros, rare ones share."""
    return OneHotEncoder(
        handle_unknown="ignore", max_categories=MAX_ONE_HOT, sparse_output=False
    )


class DenseEncoder:
    """One array of finite numbers: for libraries that know nothing of columns.

    Numbers and booleans are filled with the training median and, when the training rows
    had holes, followed by a 0 / 1 column that says where. A date becomes days since the
    earliest training date and the sine and cosine of its place in the year, the week
    and the day, each only when it varies in training. A category becomes one column per
    level; missing is a level of its own, a level not seen in training is all zeros.

    Args:
        scale: if True the numbers, indicators included, get mean 0 and variance 1 over
            the training rows; the columns of categories stay 0 and 1.

    >>> from qclmixnet.table import read_training_table
    >>> frame = pd.DataFrame({"age": [20, 40, None], "sex": ["f", "m", None]})
    >>> schema, table = read_training_table(frame)
    >>> DenseEncoder(scale=False).fit(table, schema).encode(table)
    array([[20.,  0.,  1.,  0.,  0.],
           [40.,  0.,  0.,  1.,  0.],
           [30.,  1.,  0.,  0.,  1.]])
    """

    def __init__(self, *, scale: bool) -> None:
        self.scale = scale

    def fit(self, table: Table, schema: Schema) -> "DenseEncoder":
        """Learn medians, scales and levels from the training rows.

        Args:
            table: the training rows.
            schema: the kinds of its columns.

        Returns:
            This encoder.
        """
        self._columns = _Columns(table, schema)
        frame = self._frame(table)
        n_numbers = frame.shape[1] - len(self._columns.categories)
        names = list(frame.columns)
        numbers = [
            SimpleImputer(
                strategy="median", add_indicator=True, keep_empty_features=True
            )
        ]
        if self.scale:
            numbers.append(StandardScaler())
        self._encoder = ColumnTransformer(
            [
                ("numbers", make_pipeline(*numbers), names[:n_numbers]),
                ("categories", one_hot_encoder(), names[n_numbers:]),
            ],
            sparse_threshold=0,
        ).fit(frame)
        return self

    def encode(self, table: Table) -> npt.NDArray[np.float64]:
        """Encode a table read by the schema of ``fit``.

        Args:
            table: any rows.

        Returns:
            Finite float64 of shape (n_rows, n_features).
        """
        encoded = self._encoder.transform(self._frame(table))
        return np.ascontiguousarray(encoded, dtype=np.float64)

    def _frame(self, table: Table) -> pd.DataFrame:
        x_num = self._columns.numeric(table, fill_waves=True)
        texts = self._columns.texts(table)
        return _positional_frame(x_num, dict(enumerate(texts.T)))


class FrameEncoder:
    """A pandas frame: for libraries with native categories and missing values.

    Columns have names by position (``f0``, ``f1``, ...), numbers before categories.
    Dates become numbers as in `DenseEncoder`. Categories are `pandas.Categorical` with
    the training levels in order of their text.

    Args:
        fill: if False, missing numbers are NaN, and a category that is missing or was
            not seen in training has no value. If True, numbers are filled with the
            training median, and such categories get one level of their own, the last
            one, called ``"(missing)"``.

    Attributes:
        category_names: names of the columns that are categories.

    >>> from qclmixnet.table import read_training_table
    >>> frame = pd.DataFrame({"age": [20, 40, None], "sex": ["f", "m", None]})
    >>> schema, table = read_training_table(frame)
    >>> encoder = FrameEncoder(fill=True).fit(table, schema)
    >>> encoder.encode(table)
         f0         f1
    0  20.0          f
    1  40.0          m
    2  30.0  (missing)
    >>> encoder.category_names
    ('f1',)
    """

    category_names: tuple[str, ...]

    def __init__(self, *, fill: bool = False) -> None:
        self.fill = fill

    def fit(self, table: Table, schema: Schema) -> "FrameEncoder":
        """Learn medians and levels from the training rows.

        Args:
            table: the training rows.
            schema: the kinds of its columns.

        Returns:
            This encoder.
        """
        self._columns = _Columns(table, schema)
        x_num = self._columns.numeric(table, fill_waves=self.fill)
        self._medians = SimpleImputer(strategy="median", keep_empty_features=True)
        if self.fill and x_num.shape[1]:
            self._medians.fit(x_num)
        self._levels = [
            sorted({text for text in values if text is not None})
            for values in self._columns.texts(table).T
        ]
        first = x_num.shape[1]
        self.category_names = tuple(f"f{first + i}" for i in range(len(self._levels)))
        return self

    def encode(self, table: Table) -> pd.DataFrame:
        """Encode a table read by the schema of ``fit``.

        Args:
            table: any rows.

        Returns:
            float64 columns, then `pandas.Categorical` ones.
        """
        x_num = self._columns.numeric(table, fill_waves=self.fill)
        if self.fill and x_num.shape[1]:
            x_num = self._medians.transform(x_num)
        columns = zip(self._columns.texts(table).T, self._levels, strict=True)
        categories = [self._categorical(values, levels) for values, levels in columns]
        return _positional_frame(x_num, dict(enumerate(categories)))

    def _categorical(self, values: np.ndarray, levels: list[str]) -> pd.Categorical:
        codes = _index(levels).get_indexer(pd.Index(values, dtype=object))
        if not self.fill:
            return pd.Categorical.from_codes(codes, categories=_index(levels))
        codes = np.where(codes < 0, len(levels), codes)
        named = [*levels, missing_level(levels)]
        return pd.Categorical.from_codes(codes, categories=_index(named))


def missing_level(levels: list[str]) -> str:
    """Return a text for missing values that is none of the levels."""
    text = "(missing)"
    while text in levels:
        text += "_"
    return text


def _index(levels: list[str]) -> "pd.Index[Any]":
    index: pd.Index[Any] = pd.Index(np.array(levels, dtype=object), dtype=object)
    return index


def _positional_frame(
    x_num: npt.NDArray[np.float64], categories: Mapping[int, object]
) -> pd.DataFrame:
    """Put numbers and categories side by side as f0, f1, ..."""
    n_rows, n_numbers = x_num.shape
    frame = pd.DataFrame(x_num, columns=[f"f{i}" for i in range(n_numbers)])
    others = {}
    for position, values in categories.items():
        dtype = object if isinstance(values, np.ndarray) else None
        others[f"f{n_numbers + position}"] = pd.Series(values, dtype=dtype)
    if not others:
        return frame
    return pd.concat([frame, pd.DataFrame(others, index=range(n_rows))], axis=1)
