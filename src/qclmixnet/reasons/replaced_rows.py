"""Rows of which some columns are taken from a second row, and what a model says."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import InputError
from qclmixnet.preprocessing import ColumnGroup, EncodedTable

__all__ = ["LogOdds", "ReplacedRows", "log_odds_of"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LogOdds = Callable[[EncodedTable], FloatArray]
"""From encoded rows to the log-odds of each class, rows by classes."""

_LEAST = 1e-9  # probabilities end here: log-odds between -20.7 and 20.7
_CELLS_AT_ONCE = 1 << 21  # of the mixed rows that are built for one call of a model
_MOST_ROWS_AT_ONCE = 1 << 15


def log_odds_of(proba: FloatArray) -> FloatArray:
    """Return the log-odds of each class against all others together.

    Args:
        proba: probabilities, rows by classes; below 1e-9 and above 1 - 1e-9 they count
            as these.

    Returns:
        The same shape.

    >>> log_odds_of(np.array([[0.5, 0.25, 0.25]])).round(3)
    array([[ 0.   , -1.099, -1.099]])
    """
    kept = np.clip(proba, _LEAST, 1 - _LEAST)
    out: FloatArray = np.log(kept) - np.log1p(-kept)
    return out


class ReplacedRows:
    """Evaluates a model where rows of a table meet rows of a background.

    A mixed row is a background row of which some columns, a date or a marked hole with
    all that came of it, are those of another row. Mixed rows that are equal, because
    the two rows agree in a column or because rows repeat, are evaluated once.

    Args:
        x: the rows to explain.
        background: the rows to compare them with.
        groups: which inputs come from which column of the caller's table.
        log_odds: the model.

    Raises:
        InputError: the two tables differ in width, or `background` has no rows.
    """

    def __init__(
        self,
        x: EncodedTable,
        background: EncodedTable,
        groups: Sequence[ColumnGroup],
        log_odds: LogOdds,
    ) -> None:
        if not len(background.x_num):
            raise InputError("`background` must have at least one row, got none.")
        for name in ("x_num", "x_cat"):
            wide, other = getattr(x, name).shape[1], getattr(background, name).shape[1]
            if wide != other:
                raise InputError(
                    f"`background` must be encoded as the rows are: its `{name}` has "
                    f"{other} columns, theirs {wide}."
                )
        self.x, self.background = x, background
        self.groups, self._log_odds = tuple(groups), log_odds
        self._of_number = _owner(x.x_num.shape[1], [g.numbers for g in self.groups])
        self._of_category = _owner(
            x.x_cat.shape[1], [g.categories for g in self.groups]
        )
        self._keys, self._background_keys = self._make_keys()

    @property
    def n_columns(self) -> int:
        """Columns of the caller's table."""
        return len(self.groups)

    def values(
        self,
        rows: IntArray,
        behind: IntArray,
        masks: npt.NDArray[np.bool_],
    ) -> FloatArray:
        """Return the log-odds of mixed rows.

        Args:
            rows: positions of rows to explain.
            behind: for each, the position of its background row.
            masks: choices by columns: True where the column is the explained row's.

        Returns:
            Rows by choices by classes.
        """
        own, other = self._keys[rows], self._background_keys[behind]
        # Sums of random 64-bit numbers, one for each value of a column, tell mixed rows
        # apart; among a million two are confused with probability 3e-8.
        steps = masks.astype(np.uint64)
        keys = other.sum(axis=1, dtype=np.uint64)[:, None] + (own - other) @ steps.T
        _, first, inverse = np.unique(
            keys.ravel(), return_index=True, return_inverse=True
        )
        which, choice = np.divmod(first, len(masks))
        found = self._evaluate(rows[which], behind[which], masks, choice)
        return found[inverse].reshape(len(rows), len(masks), -1)

    def _evaluate(
        self,
        rows: IntArray,
        behind: IntArray,
        masks: npt.NDArray[np.bool_],
        choice: IntArray,
    ) -> FloatArray:
        width = len(self._of_number) + 2 * len(self._of_category)
        at_once = min(_MOST_ROWS_AT_ONCE, max(1, _CELLS_AT_ONCE // max(1, width)))
        by_number, by_category = masks[:, self._of_number], masks[:, self._of_category]
        x, z, parts = self.x, self.background, []
        for start in range(0, len(rows), at_once):
            part = slice(start, start + at_once)
            own, other, mask = rows[part], behind[part], choice[part]
            mixed = EncodedTable(
                np.where(by_number[mask], x.x_num[own], z.x_num[other]),
                np.where(by_category[mask], x.x_cat[own], z.x_cat[other]),
                {},
            )
            parts.append(self._log_odds(mixed))
        return np.concatenate(parts)

    def _make_keys(
        self,
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Return a random number for each row and column, the same for equal values."""
        n_rows = len(self.x.x_num)
        generator = np.random.default_rng(0)
        keys = np.zeros((n_rows + len(self.background.x_num), self.n_columns), "u8")
        for position, group in enumerate(self.groups):
            cells = [
                np.concatenate([self.x.x_num[:, i], self.background.x_num[:, i]])
                for i in group.numbers
            ] + [
                np.concatenate([self.x.x_cat[:, i], self.background.x_cat[:, i]])
                for i in group.categories
            ]
            for column in cells:
                values, code = np.unique(column, return_inverse=True)
                words = generator.integers(2**64, size=len(values), dtype=np.uint64)
                keys[:, position] += words[code]
        return keys[:n_rows], keys[n_rows:]


def _owner(width: int, positions: Sequence[tuple[int, ...]]) -> IntArray:
    """For each input the number of the column that it comes from."""
    owner = np.full(width, -1, dtype=np.int64)
    for number, inputs in enumerate(positions):
        owner[list(inputs)] = number
    if (owner < 0).any():
        left = np.flatnonzero(owner < 0).tolist()
        raise InputError(f"`groups` must name every input, but leaves out {left}.")
    return owner
