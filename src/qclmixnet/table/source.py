"""Opening what the caller calls a table: names, number of rows, columns on demand."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoSeries

from qclmixnet.core.errors import InputError, InputTypeError
from qclmixnet.table.columns import PlainColumn, array_column, series_column
from qclmixnet.table.problems import Problem, quoted

__all__ = ["Source", "array_names", "is_sparse", "object_array", "open_table"]

_ACCEPTED = "a pandas, polars or pyarrow table, a 2-D NumPy array or a list of rows"
_RESHAPE = (
    "Reshape your data either using array.reshape(-1, 1) if your data has a single "
    "feature or array.reshape(1, -1) if it contains a single sample."
)


@dataclass(frozen=True)
class Source:
    """A table of the caller, opened but not yet read.

    Attributes:
        names: column names as text; ``x0``, ``x1``, ... for arrays.
        n_rows: number of rows, at least 1.
        is_array: the caller gave no names, so columns are told by their position.
        columns: one native column for each name.
    """

    names: tuple[str, ...]
    n_rows: int
    is_array: bool
    columns: Sequence[np.ndarray | nw.Series[IntoSeries]]

    def read(self, position: int) -> PlainColumn | Problem:
        """Read the column at this position."""
        name, column = self.names[position], self.columns[position]
        try:
            if isinstance(column, np.ndarray):
                return array_column(name, column)
            return series_column(name, column)
        except (OverflowError, pd.errors.OutOfBoundsDatetime):
            reason = "holds dates or durations too far from today; correct or drop them"
            return Problem(name, str(column.dtype), reason)


def array_names(n_columns: int) -> tuple[str, ...]:
    """Names for the columns of an array.

    >>> array_names(2)
    ('x0', 'x1')
    """
    return tuple(f"x{position}" for position in range(n_columns))


def open_table(X: object) -> Source:
    """Open a table of any accepted flavour.

    Args:
        X: what the caller passed.

    Returns:
        The table, with at least one row and one column.

    Raises:
        InputTypeError: `X` is of a kind that cannot be read as a table.
        InputError: it has no rows, no columns, not two axes, or a name twice.
    """
    if is_sparse(X):
        raise InputTypeError(
            "`X` is a sparse matrix, but dense data is required; pass `X.toarray()`."
        )
    if isinstance(X, str | bytes | dict | None):
        raise InputTypeError(
            f"`X` must be {_ACCEPTED}, got {type(X).__name__}"
            + ("; wrap it in pandas.DataFrame." if isinstance(X, dict) else ".")
        )
    if isinstance(X, pd.Index) or nw.dependencies.is_into_series(X):
        raise InputError(
            f"Expected 2D array, got 1D array instead: a {type(X).__name__} of "
            f"{len(X)} values. {_RESHAPE} A Series becomes a table with to_frame()."
        )
    frame_names = _frame_names(X)
    source = _open_array(X) if frame_names is None else _open_frame(X, frame_names)
    shape = (source.n_rows, len(source.names))
    if not source.names:
        raise InputError(
            f"Found array with 0 feature(s) (shape={shape}) while a minimum of 1 is "
            "required."
        )
    if not source.n_rows:
        raise InputError(
            f"Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is "
            "required."
        )
    return source


def is_sparse(X: object) -> bool:
    """Whether this is a SciPy sparse container, without importing SciPy."""
    module = sys.modules.get("scipy.sparse")
    return module is not None and bool(module.issparse(X))


def _frame_names(X: object) -> list[object] | None:
    """Names of a table that has names, checked to differ; None for the others."""
    if isinstance(X, pd.DataFrame):
        names: list[object] = list(X.columns)
    elif nw.dependencies.is_pyarrow_table(X):
        names = list(X.column_names)
    else:
        frame = nw.from_native(X, pass_through=True)
        if isinstance(frame, nw.LazyFrame):
            raise InputTypeError(
                f"`X` is lazy ({type(X).__module__}.{type(X).__name__}) and has no "
                "rows yet; pass `X.collect()`."
            )
        if not isinstance(frame, nw.DataFrame):
            return None
        names = list(frame.columns)
    twice = [name for name, count in Counter(map(str, names)).items() if count > 1]
    if twice:
        raise InputError(
            f"Column names must differ, but these come more than once: {quoted(twice)}"
            " (names are compared as text); rename or drop the extra columns."
        )
    return names


def _open_frame(X: object, names: Sequence[object]) -> Source:
    texts = tuple(str(name) for name in names)
    if isinstance(X, pd.DataFrame):
        columns = [_pandas_column(series) for _, series in X.items()]
        return Source(texts, len(X), is_array=False, columns=columns)
    frame = nw.from_native(X, pass_through=True)
    assert isinstance(frame, nw.DataFrame)  # `_frame_names` found names
    known = frame.implementation
    if not (known.is_polars() or known.is_pyarrow()):
        raise InputTypeError(
            f"`X` must be {_ACCEPTED}, got {type(X).__module__}.{type(X).__name__}; "
            "convert it to pandas first."
        )
    return Source(texts, len(frame), is_array=False, columns=list(frame.iter_columns()))


def _pandas_column(series: pd.Series) -> np.ndarray | nw.Series[IntoSeries]:
    """Take plain numbers as they are: for a single row, wrapping takes longest."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        return series.to_numpy()
    return nw.from_native(series, series_only=True)


