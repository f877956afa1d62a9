"""What a fitted classifier consists of."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qclmixnet.nn import QCLMixNet
from qclmixnet.preprocessing import TableEncoder
from qclmixnet.table import Schema
from qclmixnet.training import Recipe, TrainingResult

__all__ = ["FittedState"]


@dataclass(frozen=True)
class FittedState:
    """Everything that prediction needs, and the record of the fit.

    Attributes:
        params: the constructor's arguments by name.
        schema: the columns of the training table.
        encoder: turns a table into arrays.
        network: turns those into logits.
        recipe: how the network was built and trained.
        classes: the labels, sorted.
        feature_names: the columns' names, when the table had names.
        target_name: the labels' name, when they had one.
        result: what happened while training.
    """

    params: dict[str, Any]
    schema: Schema
    encoder: TableEncoder
    network: QCLMixNet
    recipe: Recipe
    classes: npt.NDArray[np.generic]
    feature_names: npt.NDArray[np.object_] | None
    target_name: str | None
    result: TrainingResult
