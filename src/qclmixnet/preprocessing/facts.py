"""What an encoder has to know of all rows of a column, gathered part by part.

Quantiles can be taken from a sample; a hole, the first date or a level must not be
overlooked, so these are facts about every row.

References:
    Misra, Gries (1982), "Finding repeated elements", Science of Computer Programming
    2: counts of frequent levels in bounded memory. We lower the counts to that of the
    first level left out, and only when there are twice as many levels as are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qclmixnet.preprocessing.dates import CYCLES, cycle_angles
from qclmixnet.table import Kind

__all__ = [
    "MOST_LEVELS",
    "DateFacts",
    "DateScan",
    "Facts",
    "LevelFacts",
    "LevelScan",
    "NumberFacts",
    "NumberScan",
    "start_facts",
]

MOST_LEVELS = 100_000
"""Levels of a column that are counted at least; exactly, if there are no more."""


@dataclass(frozen=True)
class NumberFacts:
    """What is known of all rows of a column of numbers or booleans.

    Attributes:
        has_holes: some are missing.
    """

    has_holes: bool


@dataclass(frozen=True)
class DateFacts:
    """What is known of all rows of a column of dates.

    Attributes:
        has_holes: some are missing.
        origin: the earliest, in microseconds since 1970.
        cycles: cycles of which the place varies.
    """

    has_holes: bool
    origin: int
    cycles: tuple[str, ...]


@dataclass(frozen=True)
class LevelFacts:
    """What is known of all rows of a category.

    Attributes:
        counts: rows of each level.
        is_complete: no level is left out, and the counts are exact.
    """

    counts: Mapping[str, int]
    is_complete: bool


Facts = NumberFacts | DateFacts | LevelFacts


class NumberScan:
    """Gathers facts about numbers: float64 with NaN."""

    def __init__(self) -> None:
        self._has_holes = False

    def add(self, values: np.ndarray) -> None:
        """Look at the next rows."""
        self._has_holes = self._has_holes or bool(np.isnan(values).any())

    def facts(self) -> NumberFacts:
        """Return what is known by now."""
        return NumberFacts(self._has_holes)


class DateScan:
    """Gathers facts about dates: datetime64[us] with NaT."""

    def __init__(self) -> None:
        self._has_holes = False
        self._origin: int | None = None
        self._lows = dict.fromkeys(CYCLES, np.inf)
        self._highs = dict.fromkeys(CYCLES, -np.inf)

    def add(self, values: np.ndarray) -> None:
        """Look at the next rows."""
        present = values[~np.isnat(values)]
        self._has_holes = self._has_holes or len(present) < len(values)
        if not len(present):
            return
        first = int(present.min().astype(np.int64))
        self._origin = first if self._origin is None else min(first, self._origin)
        for cycle, angles in cycle_angles(present).items():
            self._lows[cycle] = min(self._lows[cycle], angles.min())
            self._highs[cycle] = max(self._highs[cycle], angles.max())

    def facts(self) -> DateFacts:
        """Return what is known by now, at least one date having been there."""
        assert self._origin is not None
        varying = [cycle for cycle in CYCLES if self._highs[cycle] > self._lows[cycle]]
        return DateFacts(self._has_holes, self._origin, tuple(varying))


class LevelScan:
    """Counts the levels of a category: objects of str with None.

    Args:
        most_levels: levels that are counted at least; None for `MOST_LEVELS`. When
            there are more than twice as many, the less frequent ones are dropped, and
            the counts of the others are lowered by that of the first one dropped. A
            level that fills more than 1 / `most_levels` of all rows is never lost.

    >>> scan = LevelScan(most_levels=1)
    >>> scan.add(np.array(["a", "b", "a", "a", "c"], dtype=object))
    >>> scan.facts()
    LevelFacts(counts={'a': 2}, is_complete=False)
    """

    def __init__(self, most_levels: int | None = None) -> None:
        self._most = MOST_LEVELS if most_levels is None else most_levels
        self._counts: dict[str, int] = {}
        self._is_complete = True

    def add(self, values: np.ndarray) -> None:
        """Look at the next rows."""
        codes, levels = pd.factorize(values)
        found = np.bincount(codes[codes >= 0], minlength=len(levels)).tolist()
        counts = self._counts
        for level, count in zip(levels, found, strict=True):
            text = str(level)
            counts[text] = counts.get(text, 0) + count
        if len(counts) > 2 * self._most:
            self._is_complete = False
            ranked = sorted(counts, key=lambda text: (-counts[text], text))
            off = counts[ranked[self._most]]
            lowered = {text: counts[text] - off for text in ranked[: self._most]}
            self._counts = {text: left for text, left in lowered.items() if left > 0}

    @property
    def n_levels(self) -> int:
        """Levels that are counted now; all there were if the facts are complete."""
        return len(self._counts)

    def facts(self) -> LevelFacts:
        """Return what is known by now."""
        return LevelFacts(dict(self._counts), self._is_complete)


def start_facts(kind: Kind) -> NumberScan | DateScan | LevelScan:
    """Return what gathers the facts about a column of this kind."""
    if kind == "category":
        return LevelScan()
    return DateScan() if kind == "date" else NumberScan()
