"""What a fitted classifier consists of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qclmixnet.decision import HeldOut, OffsetRule
from qclmixnet.estimators.diagnostics import Diagnostic
from qclmixnet.estimators.models import MemberModel, SingleModel
from qclmixnet.preprocessing import EncodedTable, TableEncoder
from qclmixnet.table import Schema
from qclmixnet.training import CrossFitRecipe, Recipe, TrainingResult

__all__ = ["FittedState"]


@dataclass(frozen=True)
class FittedState:
    """Everything that prediction needs, and the record of the fit.

    Attributes:
        params: the constructor's arguments by name.
        schema: the columns of the training table.
        encoder: turns a table into arrays.
        model: turns those into probabilities.
        rule: decides by them; None decides for the most probable class.
        recipe: how the model was built and trained.
        classes: the labels, sorted.
        feature_names: the columns' names, when the table had names.
        target_name: the labels' name, when they had one.
        result: what happened while training.
        diagnostics: what the fit noticed.
        held_out: what was said about rows that were left out; None if none were.
        background: some training rows, which explanations compare a row with.
    """

    params: dict[str, Any]
    schema: Schema
    encoder: TableEncoder
    model: SingleModel | MemberModel
    rule: OffsetRule | None
    recipe: Recipe | CrossFitRecipe
    classes: npt.NDArray[np.generic]
    feature_names: npt.NDArray[np.object_] | None
    target_name: str | None
    result: TrainingResult
    diagnostics: tuple[Diagnostic, ...] = ()
    held_out: HeldOut | None = None
    background: EncodedTable | None = None
