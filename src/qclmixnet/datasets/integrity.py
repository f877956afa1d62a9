"""Measuring a loaded table and checking that it is the one the registry describes."""

import hashlib

import numpy as np
import pandas as pd

from qclmixnet.core.errors import InputError
from qclmixnet.datasets.cards import DatasetCard, TableNumbers
from qclmixnet.datasets.packages import describe_installed

__all__ = ["measure_table", "table_checksum", "verify_table"]


def measure_table(frame: pd.DataFrame, target: pd.Series) -> TableNumbers:
    """Count rows, columns by kind, classes, missing cells and repeated rows."""
    columns = [frame[name] for name in frame.columns]
    n_num = sum(pd.api.types.is_numeric_dtype(column.dtype) for column in columns)
    n_date = sum(pd.api.types.is_datetime64_any_dtype(c.dtype) for c in columns)
    counts = target.value_counts()
    counts = counts[counts > 0]  # a categorical target lists its unused levels too
    largest, smallest = (
        (int(counts.max()), int(counts.min())) if len(counts) else (0, 0)
    )
    return TableNumbers(
        n_rows=len(frame),
        n_num=n_num,
        n_cat=len(columns) - n_num - n_date,
        n_date=n_date,
        n_classes=len(counts),
        imbalance_ratio=round(largest / smallest, 1) if smallest else 0.0,
        smallest_class=smallest,
        n_missing=int(frame.isna().sum().sum()),
        n_duplicates=int(pd.concat([frame, target], axis=1).duplicated().sum()),
    )


def table_checksum(frame: pd.DataFrame, target: pd.Series) -> str:
    """Hash the names and values of a table, independently of dtypes and versions.

    Numbers count as little-endian float64 (every NaN alike, -0.0 as 0.0), dates as
    microseconds since 1970, everything else as its sorted UTF-8 levels and one
    int32 code per row. Row and column order matter; the index does not.
    """
    digest = hashlib.sha256()
    for name in frame.columns:
        _hash_column(digest, str(name), frame[name])
    _hash_column(digest, f"target:{target.name}", target)
    return digest.hexdigest()


def _hash_column(digest: "hashlib._Hash", name: str, column: pd.Series) -> None:
    _hash_text(digest, name)
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype="<f8", na_value=np.nan) + 0.0  # -0.0 -> 0.0
        numbers[np.isnan(numbers)] = np.nan
        _hash_text(digest, "number")
        digest.update(numbers.tobytes())
    elif pd.api.types.is_datetime64_any_dtype(column.dtype):
        moments = column.to_numpy(dtype="datetime64[us]").astype("<i8")
        _hash_text(digest, "date")
        digest.update(moments.tobytes())
    else:
        _hash_text(digest, "text")
        codes, levels = pd.factorize(column.astype(object))
        order = sorted(range(len(levels)), key=lambda code: str(levels[code]))
        rank = np.full(len(levels) + 1, -1, dtype="<i4")  # rank[-1]: missing
        rank[order] = np.arange(len(levels))
        for code in order:
            _hash_text(digest, str(levels[code]))
        digest.update(rank[codes].tobytes())


def _hash_text(digest: "hashlib._Hash", text: str) -> None:
    data = text.encode()
    digest.update(len(data).to_bytes(8, "little"))  # "ab"+"c" is not "a"+"bc"
    digest.update(data)


def verify_table(frame: pd.DataFrame, target: pd.Series, card: DatasetCard) -> None:
    """Refuse a table that differs from the one the registry was made from.

    Args:
        frame: the features as loaded.
        target: the labels as loaded.
        card: the card with the expected checksum.

    Raises:
        InputError: the checksum differs; the message names the package versions.
    """
    if table_checksum(frame, target) != card.checksum:
        raise InputError(
            f"Dataset {card.name!r} is not the table that the registry describes: "
            f"{describe_installed(card.package)} carries other values."
        )
