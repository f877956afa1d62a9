"""Codes for the levels of one category."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["MAX_REMEMBERED", "MISSING", "OTHER", "LevelCodes"]

MISSING, OTHER, _FIRST = 0, 1, 2

MAX_REMEMBERED = 10_000
"""Rare levels remembered by text, to tell a rare level from one never seen."""


@dataclass(frozen=True)
class LevelCodes:
    """The levels of one category that have a code of their own.

    Attributes:
        name: the column.
        levels: kept levels in order of their text; the first has code 2.
        rare: levels of training beyond the cap, coded as other; None when they are more
            than ``MAX_REMEMBERED``: then no cell of this column counts as unseen.
    """

    name: str
    levels: tuple[str, ...]
    rare: tuple[str, ...] | None

    @classmethod
    def fit(cls, name: str, counts: Mapping[str, int], max_levels: int) -> "LevelCodes":
        """Keep the most frequent levels; ties go to the first by text.

        Args:
            name: the column.
            counts: rows of each level.
            max_levels: levels that get a code of their own.

        Returns:
            The codes.
        """
        ranked = sorted(counts, key=lambda text: (-counts[text], text))
        kept = sorted(ranked[:max_levels])
        rest = sorted(ranked[max_levels:])
        rare = tuple(rest) if len(rest) <= MAX_REMEMBERED else None
        return cls(name, tuple(kept), rare)

    def encode(self, values: np.ndarray) -> tuple[np.ndarray, int]:
        """Return the code of each cell, and how many cells have an unseen level."""
        positions, found = pd.factorize(values)
        present = np.asarray(found, dtype=object)
        known = pd.Index(np.array(self.levels, dtype=object), dtype=object)
        place = known.get_indexer(pd.Index(present, dtype=object))
        codes = np.where(place >= 0, place + _FIRST, OTHER)
        n_unseen = 0
        if self.rare is not None and (place < 0).any():
            rare = set(self.rare)
            strange = [
                p < 0 and level not in rare
                for p, level in zip(place, present, strict=True)
            ]
            counts = np.bincount(positions[positions >= 0], minlength=len(present))
            n_unseen = int(counts[np.array(strange, dtype=bool)].sum())
        return np.append(codes, MISSING).astype(np.int64)[positions], n_unseen

    def to_dict(self) -> dict[str, object]:
        """Return the levels, fit for JSON."""
        rare = None if self.rare is None else list(self.rare)
        return {"name": self.name, "levels": list(self.levels), "rare": rare}

    @classmethod
    def from_dict(cls, row: Mapping[str, object]) -> "LevelCodes":
        """Rebuild the codes from their state.

        Args:
            row: what ``to_dict`` returned.

        Returns:
            Equal codes.

        Raises:
            ValueError: the levels are no list of texts.
        """
        levels, rare = row["levels"], row["rare"]
        if not isinstance(levels, list) or not isinstance(rare, list | None):
            raise ValueError(f"damaged levels of {row['name']!r}")  # noqa: TRY004
        remembered = None if rare is None else tuple(map(str, rare))
        return cls(str(row["name"]), tuple(map(str, levels)), remembered)
