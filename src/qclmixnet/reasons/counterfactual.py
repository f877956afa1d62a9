"""The smallest change of a row's numbers that alters the decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qclmixnet.core.checks import check_integer
from qclmixnet.table import Table

__all__ = ["Change", "Counterfactual", "Judge", "Movable", "counterfactuals"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Judge = Callable[[Table], tuple[IntArray, FloatArray]]
"""From rows in raw units to their decided classes and the log-odds of all classes."""

_N_CANDIDATES = 15
_HALVINGS = 12
_ROWS_AT_ONCE = 1 << 15
_SEARCHES_AT_ONCE = 200


@dataclass(frozen=True)
class Change:
    """One column of a row that is changed, in its own units."""

    column: str
    before: float
    after: float


@dataclass(frozen=True)
class Counterfactual:
    """A change of a row that alters its decision.

    Attributes:
        changes: the columns that change, the largest move first.
        distance: sum of the moves, each in spreads of its column.
        decision: number of the class that is decided after the change.
    """

    changes: tuple[Change, ...]
    distance: float
    decision: int


@dataclass(frozen=True)
class Movable:
    """A column that may change.

    Attributes:
        name: the column.
        candidates: values that are tried first, sorted: quantiles of what was seen.
        spread: the unit of a move.
        is_whole: only whole numbers were seen, so only those are proposed.
    """

    name: str
    candidates: tuple[float, ...]
    spread: float
    is_whole: bool

    @classmethod
    def from_values(cls, name: str, values: FloatArray) -> "Movable | None":
        """Learn a column from values that were seen; None when they do not differ.

        The spread is the interquartile range, or half the range where that is 0.

        >>> column = Movable.from_values("age", np.array([20.0, 30.0, np.nan, 60.0]))
        >>> column.spread, column.candidates[0], column.candidates[-1]
        (20.0, 20.0, 60.0)
        """
        seen = values[np.isfinite(values)]
        if not len(seen) or seen.min() == seen.max():
            return None
        low, high = np.quantile(seen, [0.25, 0.75])
        spread = float(high - low) or float(seen.max() - seen.min()) / 2
        levels = np.linspace(0, 1, _N_CANDIDATES)
        tried = np.unique(np.quantile(seen, levels, method="nearest"))
        whole = bool((seen == np.round(seen)).all())
        return cls(name, tuple(tried.tolist()), spread, is_whole=whole)


@dataclass
class _Search:
    """A row on the way to another decision."""

    row: int
    values: dict[str, float]  # columns changed so far, and to what


def counterfactuals(
    table: Table,
    movable: Sequence[Movable],
    judge: Judge,
    *,
    wanted: int | None = None,
    max_columns: int = 3,
) -> list[Counterfactual | None]:
    """Look for the smallest change of each row that alters its decision.

    For every column alone the values that were seen (15 quantiles, the ends included)
    are tried. If one alters the decision, the nearest such value of each column is
    moved back to the border by halving, and the column of the smallest move is taken.
    If none does, the value that brings the decision closest to altering is kept (or
    the lowest or highest seen in its place) and a second column is tried on top, then
    a third. The search is greedy: with two or three
    columns a smaller change may exist, and where none is found there may be one.

    A cell that is missing is not changed, and no value outside what was seen is
    proposed.

    Args:
        table: the rows, in raw units.
        movable: the columns that may change.
        judge: what decides.
        wanted: the class to reach; None for any other than the decided one.
        max_columns: columns that may change at once, at least 1.

    Returns:
        For each row the change, or None where none was found or the row already is
        what is wanted.

    Raises:
        InputError: `max_columns` is below 1.

    References:
        Wachter, Mittelstadt, Russell (2018), "Counterfactual Explanations without
        Opening the Black Box", for the idea and for distances in units of spread. They
        follow gradients; we try values, as trees have none.
    """
    check_integer(max_columns, "max_columns", low=1)
    decided, _ = _judge_in_parts(judge, table)
    columns = {column.name: column for column in movable}
    goal = _Goal(table, judge, decided, wanted, columns)
    out: list[Counterfactual | None] = [None] * table.n_rows
    open_rows = [
        _Search(row, {}) for row in range(table.n_rows) if decided[row] != wanted
    ]
    for _ in range(min(max_columns, len(columns))):
        still_open: list[_Search] = []
        for start in range(0, len(open_rows), _SEARCHES_AT_ONCE):
            found, left = goal.add_column(open_rows[start : start + _SEARCHES_AT_ONCE])
            still_open += left
            for search in found:
                out[search.row] = goal.result(search)
        open_rows = still_open
    return out


class _Goal:
    """Tries values on rows and tells which alter the decision."""

    def __init__(
        self,
        table: Table,
        judge: Judge,
        decided: IntArray,
        wanted: int | None,
        columns: Mapping[str, Movable],
    ) -> None:
        self.table, self.judge, self.decided = table, judge, decided
        self.wanted, self.columns = wanted, columns

    def add_column(
        self, searches: Sequence[_Search]
    ) -> tuple[list[_Search], list[_Search]]:
        """Change one more column of each row; return what is done and what is not."""
        trials = [
            _Search(search.row, {**values, name: value})
            for search in searches
            for values in self._starts(search)
            for name, column in self.columns.items()
            if name not in search.values
            and np.isfinite(self.table.columns[name][search.row])
            for value in column.candidates
            if value != self.table.columns[name][search.row]
        ]
        altered, closeness = self.try_out(trials)
        best: dict[int, tuple[float, _Search]] = {}
        nearest: dict[tuple[int, str], _Search] = {}
        for trial, is_altered, close in zip(trials, altered, closeness, strict=True):
            row, name = trial.row, list(trial.values)[-1]
            if is_altered:
                known = nearest.get((row, name))
                if known is None or self.distance(trial) < self.distance(known):
                    nearest[row, name] = trial
            if row not in best or close > best[row][0]:
                best[row] = (float(close), trial)
        shrunk = self.shrink(list(nearest.values()))
        done: dict[int, _Search] = {}
        for trial in shrunk:
            kept = done.get(trial.row)
            if kept is None or self.distance(trial) < self.distance(kept):
                done[trial.row] = trial
        left = [trial for row, (_, trial) in best.items() if row not in done]
        return list(done.values()), left

    def _starts(self, search: _Search) -> list[dict[str, float]]:
        """What was changed so far, also with the last column all the way down or up.

        Where both columns of two must be high, the first alone looks no better for
        being higher.
        """
        if not search.values:
            return [search.values]
        last = list(search.values)[-1]
        seen = self.columns[last].candidates
        ends = {search.values[last]: None, seen[0]: None, seen[-1]: None}
        return [{**search.values, last: value} for value in ends]

    def shrink(self, searches: list[_Search]) -> list[_Search]:
        """Move altered rows back to the border: together, then column by column."""
        if not searches:
            return []
        n_columns = len(searches[0].values)
        out = self._halve(searches, list(range(n_columns)))
        for position in range(n_columns if n_columns > 1 else 0):
            out = self._halve(out, [position])
        return self._shorten(out)

    def _halve(self, searches: list[_Search], positions: list[int]) -> list[_Search]:
        """Halve the way from the row to its change as long as the decision allows."""
        low, high = np.zeros(len(searches)), np.ones(len(searches))
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            moved = [
                self._part_way(search, positions, float(share))
                for search, share in zip(searches, middle, strict=True)
            ]
            altered, _ = self.try_out(moved)
            low, high = np.where(altered, low, middle), np.where(altered, middle, high)
        moved = [
            self._part_way(search, positions, float(share))
            for search, share in zip(searches, high, strict=True)
        ]
        altered, _ = self.try_out(moved)
        return [
            new if is_altered else old
            for new, old, is_altered in zip(moved, searches, altered, strict=True)
        ]

    def _part_way(self, search: _Search, positions: list[int], share: float) -> _Search:
        values = dict(search.values)
        for name in [list(values)[position] for position in positions]:
            before, after = self._before(search.row, name), values[name]
            value = before + share * (after - before) if share < 1 else after
            if self.columns[name].is_whole:  # away from the row, but not beyond
                value = np.ceil(value) if after > before else np.floor(value)
                value = min(value, after) if after > before else max(value, after)
            values[name] = float(value)
        return _Search(search.row, values)

    def _shorten(self, searches: list[_Search]) -> list[_Search]:
        """Write the new values with as few digits as the decision allows."""
        out = list(searches)
        for digits in (5, 4, 3, 2):
            shorter = [
                _Search(
                    search.row,
                    {
                        name: self._rounded(search.row, name, value, digits)
                        for name, value in search.values.items()
                    },
                )
                for search in out
            ]
            altered, _ = self.try_out(shorter)
            out = [
                new if ok and self.distance(new) < 1.01 * self.distance(old) else old
                for new, old, ok in zip(shorter, out, altered, strict=True)
            ]
        return out

    def _rounded(self, row: int, name: str, value: float, digits: int) -> float:
        """Round away from the row, but not beyond what was seen."""
        seen = self.columns[name].candidates
        rounded = _rounded_away(value, self._before(row, name), digits)
        return rounded if seen[0] <= rounded <= seen[-1] else value

    def try_out(
        self, searches: Sequence[_Search]
    ) -> tuple[npt.NDArray[np.bool_], FloatArray]:
        """Tell which changes alter the decision, and how close each comes to it."""
        if not searches:
            return np.zeros(0, dtype=bool), np.zeros(0)
        rows = np.array([search.row for search in searches])
        columns = {name: cells[rows] for name, cells in self.table.columns.items()}
        for position, search in enumerate(searches):
            for name, value in search.values.items():
                columns[name][position] = value
        codes, log_odds = _judge_in_parts(self.judge, Table(columns, len(rows)))
        if self.wanted is not None:
            return codes == self.wanted, log_odds[:, self.wanted]
        own = self.decided[rows]
        return codes != own, -log_odds[np.arange(len(rows)), own]

    def distance(self, search: _Search) -> float:
        """Sum of the moves in spreads."""
        return sum(
            abs(value - self._before(search.row, name)) / self.columns[name].spread
            for name, value in search.values.items()
        )

    def result(self, search: _Search) -> Counterfactual:
        """Write down what was found."""
        codes, _ = _judge_in_parts(self.judge, self._table_of(search))
        changes = [
            Change(name, self._before(search.row, name), value)
            for name, value in search.values.items()
            if value != self._before(search.row, name)
        ]
        changes.sort(
            key=lambda c: -abs(c.after - c.before) / self.columns[c.column].spread
        )
        return Counterfactual(tuple(changes), self.distance(search), int(codes[0]))

    def _table_of(self, search: _Search) -> Table:
        columns = {
            name: cells[[search.row]] for name, cells in self.table.columns.items()
        }
        for name, value in search.values.items():
            columns[name][0] = value
        return Table(columns, 1)

    def _before(self, row: int, name: str) -> float:
        return float(self.table.columns[name][row])


def _rounded_away(value: float, before: float, digits: int) -> float:
    """Round to significant digits, away from where the value came from.

    >>> _rounded_away(1.2341, 1.0, 3), _rounded_away(1.2341, 2.0, 3)
    (1.24, 1.23)
    """
    if value in (0.0, before):
        return value
    places = digits - 1 - int(np.floor(np.log10(abs(value))))
    unit = 10.0**-places
    steps = np.ceil(value / unit) if value > before else np.floor(value / unit)
    return float(np.round(steps * unit, max(places, 0)))


def _judge_in_parts(judge: Judge, table: Table) -> tuple[IntArray, FloatArray]:
    codes, log_odds = [], []
    for start in range(0, table.n_rows, _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        columns = {name: cells[part] for name, cells in table.columns.items()}
        n_rows = min(_ROWS_AT_ONCE, table.n_rows - start)
        found = judge(Table(columns, n_rows))
        codes.append(found[0])
        log_odds.append(found[1])
    return np.concatenate(codes), np.concatenate(log_odds)
