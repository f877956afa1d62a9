"""Giving raw text columns their kind: number, category of text, or label."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

__all__ = ["RawTable", "as_category", "as_number", "split_target"]

RawTable = tuple[pd.DataFrame, pd.Series]


def as_number(values: pd.Series) -> pd.Series:
    """Turn text into int64 where every cell is a whole number, else into float64.

    Python's own conversion rounds correctly, so that the same file gives the same
    bits under every version of pandas, whose parsers differ in the last one.

    Args:
        values: text, with NaN for missing cells.

    Returns:
        The numbers, with the index and the name of `values`.

    Raises:
        ValueError: a cell is neither a number nor missing.
    """
    cells = values.to_numpy(dtype=object)
    try:
        numbers = cells.astype(np.int64)
    except ValueError:  # a decimal point, or NaN for a missing cell
        numbers = cells.astype(np.float64)
    return pd.Series(numbers, index=values.index, name=values.name)


def as_category(values: pd.Series) -> pd.Series:
    """Turn a column into a category of text with sorted levels; missing stays NaN."""
    codes, levels = pd.factorize(values.astype(object))
    ordered = sorted(str(level) for level in levels)
    position = {level: code for code, level in enumerate(ordered)}
    recode = np.array(
        [position[str(level)] for level in levels] + [-1]
    )  # [-1]: missing
    categories = pd.Categorical.from_codes(recode[codes], pd.Index(ordered))
    return pd.Series(categories, index=values.index, name=values.name)


def split_target(
    frame: pd.DataFrame,
    target: str,
    *,
    labels: Mapping[str, str] | None = None,
    codes: Sequence[str] = (),
) -> RawTable:
    """Part the features from the labels; text columns become categories.

    Args:
        frame: the table with its target column.
        target: the name of that column.
        labels: readable labels for the source's codes, where the source explains
            them.
        codes: columns of whole numbers that only name something.

    Returns:
        The features and the labels as text, both with a fresh index.
    """
    y = frame[target].astype(str)
    if labels is not None:
        y = y.map(labels)
    features = {
        name: as_category(column) if name in codes or _is_text(column) else column
        for name, column in frame.drop(columns=target).items()
    }
    return pd.DataFrame(features).reset_index(drop=True), y.reset_index(drop=True)


def _is_text(column: pd.Series) -> bool:
    return not (
        pd.api.types.is_numeric_dtype(column.dtype)
        or pd.api.types.is_datetime64_any_dtype(column.dtype)
    )
