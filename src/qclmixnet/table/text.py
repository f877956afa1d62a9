"""Text rules: how a level is written, and which texts are numbers, truths or dates."""

import re
from decimal import Decimal, InvalidOperation

import numpy as np
import pandas as pd

__all__ = [
    "level_text",
    "level_texts",
    "missing_cells",
    "text_to_dates",
    "text_to_numbers",
]

_ISO_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}"
    r"([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?( ?(Z|[+-]\d{2}:?\d{2}))?)?",
    re.ASCII,
)
_TRUTHS = {"true": 1.0, "false": 0.0}


def missing_cells(values: np.ndarray) -> np.ndarray:
    """Tell which cells are missing, of whatever flavour, one boolean per cell."""
    try:
        return np.asarray(pd.isna(values), dtype=bool)
    except InvalidOperation:  # pandas compares, and a signalling NaN does not let it
        quiet = [
            None if isinstance(value, Decimal) and value.is_nan() else value
            for value in values
        ]
        cells = np.empty(len(quiet), dtype=object)
        cells[:] = quiet
        return np.asarray(pd.isna(cells), dtype=bool)


def level_text(value: object) -> str:
    """Write one level as text, whole numbers without a decimal point.

    Missing values turn a column of integers into floats; this rule keeps its levels.

    >>> level_text(1.0), level_text(1), level_text(1.5), level_text("1.0")
    ('1', '1', '1.5', '1.0')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


def level_texts(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Write every cell with ``level_text`` and every missing cell as None."""
    texts = np.full(len(values), None, dtype=object)
    texts[~missing] = [level_text(value) for value in values[~missing]]
    return texts


def text_to_numbers(texts: np.ndarray) -> tuple[np.ndarray, str | None]:
    """Read texts as numbers; also return the first that is not one.

    ``true`` and ``false`` count as 1 and 0, None as missing.

    >>> text_to_numbers(np.array(["1e3", None, "True"], dtype=object))
    (array([1000.,   nan,    1.]), None)
    """
    codes, levels = pd.factorize(texts)
    plain = [_TRUTHS.get(str(level).strip().lower(), level) for level in levels]
    numbers = pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce")
    values = numbers.to_numpy(dtype=np.float64)
    bad = np.flatnonzero(np.isnan(values))
    example = str(levels[bad[0]]) if len(bad) else None
    return np.append(values, np.nan)[codes], example


def text_to_dates(texts: np.ndarray) -> tuple[np.ndarray, str | None]:
    """Read ISO 8601 texts as UTC dates; also return the first that is not one.

    Accepted is ``YYYY-MM-DD``, alone or followed by a time and a UTC offset.

    >>> text_to_dates(np.array(["2024-02-30"], dtype=object))[1]
    '2024-02-30'
    """
    nothing = np.full(len(texts), np.datetime64("NaT"), dtype="datetime64[us]")
    codes, levels = pd.factorize(texts)
    for level in levels:
        if not _ISO_DATE.fullmatch(level):
            return nothing, str(level)
    parsed = pd.to_datetime(
        pd.Series(levels, dtype=object), format="ISO8601", utc=True, errors="coerce"
    )
    bad = np.flatnonzero(parsed.isna().to_numpy())
    if len(bad):
        return nothing, str(levels[bad[0]])
    values = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return np.append(values, np.datetime64("NaT", "us"))[codes], None
