"""The part of the classifier that gives reasons."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.estimators.explanation import Explanation
from qclmixnet.estimators.model_access import ModelAccess
from qclmixnet.estimators.model_rules import ModelRules
from qclmixnet.preprocessing import EncodedTable
from qclmixnet.reasons import (
    contributions,
    counterfactuals,
    distil,
    entanglement_map,
    interactions,
    nearest_cases,
    permutations_within,
)
from qclmixnet.table import ColumnSchema, Table

__all__ = ["ExplainingMixin"]

_BUDGET = 200_000  # evaluations of the model for one table, unless it is told otherwise
_MOST_ROWS = 250  # more would leave fewer training rows to compare each with


class ExplainingMixin(ModelAccess):
    """Reasons for the predictions: what `QCLMixNetClassifier` has beside `predict`."""

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
            cells={
                column.name: _as_given(column, table.columns[column.name])
                for column in self.schema_.used
            },
        )

    def feature_importance(
        self, X: object, *, n_permutations: int | None = None
    ) -> pd.DataFrame:
        """Return how much each column moves the log-odds of each class.

        Args:
            X: the rows to look at; of more than 250 so many are drawn at random.
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

    def interactions(
        self, X: object, *, n_pairs: int = 10, n_samples: int = 200
    ) -> pd.DataFrame:
        """Return the pairs of columns that the model uses together, strongest first.

        Args:
            X: rows to look at, each met with a training row that the model keeps.
            n_pairs: pairs to return at most. Up to 300 are looked at, in wide tables
                those of the 25 columns that alone move the model most.
            n_samples: pairs of rows to look at, at least 2.

        Returns:
            ``first``, ``second``, ``strength`` and ``std_error``: how much the log-odds
            change beyond the sum of both columns alone, the mean over rows and classes.

        Raises:
            InputError: the table cannot be read or has a single column that is used, a
                number is too small, or the model kept no training rows.
        """
        check_integer(n_pairs, "n_pairs", low=1)
        _, encoded = self._read(X)
        groups, everything = self._groups(), self._positions(None)
        found = interactions(
            encoded,
            self._background(),
            groups,
            self._log_odds(everything),
            n_samples=n_samples,
            generator=np.random.default_rng(0),
        )
        names = np.array([group.name for group in groups], dtype=object)
        pairs = names[found.pairs[:n_pairs]]
        return pd.DataFrame(
            {
                "first": pairs[:, 0],
                "second": pairs[:, 1],
                "strength": found.strength[:n_pairs].mean(axis=1),
                "std_error": found.std_error[:n_pairs].mean(axis=1),
            }
        )

    def entanglement_map(self) -> pd.DataFrame:
        """Return what the learned angles of the entanglement layer couple.

        It says what the layer could couple, not what the model uses, and the paper's
        layer does not name a planted pair, while the default's gated waves mostly do:
        see `qclmixnet.reasons.entanglement_map`. To learn what the model uses, call
        `interactions`.

        Returns:
            A symmetric table of columns by columns, its largest entry 1.

        Raises:
            InputError: the model has no such layer (the default preset has none), or
                it kept no training rows.
        """
        check_is_fitted(self)
        model, groups = self.state_.model, self._groups()
        matrix = entanglement_map(
            model.network,
            model.inputs,
            self._background(),
            groups,
            self.state_.encoder.cardinalities,
        )
        names = [group.name for group in groups]
        return pd.DataFrame(matrix, index=names, columns=names)

    def counterfactual(
        self,
        X: object,
        *,
        fixed: Sequence[str] = (),
        wanted: object = None,
        max_columns: int = 3,
    ) -> pd.DataFrame:
        """Look for the smallest change of each row that alters what `predict` says.

        Columns of numbers are changed, one if that is enough, else two or three; see
        `qclmixnet.reasons.counterfactuals` for how. Values outside those of the
        training rows that the model keeps are not proposed. It says what the model
        would answer, not what would happen if somebody made the change.

        Args:
            X: the rows; it takes a second for a few dozen, so give those of interest.
            fixed: columns that cannot change.
            wanted: the label to reach; None for any other than the predicted one.
            max_columns: columns that may change at once.

        Returns:
            One line per change: ``row``, ``column``, ``before``, ``after``, ``move``
            (in interquartile ranges), ``decision`` and ``new_decision``. A row for
            which nothing was found has one line without a column, and None as its
            ``new_decision``, or the wanted label if it is predicted already.

        Raises:
            InputError: there is no such column or label, the table cannot be read, or
                the model kept no training rows.
        """
        table, encoded = self._read(X)
        movable = self._movable(fixed)
        target = None if wanted is None else int(self._positions([wanted])[0])
        found = counterfactuals(
            table, movable, self._judge, wanted=target, max_columns=max_columns
        )
        spreads = {column.name: column.spread for column in movable}
        lines: list[tuple[object, ...]] = []
        for row, (code, one) in enumerate(
            zip(self._decided(encoded), found, strict=True)
        ):
            old = self.classes_[code]
            if one is None:
                new = old if code == target else None
                lines.append((row, None, np.nan, np.nan, np.nan, old, new))
                continue
            new = self.classes_[one.decision]
            lines += [
                (
                    row,
                    change.column,
                    change.before,
                    change.after,
                    (change.after - change.before) / spreads[change.column],
                    old,
                    new,
                )
                for change in one.changes
            ]
        names = "row column before after move decision new_decision"
        out = pd.DataFrame(lines, columns=names.split(), dtype=object)
        as_numbers = dict.fromkeys(("before", "after", "move"), np.float64)
        return out.astype({"row": np.int64, **as_numbers})

    def rules(self, X: object, *, max_depth: int = 3) -> ModelRules:
        """Say in a few if-then rules what `predict` says of these rows.

        Args:
            X: the rows; a third of them is held out to see how true the rules are.
            max_depth: conditions of a rule at most, 1 to 4.

        Returns:
            The rules, which can be printed, with their fidelity to the model.

        Raises:
            InputError: there are fewer than 12 rows, `predict` says the same of all,
                `max_depth` is out of range, or the table cannot be read.
        """
        table, encoded = self._read(X)
        found = distil(
            table,
            self.schema_,
            self._decided(encoded),
            max_depth=max_depth,
            generator=np.random.default_rng(0),
        )
        return ModelRules(found, self.classes_)

    def similar_cases(
        self, X: object, X_past: object, y_past: object, *, n_cases: int = 5
    ) -> pd.DataFrame:
        """Find the past cases that the model sees as most like each row.

        Nothing of the past is stored: it is given anew in each call.

        Args:
            X: the rows.
            X_past: past cases, a table with the columns of the training table.
            y_past: what they turned out to be, one for each.
            n_cases: how many for each row.

        Returns:
            One line per row and case, the nearest first: ``row``, ``rank`` from 1,
            ``position`` in `X_past`, ``label``, and ``distance`` in the space of
            `embed`.

        Raises:
            InputError: a table cannot be read, `y_past` is of another length, or
                `n_cases` is below 1.
        """
        _, encoded = self._read(X)
        _, past = self._read(X_past)
        labels, n_past = np.asarray(y_past), len(past.x_num)
        if labels.shape != (n_past,):
            raise InputError(
                f"`y_past` must hold one label for each of the {n_past} rows of "
                f"`X_past`, got shape {labels.shape}."
            )
        model = self.state_.model
        found = nearest_cases(model.embed(encoded), model.embed(past), n_cases=n_cases)
        n_rows, n_found = found.positions.shape
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(n_rows), n_found),
                "rank": np.tile(np.arange(1, n_found + 1), n_rows),
                "position": found.positions.ravel(),
                "label": labels[found.positions.ravel()],
                "distance": found.distances.ravel(),
            }
        )


def _as_given(
    column: ColumnSchema, cells: npt.NDArray[np.generic]
) -> npt.NDArray[np.generic]:
    """Cells as the caller knows them: the table keeps booleans as numbers."""
    if column.kind != "boolean":
        return cells
    truths = [None if np.isnan(cell) else bool(cell) for cell in cells.tolist()]
    return np.array(truths, dtype=object)


def _taken(table: Table, rows: npt.NDArray[np.int64]) -> Table:
    columns = {name: column[rows] for name, column in table.columns.items()}
    return Table(columns, len(rows))


def _some_rows(n_rows: int) -> npt.NDArray[np.int64]:
    """All rows, or some drawn at random, in their order."""
    if n_rows <= _MOST_ROWS:
        return np.arange(n_rows)
    generator = np.random.default_rng(0)
    return np.sort(generator.choice(n_rows, _MOST_ROWS, replace=False))
