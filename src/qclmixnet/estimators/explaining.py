"""The part of the classifier that gives reasons."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.estimators.explanation import Explanation
from qclmixnet.estimators.state import FittedState
from qclmixnet.preprocessing import ColumnGroup, EncodedTable
from qclmixnet.reasons import (
    LogOdds,
    contributions,
    log_odds_of,
    permutations_within,
)
from qclmixnet.table import Schema, Table, read_table

__all__ = ["ExplainingMixin"]

_BUDGET = 200_000  # evaluations of the model for one table, unless it is told otherwise
_MOST_ROWS = 1000  # more say little that is new about a whole table


class ExplainingMixin:
    """Reasons for the predictions of a fitted classifier."""

    state_: FittedState
    schema_: Schema
    classes_: npt.NDArray[Any]

    def explain(
        self,
        X: object,
        *,
        classes: Sequence[object] | None = None,
        n_permutations: int | None = None,
        random_state: int = 0,
    ) -> Explanation:
        """Share out each prediction among the columns, as Shapley values.

        They are the log-odds of the calibrated probabilities, compared with some
        training rows that the model keeps. A category, a date, and a number with holes
        are one column each.

        Args:
            X: the rows to explain, a table with the columns of the training table.
            classes: the classes to explain; None for all.
            n_permutations: training rows to compare with, each in one random order of
                the columns and its reverse: more give smaller standard errors. None
                for as many as 200,000 evaluations of the model allow, 2 at least and
                128 at most.
            random_state: seed of the draws; the same for the same numbers.

        Returns:
            The contributions, their sums and their standard errors.

        Raises:
            InputError: there is no such class, the table cannot be read, or the model
                comes from a version that kept no training rows.
        """
        table, encoded = self._read(X)
        return self._explain(table, encoded, classes, n_permutations, random_state)

    def _explain(
        self,
        table: Table,
        encoded: EncodedTable,
        classes: Sequence[object] | None,
        n_permutations: int | None,
        random_state: int,
    ) -> Explanation:
        which = self._positions(classes)
        groups, background = self._groups(), self._background()
        if n_permutations is None:
            n_permutations = permutations_within(
                _BUDGET,
                n_rows=table.n_rows,
                n_columns=len(groups),
                n_background=len(background.x_num),
            )
        found = contributions(
            encoded,
            background,
            groups,
            self._log_odds(which),
            n_permutations=check_integer(n_permutations, "n_permutations", low=1),
            generator=np.random.default_rng(random_state),
        )
        return Explanation(
            columns=tuple(group.name for group in groups),
            classes=self.classes_[which],
            values=found.values,
            base=found.base,
            log_odds=found.log_odds,
            std_error=found.std_error,
            n_permutations=found.n_permutations,
            predicted=self._among(which, encoded, found.log_odds),
            cells={group.name: table.columns[group.name] for group in groups},
        )

    def feature_importance(
        self, X: object, *, n_permutations: int | None = None
    ) -> pd.DataFrame:
        """Return how much each column moves the log-odds of each class.

        Args:
            X: the rows to look at; of more than 1,000 so many are drawn at random.
            n_permutations: as for `explain`.

        Returns:
            The mean absolute contribution, columns of the table by classes, the most
            important column first.

        Raises:
            InputError: as for `explain`.
        """
        table, encoded = self._read(X)
        rows = _some_rows(table.n_rows)
        found = self._explain(
            _taken(table, rows), encoded.take(rows), None, n_permutations, 0
        )
        strength = np.abs(found.values).mean(axis=0)
        out = pd.DataFrame(
            strength, index=list(found.columns), columns=list(found.classes)
        )
        return out.iloc[np.argsort(-strength.mean(axis=1), kind="stable")]

    def _read(self, X: object) -> tuple[Table, EncodedTable]:
        check_is_fitted(self)
        table = read_table(X, self.schema_, estimator_name=type(self).__name__)
        return table, self.state_.encoder.encode(table)

    def _groups(self) -> tuple[ColumnGroup, ...]:
        """The columns in the order of the training table."""
        groups = {group.name: group for group in self.state_.encoder.column_groups}
        return tuple(groups[column.name] for column in self.schema_.used)

    def _background(self) -> EncodedTable:
        background = self.state_.background
        if background is None:
            raise InputError(
                "This model was saved by a version that kept no training rows to "
                "compare with; fit it again to get explanations."
            )
        return background

    def _positions(self, classes: Sequence[object] | None) -> npt.NDArray[np.int64]:
        if classes is None:
            return np.arange(len(self.classes_))
        if isinstance(classes, str) or not isinstance(classes, Sequence | np.ndarray):
            raise InputError(f"`classes` must be a list of labels, got {classes!r}.")
        known = self.classes_.tolist()
        strange = [label for label in classes if label not in known]
        if strange or not len(classes):
            raise InputError(
                f"`classes` must name some of {known}, got {list(classes)}."
            )
        return np.array([known.index(label) for label in classes], dtype=np.int64)

    def _log_odds(self, which: npt.NDArray[np.int64]) -> LogOdds:
        # Single precision: half the time, and 1e-6 matters to no explanation.
        kept = self.state_.model
        model = replace(  # type: ignore[type-var]
            kept,
            network=deepcopy(kept.network).float(),
            inputs=deepcopy(kept.inputs).float(),
        )
        return lambda encoded: log_odds_of(model.proba(encoded))[:, which]

    def _decided(self, encoded: EncodedTable) -> npt.NDArray[np.int64]:
        proba, rule = self.state_.model.proba(encoded), self.state_.rule
        codes = proba.argmax(axis=1) if rule is None else rule.decide(proba)
        return np.asarray(codes, dtype=np.int64)

    def _among(
        self,
        which: npt.NDArray[np.int64],
        encoded: EncodedTable,
        log_odds: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.int64]:
        """Position in `which` of the decided class, or else of the likeliest."""
        match = self._decided(encoded)[:, None] == which
        best = np.where(
            match.any(axis=1), match.argmax(axis=1), log_odds.argmax(axis=1)
        )
        return np.asarray(best, dtype=np.int64)


def _taken(table: Table, rows: npt.NDArray[np.int64]) -> Table:
    columns = {name: column[rows] for name, column in table.columns.items()}
    return Table(columns, len(rows))


def _some_rows(n_rows: int) -> npt.NDArray[np.int64]:
    """All rows, or some drawn at random, in their order."""
    if n_rows <= _MOST_ROWS:
        return np.arange(n_rows)
    generator = np.random.default_rng(0)
    return np.sort(generator.choice(n_rows, _MOST_ROWS, replace=False))
