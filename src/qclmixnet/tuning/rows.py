"""Rows of whatever the caller calls a table."""

from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import _safe_indexing

from qclmixnet.core.errors import InputError

__all__ = ["as_frame", "take_rows"]


def take_rows(X: Any, rows: npt.NDArray[np.int64]) -> Any:  # noqa: ANN401
    """Return some rows of a table, of the same kind as the table.

    Args:
        X: a pandas, polars or pyarrow table, an array or a list of rows.
        rows: row numbers.

    Returns:
        These rows.
    """
    return _safe_indexing(X, rows)


def as_frame(X: object) -> pd.DataFrame:
    """Return a table as pandas, only to see which rows are equal.

    Args:
        X: a pandas, polars or pyarrow table, an array or a list of rows.

    Returns:
        A frame with the same rows.

    Raises:
        InputError: `X` is no table.
    """
    if isinstance(X, pd.DataFrame):
        return X
    native = nw.from_native(X, eager_only=True, pass_through=True)
    if isinstance(native, nw.DataFrame):
        return native.to_pandas()
    try:
        return pd.DataFrame(np.asarray(X))
    except (ValueError, TypeError) as error:
        raise InputError(
            f"`X` must be a table or a 2-D array, got {type(X).__name__}: {error}"
        ) from error
