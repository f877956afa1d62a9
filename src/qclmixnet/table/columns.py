"""One column of any caller, turned into one plain NumPy array.

Three flavours arrive here: a narwhals series over pandas, polars or pyarrow; a column
of a NumPy array with a plain dtype; a column of Python objects. The last is judged by
the types of its cells, so that the same cells give the same column in every flavour.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from numbers import Complex, Real
from typing import Literal

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoSeries

from qclmixnet.table.problems import Problem
from qclmixnet.table.text import level_texts, missing_cells

__all__ = ["Content", "PlainColumn", "array_column", "object_column", "series_column"]

Content = Literal["number", "integer", "boolean", "text", "category", "date", "missing"]
"""What the cells are; `integer` and `text` still have to be told from ids and dates."""

_CONTENTS: Mapping[str, Content] = {  # of NumPy's kinds of dtypes
    "b": "boolean",
    "i": "integer",
    "u": "integer",
    "f": "number",
}
_NESTED = (list, tuple, set, frozenset, Mapping, np.ndarray, pd.Series, pd.DataFrame)
_MAX_YEARS = 100_000  # before or after 1970: even differences fit into microseconds
_NESTED_REASON = (
    "holds lists, dicts or other nested cells, but a cell of a table argument must be "
    "a string, a number, a boolean or a date; spread it over several columns or drop it"
)
_BYTES_REASON = (
    "holds raw bytes, but a cell of a table argument must be a string, a number, "
    "a boolean or a date; decode it to text or drop it"
)
_COMPLEX_REASON = (
    "holds complex numbers. Complex data not supported; give the real and the "
    "imaginary part a column each"
)


@dataclass(frozen=True)
class PlainColumn:
    """A column as one plain array, before its kind is decided.

    Attributes:
        name: the column.
        dtype: the caller's dtype.
        content: what the cells are.
        cells: float64 with NaN for numbers and booleans, datetime64[us] with NaT for
            dates, objects of str with None for texts and categories.
    """

    name: str
    dtype: str
    content: Content
    cells: np.ndarray


def series_column(name: str, series: nw.Series[IntoSeries]) -> PlainColumn | Problem:
    """Read a column of a pandas, polars or pyarrow table."""
    native = series.to_native()
    dtype = series.dtype
    label = str(getattr(native, "dtype", None) or getattr(native, "type", dtype))
    content: Content
    if dtype.is_integer() or dtype.is_float():
        content = "integer" if dtype.is_integer() else "number"
        if isinstance(dtype, nw.Int128 | nw.UInt128):  # NumPy has no such integers
            series = series.cast(nw.Float64())
        values = _float_array(series.to_numpy())
    elif dtype.is_decimal() or isinstance(dtype, nw.Boolean):
        content = "number" if dtype.is_decimal() else "boolean"
        values = _float_array(series.cast(nw.Float64()).to_numpy())
    elif isinstance(dtype, nw.Datetime):
        content = "date"
        if dtype.time_zone is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        values = _date_array(series.to_numpy())
    elif isinstance(dtype, nw.Categorical | nw.Enum):
        content, values = "category", _category_texts(series)
    elif dtype.is_nested() or isinstance(dtype, nw.Binary):
        reason = _NESTED_REASON if dtype.is_nested() else _BYTES_REASON
        return Problem(name, label, reason, is_type=True)
    else:
        return object_column(name, _object_array(native, series), label)
    return PlainColumn(name, label, content, values)


def array_column(name: str, values: np.ndarray) -> PlainColumn | Problem:
    """Read one column of a NumPy array; the array's dtype tells what it holds."""
    label, kind = _text_of(values.dtype), values.dtype.kind
    if kind in _CONTENTS:
        return PlainColumn(name, label, _CONTENTS[kind], _float_array(values))
    if kind == "M":
        return PlainColumn(name, label, "date", _date_array(values))
    if kind == "V":
        return Problem(name, label, _NESTED_REASON, is_type=True)
    return object_column(name, values.astype(object), label)


