"""Rows of whatever the caller calls a table."""

from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import _safe_indexing

from qclmixnet.core.errors import InputTypeError
from qclmixnet.evaluation import duplicate_groups
from qclmixnet.table.source import object_array, open_table

__all__ = ["groups_of", "opened", "take_rows"]


def opened(X: Any) -> tuple[Any, int]:  # noqa: ANN401
    """Return a table whose rows can be taken, and how many there are.

    Args:
        X: a pandas, polars or pyarrow table, an array, an array-like or nested lists.

    Returns:
        The table itself when it has names, else an array; and its number of rows.

    Raises:
        InputError: it is no table, or has no rows or columns.
    """
    source = open_table(X)
    return (object_array(X, "X") if source.is_array else X), source.n_rows


def take_rows(X: Any, rows: npt.NDArray[np.int64]) -> Any:  # noqa: ANN401
    """Return some rows of a table, of the same kind as the table.

    Args:
        X: what `opened` returned.
        rows: row numbers.

    Returns:
        These rows.
    """
    return _safe_indexing(X, rows)


def groups_of(X: Any) -> npt.NDArray[np.uint64]:  # noqa: ANN401
    """Return a number for each row, the same for equal rows.

    Args:
        X: what `opened` returned.

    Returns:
        uint64 of shape (n_rows,).

    Raises:
        InputTypeError: a cell is a list, a dict or the like.
    """
    if isinstance(X, np.ndarray):
        frame = pd.DataFrame(X)
    elif isinstance(X, pd.DataFrame):
        frame = X
    else:
        frame = nw.from_native(X, eager_only=True).to_pandas()
    try:
        return duplicate_groups(frame)
    except TypeError as error:
        raise InputTypeError(
            "`X` holds lists, dicts or other nested cells; each argument must be a "
            f"string or a number ({error})."
        ) from error
