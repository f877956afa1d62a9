"""Stress that changes columns: holes, columns that say nothing, a sparse code.

All of it concerns training and test parts alike: who has holes or useless columns in
the one has them in the other.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.evaluation.labelled_split import LabelledSplit

__all__ = ["add_noise_columns", "blank_cells", "spread_sparse"]

Codes = npt.NDArray[np.int64]


def blank_cells(
    split: LabelledSplit, share: float, generator: np.random.Generator
) -> LabelledSplit:
    """Take away a share of all cells, each with the same chance, in both parts.

    Cells taken away at a low share are among those taken away at a higher one. Cells
    that were missing before stay missing.

    Args:
        split: the split as it is.
        share: chance of each cell, 0 to 1.
        generator: draws the cells.

    Returns:
        The split with holes; whole numbers become floats.
    """
    train, test = (
        _with_holes(frame, generator.random(frame.shape) < share)
        for frame in (split.X_train, split.X_test)
    )
    return LabelledSplit(train, split.codes_train, test, split.codes_test)


def _with_holes(frame: pd.DataFrame, holes: npt.NDArray[np.bool_]) -> pd.DataFrame:
    columns = {}
    for place, name in enumerate(frame.columns):
        column = frame[name]
        if pd.api.types.is_bool_dtype(column.dtype):
            column = column.astype("boolean")
        elif pd.api.types.is_integer_dtype(column.dtype):
            column = column.astype("float64")
        columns[name] = column.mask(holes[:, place])
    return pd.DataFrame(columns, index=frame.index)


def add_noise_columns(
    split: LabelledSplit, n_columns: float, generator: np.random.Generator
) -> LabelledSplit:
    """Add columns of standard normal numbers that have nothing to do with the class.

    Args:
        split: the split as it is.
        n_columns: columns to add.
        generator: draws the numbers, column by column, so that a smaller number of
            columns has other draws.

    Returns:
        The split with the columns ``irrelevant_1``, ``irrelevant_2`` and so on at the
        end.
    """
    taken = set(map(str, split.X_train.columns))
    names: list[str] = []
    number = 0
    while len(names) < int(n_columns):
        number += 1
        if f"irrelevant_{number}" not in taken:
            names.append(f"irrelevant_{number}")

    def widened(frame: pd.DataFrame) -> pd.DataFrame:
        noise = generator.normal(size=(len(frame), len(names)))
        added = pd.DataFrame(noise, index=frame.index, columns=names)
        return pd.concat([frame, added], axis=1)

    train, test = widened(split.X_train), widened(split.X_test)
    return LabelledSplit(train, split.codes_train, test, split.codes_test)


def spread_sparse(
    split: LabelledSplit, n_columns: float, generator: np.random.Generator
) -> LabelledSplit:
    """Replace all columns by sparse 0/1 columns, about so many of them.

    Each column is cut at quantiles of the training part, or has its levels hashed, into
    equally many pieces, and each piece that occurs in training becomes a column. The
    finer the pieces, the fewer ones two rows have in common: their distances become
    alike, and a nearest neighbour says little. Missing cells are a piece of their own.

    Args:
        split: the split as it is.
        n_columns: 0/1 columns at most, but two for each column of before; fewer where
            columns have few values.
        generator: not used, nothing is drawn.

    Returns:
        The split with other columns; a piece not seen in training is all zeros.
    """
    del generator
    n_pieces = max(2, int(n_columns) // split.X_train.shape[1])
    train: dict[str, npt.NDArray[np.int8]] = {}
    test: dict[str, npt.NDArray[np.int8]] = {}
    for name in split.X_train.columns:
        piece_of = _cutter(split.X_train[name], n_pieces)
        in_train, in_test = piece_of(split.X_train[name]), piece_of(split.X_test[name])
        for piece in np.unique(in_train):
            train[f"{name}={piece}"] = (in_train == piece).astype(np.int8)
            test[f"{name}={piece}"] = (in_test == piece).astype(np.int8)
    return LabelledSplit(
        pd.DataFrame(train, index=split.X_train.index),
        split.codes_train,
        pd.DataFrame(test, index=split.X_test.index),
        split.codes_test,
    )


def _cutter(column: pd.Series, n_pieces: int) -> Callable[[pd.Series], Codes]:
    """Return what numbers the pieces of a column, learned on its training rows."""
    is_date = pd.api.types.is_datetime64_any_dtype(column.dtype)
    is_number = pd.api.types.is_numeric_dtype(column.dtype)
    if not (is_date or is_number) or pd.api.types.is_bool_dtype(column.dtype):
        return lambda cells: _hashed_levels(cells, n_pieces)
    known = _as_numbers(column)
    known = known[~np.isnan(known)]
    inner = np.linspace(0, 1, n_pieces + 1)[1:-1]
    cuts = np.unique(np.quantile(known, inner)) if len(known) else np.empty(0)

    def pieces(cells: pd.Series) -> Codes:
        values = _as_numbers(cells)
        numbered = np.searchsorted(cuts, values, side="right").astype(np.int64)
        return np.where(np.isnan(values), -1, numbered)

    return pieces


def _as_numbers(cells: pd.Series) -> npt.NDArray[np.float64]:
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        days = (cells - pd.Timestamp(0, tz=cells.dt.tz)) / pd.Timedelta(days=1)
        return np.asarray(days, dtype=np.float64)
    return cells.to_numpy(dtype=np.float64, na_value=np.nan)


def _hashed_levels(cells: pd.Series, n_pieces: int) -> Codes:
    """Number the levels by a fixed hash of their text."""
    texts = cells.astype(object)
    hashes = pd.util.hash_array(texts.astype(str).to_numpy(dtype=object))
    numbered = (hashes % np.uint64(n_pieces)).astype(np.int64)
    return np.where(texts.isna().to_numpy(), -1, numbered)