def object_column(name: str, values: np.ndarray, label: str) -> PlainColumn | Problem:
    """Read a column of Python objects, judged by the types of its present cells."""
    missing = missing_cells(values)
    types = set(map(type, values[~missing]))
    if any(issubclass(t, _NESTED) for t in types):
        return Problem(name, label, _NESTED_REASON, is_type=True)
    if any(issubclass(t, bytes | bytearray | memoryview) for t in types):
        return Problem(name, label, _BYTES_REASON, is_type=True)
    if not types:
        return PlainColumn(name, label, "missing", np.full(len(values), np.nan))
    spans = {t for t in types if t is np.timedelta64}  # NumPy calls them integers
    for content, kinds, read in _CELLS:
        if all(issubclass(t, kinds) for t in types) and not (spans and len(types) > 1):
            return PlainColumn(name, label, content, read(values, missing))
    if all(issubclass(t, Complex | Decimal) for t in types) and not spans:
        return Problem(name, label, _COMPLEX_REASON)
    return PlainColumn(name, label, "category", level_texts(values, missing))


def _texts(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    texts = values.copy()
    texts[missing] = None
    return texts


def _object_array(native: object, series: nw.Series[IntoSeries]) -> np.ndarray:
    """Cells as Python objects; pandas extension types are unpacked by pandas."""
    if isinstance(native, pd.Series):
        return native.astype(object).to_numpy()
    cells = np.empty(len(series), dtype=object)
    cells[:] = series.to_list()
    return cells


def _category_texts(series: nw.Series[IntoSeries]) -> np.ndarray:
    native = series.to_native()
    if isinstance(native, pd.Series) and isinstance(native.dtype, pd.CategoricalDtype):
        levels = native.cat.categories.astype(object).to_numpy()
        texts = level_texts(levels, np.zeros(len(levels), dtype=bool))
        return np.append(texts, np.array([None], dtype=object))[native.cat.codes]
    cells = _object_array(native, series)
    return level_texts(cells, missing_cells(cells))


@cache
def _text_of(dtype: np.dtype) -> str:
    """Write a dtype; to ask NumPy takes as long as to read a single row's cell."""
    return str(dtype)


def _float_array(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return _numbers(values, missing_cells(values))
    return np.ascontiguousarray(values, dtype=np.float64)


def _numbers(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    filled = np.where(missing, np.nan, values)
    try:
        return filled.astype(np.float64)
    except OverflowError:  # Python integers beyond the range of float64
        return np.array([_number(value) for value in filled], dtype=np.float64)


def _number(value: int | float | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def _date_array(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return _dates(values, missing_cells(values))
    years = values[~np.isnat(values)].astype("datetime64[Y]").astype(np.int64)
    if len(years) and np.abs(years).max() > _MAX_YEARS:
        raise OverflowError("dates beyond the range of microseconds")
    return values.astype("datetime64[us]")


def _dates(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    dates = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[us]")
    cells = [
        cell.start_time if isinstance(cell, pd.Period) else cell
        for cell in values[~missing]
    ]
    stamps = pd.to_datetime(pd.Series(cells, dtype=object), utc=True)
    dates[~missing] = _date_array(stamps.dt.tz_localize(None).to_numpy())
    return dates


def _seconds(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    seconds = np.full(len(values), np.nan)
    seconds[~missing] = [
        cell.hour * 3600 + cell.minute * 60 + cell.second + cell.microsecond / 1e6
        if isinstance(cell, dt.time)
        else pd.Timedelta(cell).total_seconds()
        for cell in values[~missing]
    ]
    return seconds


# First match wins; cells of several lines are a category of mixed objects.
_CELLS: tuple[
    tuple[
        Content,
        tuple[type, ...],
        Callable[[np.ndarray, np.ndarray], np.ndarray],
    ],
    ...,
] = (
    ("text", (str,), _texts),
    ("boolean", (bool, np.bool_), _numbers),
    ("number", (dt.timedelta, np.timedelta64, dt.time), _seconds),
    ("integer", (int, np.integer, np.bool_), _numbers),
    ("number", (Real, Decimal, np.bool_), _numbers),
    ("date", (dt.date, np.datetime64, pd.Period), _dates),
)
