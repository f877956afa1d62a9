"""What explanations need of a fitted classifier: its rows, its model, its decision."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from qclmixnet.core.caller import warn_caller
from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.estimators.models import MemberModel, SingleModel
from qclmixnet.estimators.state import FittedState
from qclmixnet.preprocessing import ColumnGroup, EncodedTable
from qclmixnet.reasons import LogOdds, Movable, log_odds_of
from qclmixnet.table import Schema, Table, read_table

__all__ = ["ModelAccess"]


class ModelAccess:
    """The state of a fitted classifier, in the shapes that explanations work on."""

    state_: FittedState
    schema_: Schema
    classes_: npt.NDArray[Any]

    def _read(self, X: object) -> tuple[Table, EncodedTable]:
        check_is_fitted(self)
        table = read_table(X, self.schema_, estimator_name=type(self).__name__)
        encoded = self.state_.encoder.encode(table)
        _warn_of_unseen(encoded)
        return table, encoded

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
        model = _in_single_precision(self.state_.model)
        state = replace(self.state_, model=model)

        def log_odds(encoded: EncodedTable) -> npt.NDArray[np.float64]:
            return log_odds_of(state.proba(encoded))[:, which]

        return log_odds

    def _decided(self, encoded: EncodedTable) -> npt.NDArray[np.int64]:
        return self.state_.decide(self.state_.proba(encoded))

    def _judge(
        self, table: Table
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Decide about rows in raw units, and say how likely each class is."""
        proba = self.state_.proba(self.state_.encoder.encode(table))
        return self.state_.decide(proba), log_odds_of(proba)

    def _movable(self, fixed: Sequence[str]) -> list[Movable]:
        """Columns of numbers that may change."""
        if isinstance(fixed, str):
            raise InputError(f"`fixed` must be a list of column names, got {fixed!r}.")
        strange = [name for name in fixed if name not in self.schema_.names]
        if strange:
            raise InputError(
                f"`fixed` names columns that the training table did not have: "
                f"{strange}. It had {list(self.schema_.names)}."
            )
        raw = self.state_.encoder.raw_numbers(self._background())
        columns = [
            Movable.from_values(name, raw[name])
            for name in self.schema_.of_kind("number")
            if name not in fixed
        ]
        return [column for column in columns if column is not None]

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


def _in_single_precision(
    model: SingleModel | MemberModel,
) -> SingleModel | MemberModel:
    """A copy that takes half the time; 1e-6 matters to no explanation."""
    if isinstance(model, MemberModel):
        network, inputs = deepcopy(model.network), deepcopy(model.inputs)
        return replace(model, network=network.float(), inputs=inputs.float())
    single, one_hot = deepcopy(model.network), deepcopy(model.inputs)
    return replace(model, network=single.float(), inputs=one_hot.float())


def _warn_of_unseen(encoded: EncodedTable) -> None:
    if encoded.unseen:
        listed = ", ".join(f"{name!r} ({n})" for name, n in encoded.unseen.items())
        warn_caller(
            "Columns with levels that the training table did not have, and in how many "
            f"rows: {listed}. These cells count as 'other'.",
            DataWarning,
        )
