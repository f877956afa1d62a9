"""An encoder and a library's classifier as the model behind a peer."""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from qclmixnet.baselines.prepare import DenseEncoder
from qclmixnet.table import Schema, Table

__all__ = ["Classifier", "DenseModel"]


@runtime_checkable
class Classifier(Protocol):
    """What every library's classifier offers."""

    def fit(self, X: Any, y: Any, /) -> Any:  # noqa: ANN401
        """Learn from encoded rows."""

    def predict_proba(self, X: Any, /) -> Any:  # noqa: ANN401
        """Return probabilities of encoded rows."""


class DenseModel:
    """A classifier for arrays of finite numbers, with its encoder.

    Args:
        schema: kinds of the columns of the training table.
        classifier: unfitted.
        scale: if True the numbers are scaled, see `DenseEncoder`.
    """

    def __init__(self, schema: Schema, classifier: Classifier, *, scale: bool) -> None:
        self.schema = schema
        self.classifier = classifier
        self._encoder = DenseEncoder(scale=scale)

    def fit(self, table: Table, codes: npt.NDArray[np.int64]) -> None:
        """Fit the encoder, then the classifier."""
        self._encoder.fit(table, self.schema)
        self.classifier.fit(self._encoder.encode(table), codes)

    def predict_proba(self, table: Table) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities, rows by classes."""
        return np.asarray(self.classifier.predict_proba(self._encoder.encode(table)))
