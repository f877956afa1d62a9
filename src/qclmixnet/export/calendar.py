"""Dates in a graph: days since an origin, and sines and cosines of the calendar.

References:
    Hinnant (2021), "chrono-compatible low-level date algorithms", section
    `civil_from_days`, for the day of the year. We differ in counting from 1 January.

    Cody and Waite (1980), "Software Manual for the Elementary Functions", for the
    quarter turn in two parts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qclmixnet.export.graph import Graph, Value
from qclmixnet.preprocessing import DateColumn

__all__ = ["DateBlocks"]

_DAY = 86_400e6  # microseconds
_TURN = 2 * np.pi
# A quarter turn in two parts: multiples of the first lose no digit.
_QUARTER_TURN = (1.57079632673412561417, 6.07710050650619224932e-11)
_WAVES = (np.sin, np.cos)


@dataclass(frozen=True)
class DateBlocks:
    """What dates become, as tensors of shape (dates, rows).

    Attributes:
        days: float64, days since the origin of each column, NaN where missing.
        waves: float32, by cycle and 0 for its sine or 1 for its cosine; 0 where
            missing.
    """

    days: Value
    waves: Mapping[tuple[str, int], Value]

    @classmethod
    def of(
        cls, graph: Graph, seconds: Value, dates: Sequence[DateColumn]
    ) -> "DateBlocks":
        """Add what is needed of the dates.

        Args:
            graph: what to add to.
            seconds: float64 (dates, rows), seconds since 1970 with NaN.
            dates: the fitted columns.

        Returns:
            The blocks; of the cycles those that any column needs.
        """
        # Seconds are no exact numbers, whole microseconds are.
        micros = graph.add("Round", graph.add("Mul", seconds, np.float64(1e6)))
        origin = np.array([[float(column.origin)] for column in dates])
        days = graph.add("Div", graph.add("Sub", micros, origin), np.float64(_DAY))
        cycles = {cycle for column in dates for cycle in column.cycles}
        if not cycles:
            return cls(days, {})
        missing = graph.add("IsNaN", micros)
        known = graph.add("Where", missing, np.float64(0), micros)
        day = _floor_divide(graph, known, _DAY)
        waves: dict[tuple[str, int], Value] = {}
        if "year" in cycles:
            places = np.arange(366) / 365.25
            waves |= _looked_up(graph, "year", _day_of_year(graph, day), places)
        if "week" in cycles:
            since_monday = graph.add("Sub", day, np.float64(4))  # 5 January 1970
            weekday = _remainder(graph, since_monday, 7)
            waves |= _looked_up(graph, "week", weekday, np.arange(7) / 7)
        if "day" in cycles:
            midnight = graph.add("Mul", day, np.float64(_DAY))
            gone = graph.add("Sub", known, midnight)
            angle = graph.add("Div", gone, np.float64(_DAY))
            angle = graph.add("Mul", angle, np.float64(_TURN))
            for number, wave in enumerate(_sine_and_cosine(graph, angle)):
                waves["day", number] = graph.cast(wave, np.float32)
        return cls(
            days,
            {
                key: graph.add("Where", missing, np.float32(0), wave)
                for key, wave in waves.items()
            },
        )


def _looked_up(
    graph: Graph, cycle: str, place: Value, parts: np.ndarray
) -> dict[tuple[str, int], Value]:
    """Take waves of few places from a table, which NumPy has computed."""
    index = graph.cast(place, np.int64)
    tables = [wave(_TURN * parts).astype(np.float32) for wave in _WAVES]
    return {
        (cycle, number): graph.add("Gather", table, index, axis=0)
        for number, table in enumerate(tables)
    }


def _sine_and_cosine(graph: Graph, angle: Value) -> tuple[Value, Value]:
    """Waves of angles within one turn, right to the last digit around their zeros.

    The operators of onnxruntime are off by 2e-16 there, which is much of 6e-17.
    """
    quarters = graph.add("Round", graph.add("Mul", angle, np.float64(2 / np.pi)))
    rest = angle
    for part in _QUARTER_TURN:
        rest = graph.add("Sub", rest, graph.add("Mul", quarters, np.float64(part)))
    sine, cosine = graph.add("Sin", rest), graph.add("Cos", rest)
    place = graph.cast(quarters, np.int64)
    along = graph.add("Gather", np.array([1.0, 0, -1, 0, 1]), place, axis=0)
    across = graph.add("Gather", np.array([0.0, 1, 0, -1, 0]), place, axis=0)
    of_sine = graph.add("Mul", along, sine), graph.add("Mul", across, cosine)
    of_cosine = graph.add("Mul", along, cosine), graph.add("Mul", across, sine)
    return graph.add("Add", *of_sine), graph.add("Sub", *of_cosine)


def _floor(graph: Graph, value: Value, divisor: float) -> Value:
    return graph.add("Floor", graph.add("Div", value, np.float64(divisor)))


def _floor_divide(graph: Graph, value: Value, divisor: float) -> Value:
    """Divide whole numbers so large that the quotient may be rounded up."""
    quotient = _floor(graph, value, divisor)
    product = graph.add("Mul", quotient, np.float64(divisor))
    too_large = graph.cast(graph.add("Less", value, product), np.float64)
    return graph.add("Sub", quotient, too_large)


def _remainder(graph: Graph, value: Value, divisor: float) -> Value:
    quotient = _floor(graph, value, divisor)
    return graph.add("Sub", value, graph.add("Mul", quotient, np.float64(divisor)))


def _day_of_year(graph: Graph, day: Value) -> Value:
    """Days since 1 January, 0 to 365, for days since 1970."""
    # Years are counted from 1 March, which puts the leap day last; 400 of them are one
    # era of 146,097 days.
    since_era = _remainder(graph, graph.add("Add", day, np.float64(719_468)), 146_097)
    leaps = [
        _floor(graph, since_era, 1_460),
        _floor(graph, since_era, 36_524),
        _floor(graph, since_era, 146_096),
    ]
    plain = graph.add("Sub", since_era, leaps[0])
    plain = graph.add("Sub", graph.add("Add", plain, leaps[1]), leaps[2])
    year = _floor(graph, plain, 365)
    fours, hundreds = _floor(graph, year, 4), _floor(graph, year, 100)
    year_start = graph.add("Mul", year, np.float64(365))
    year_start = graph.add("Sub", graph.add("Add", year_start, fours), hundreds)
    since_march = graph.add("Sub", since_era, year_start)  # 0 to 365
    # From March on, the leap day of the same year is past.
    table = np.array([_is_leap(number) for number in range(400)], dtype=np.float64)
    leap = graph.add("Gather", table, graph.cast(year, np.int64), axis=0)
    after = graph.add("Add", graph.add("Add", since_march, np.float64(59)), leap)
    before = graph.add("Sub", since_march, np.float64(306))
    is_before = graph.add("Less", since_march, np.float64(306))
    return graph.add("Where", is_before, after, before)


def _is_leap(year: int) -> bool:
    """Whether there was a 29 February in this year of the era."""
    return year % 4 == 0 and (year % 100 != 0 or year == 0)
