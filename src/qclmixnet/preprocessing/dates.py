"""A date as numbers: how late it is, and where in the year, the week and the day."""

from collections.abc import Mapping

import numpy as np

__all__ = ["CYCLES", "cycle_angles", "days_since"]

_DAY = np.timedelta64(1, "D")
_FULL_TURN = 2 * np.pi

CYCLES = ("year", "week", "day")
"""Cycles whose position becomes a sine and a cosine."""


def days_since(dates: np.ndarray, origin: np.datetime64) -> np.ndarray:
    """Days from the origin, with the time of day as a fraction; NaT becomes NaN.

    >>> noon = np.array(["2024-03-01T12"], dtype="M8[us]")
    >>> days_since(noon, np.datetime64("2024-02-29"))
    array([1.5])
    """
    return np.asarray((dates - origin) / _DAY, dtype=np.float64)


def cycle_angles(dates: np.ndarray) -> Mapping[str, np.ndarray]:
    """Position of each date in each cycle, as an angle; NaT becomes NaN.

    The day of the year turns once in 365.25 days, the day of the week once from Monday
    to Monday, the time of day once from midnight to midnight.
    """
    days = dates.astype("datetime64[D]")
    day_of_year = (days - dates.astype("datetime64[Y]").astype("datetime64[D]")) / _DAY
    since_monday = (days - np.datetime64("1970-01-05")) / _DAY
    parts = {
        "year": day_of_year / 365.25,
        "week": np.mod(since_monday, 7) / 7,
        "day": (dates - days) / _DAY,
    }
    return {name: _FULL_TURN * np.asarray(part) for name, part in parts.items()}