def _open_array(X: object) -> Source:
    array = object_array(X, "X")
    if array.ndim < 2:
        shape = "scalar" if array.ndim == 0 else "1D"
        ragged = array.ndim == 1 and any(isinstance(r, list | tuple) for r in array)
        raise InputError(
            f"Expected 2D array, got {shape} array instead: {_preview(array)}. "
            + ("Its rows differ in length. " if ragged else "")
            + _RESHAPE
        )
    if array.ndim > 2:
        raise InputError(
            f"Found array with dim {array.ndim}, while dim <= 2 is required; "
            "give each row its features side by side, for example with "
            "X.reshape(len(X), -1)."
        )
    if array.dtype.kind == "c":
        raise InputError(
            f"Complex data not supported: `X` is {array.dtype}; give the real and the "
            "imaginary part a column each."
        )
    names = array_names(array.shape[1])
    return Source(names, len(array), is_array=True, columns=list(array.T))


def object_array(X: object, name: str) -> np.ndarray:
    """Turn an array, an array-like or nested lists into an array that keeps its cells.

    Lists become arrays of objects: NumPy would turn ``[1, "a"]`` into texts.

    Args:
        X: an array, an object with ``__array__``, or lists.
        name: the argument, for messages.

    Returns:
        An array of any number of axes.

    Raises:
        InputTypeError: `X` is no array and cannot be made one.
    """
    if isinstance(X, np.ma.MaskedArray):
        cells = np.ma.getdata(X).astype(object)
        cells[np.ma.getmaskarray(X)] = None
        return cells
    if isinstance(X, np.ndarray):
        return np.asarray(X)
    if isinstance(X, list | tuple):
        try:
            return np.array(X, dtype=object)
        except ValueError:  # rows that agree in their first lengths only
            rows = np.empty(len(X), dtype=object)
            rows[:] = [list(row) for row in X]
            return rows
    if not hasattr(X, "__array__") or hasattr(X, "__arrow_c_array__"):
        raise InputTypeError(
            f"`{name}` must be {_ACCEPTED}, got {type(X).__name__}."
            if name == "X"
            else f"`{name}` must be a Series, a 1-D array or a list, got "
            f"{type(X).__name__}."
        )
    try:
        return np.asarray(X)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputTypeError(
            f"`{name}` ({type(X).__name__}) cannot be made an array: {error}."
        ) from error


def _preview(array: np.ndarray) -> str:
    text = repr(array[:5].tolist() if array.ndim else array.item())
    return text if len(text) <= 80 else text[:77] + "..."
