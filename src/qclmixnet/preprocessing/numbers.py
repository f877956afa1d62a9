"""Columns that end in ``x_num``: numbers, booleans and dates."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qclmixnet.preprocessing.dates import CYCLES, cycle_angles, days_since
from qclmixnet.preprocessing.facts import DateFacts, NumberFacts
from qclmixnet.preprocessing.scaling import SCALINGS, Scaling, scaled, unscaled

__all__ = ["DateColumn", "NumberColumn"]


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers or booleans: its scaled value, and whether it is missing.

    Attributes:
        name: the column.
        scaling: how it is scaled.
        centre: what becomes 0.
        scale: what becomes 1; 0 when the training values do not differ.
        has_holes: the training rows had missing values.
    """

    name: str
    scaling: Scaling
    centre: float
    scale: float
    has_holes: bool

    @classmethod
    def fit(
        cls, name: str, values: np.ndarray, scaling: Scaling, facts: NumberFacts
    ) -> "NumberColumn":
        """Learn the centre and the scale of float64 values with NaN.

        Args:
            name: the column.
            values: its values in the rows that quantiles are taken from.
            scaling: how to scale.
            facts: what is known of all rows.

        Returns:
            The column.
        """
        centre, scale = SCALINGS[scaling](values[~np.isnan(values)])
        return cls(name, scaling, centre, scale, has_holes=facts.has_holes)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the rows that ``write`` fills."""
        return (self.name, *([f"{self.name} is missing"] if self.has_holes else []))

    def write(self, values: np.ndarray, out: np.ndarray) -> None:
        """Fill `out`, of shape (outputs, rows)."""
        out[0] = scaled(values, self.centre, self.scale, self.scaling)
        if self.has_holes:
            out[1] = np.isnan(values)

    def read(self, written: np.ndarray) -> np.ndarray:
        """Return the values that `write` wrote, rounded; NaN for holes and far ones."""
        values = np.asarray(written[0], dtype=np.float64)
        raw = unscaled(values, self.centre, self.scale, self.scaling)
        return np.where(written[1] > 0.5, np.nan, raw) if self.has_holes else raw

    def to_dict(self) -> dict[str, object]:
        """Return what is not in the arrays of the encoder's state."""
        return {"name": self.name, "has_holes": self.has_holes}

    @classmethod
    def from_dict(
        cls, row: Mapping[str, object], centre: float, scale: float, scaling: Scaling
    ) -> "NumberColumn":
        """Rebuild the column from its state."""
        return cls(str(row["name"]), scaling, centre, scale, bool(row["has_holes"]))


@dataclass(frozen=True)
class DateColumn:
    """A column of dates: days since the first one, and its place in each cycle.

    Attributes:
        name: the column.
        scaling: how the days are scaled.
        centre: days that become 0.
        scale: days that become 1; 0 when the training dates do not differ.
        has_holes: the training rows had missing dates.
        origin: earliest training date, in microseconds since 1970.
        cycles: cycles of which the place varies in training.
    """

    name: str
    scaling: Scaling
    centre: float
    scale: float
    has_holes: bool
    origin: int
    cycles: tuple[str, ...]

    @classmethod
    def fit(
        cls, name: str, values: np.ndarray, scaling: Scaling, facts: DateFacts
    ) -> "DateColumn":
        """Learn the scale of datetime64[us] with NaT.

        Args:
            name: the column.
            values: its values in the rows that quantiles are taken from.
            scaling: how to scale.
            facts: what is known of all rows.

        Returns:
            The column.
        """
        present = values[~np.isnat(values)]
        origin = np.datetime64(facts.origin, "us")
        centre, scale = SCALINGS[scaling](days_since(present, origin))
        return cls(
            name,
            scaling,
            centre,
            scale,
            has_holes=facts.has_holes,
            origin=facts.origin,
            cycles=facts.cycles,
        )

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the rows that ``write`` fills."""
        waves = [
            f"{self.name} ({f} of {c})" for c in self.cycles for f in ("sine", "cosine")
        ]
        hole = [f"{self.name} is missing"] if self.has_holes else []
        return (f"{self.name} (days)", *waves, *hole)

    def write(self, values: np.ndarray, out: np.ndarray) -> None:
        """Fill `out`, of shape (outputs, rows)."""
        days = days_since(values, np.datetime64(self.origin, "us"))
        out[0] = scaled(days, self.centre, self.scale, self.scaling)
        if self.cycles:
            angles = cycle_angles(values)
            for position, cycle in enumerate(self.cycles):
                out[1 + 2 * position] = np.nan_to_num(np.sin(angles[cycle]))
                out[2 + 2 * position] = np.nan_to_num(np.cos(angles[cycle]))
        if self.has_holes:
            out[-1] = np.isnat(values)

    def to_dict(self) -> dict[str, object]:
        """Return what is not in the arrays of the encoder's state."""
        return {
            "name": self.name,
            "has_holes": self.has_holes,
            "origin": self.origin,
            "cycles": list(self.cycles),
        }

    @classmethod
    def from_dict(
        cls, row: Mapping[str, object], centre: float, scale: float, scaling: Scaling
    ) -> "DateColumn":
        """Rebuild the column from its state.

        Args:
            row: what ``to_dict`` returned.
            centre: from the arrays of the encoder's state.
            scale: from the same arrays.
            scaling: of the encoder.

        Returns:
            An equal column.

        Raises:
            ValueError: the origin or the cycles are none.
        """
        origin, cycles = row["origin"], row["cycles"]
        if not isinstance(origin, int) or not isinstance(cycles, list):
            raise ValueError(f"damaged date column {row!r}")  # noqa: TRY004
        named = tuple(cycle for cycle in CYCLES if cycle in cycles)
        name, has_holes = str(row["name"]), bool(row["has_holes"])
        return cls(name, scaling, centre, scale, has_holes, origin, named)
