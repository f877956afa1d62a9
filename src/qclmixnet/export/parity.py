"""Whether an exported model says what the classifier says."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike

import numpy as np

from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.export.inputs import as_inputs
from qclmixnet.export.model import LABEL, PROBABILITIES, inputs_of
from qclmixnet.table import read_table

__all__ = ["Parity", "compare_with_onnx", "onnx_inputs"]


@dataclass(frozen=True)
class Parity:
    """How an exported model differs from its classifier on some rows.

    Attributes:
        n_rows: rows compared.
        n_other_labels: rows that get another label.
        largest_difference: between two probabilities.
    """

    n_rows: int
    n_other_labels: int
    largest_difference: float


def onnx_inputs(clf: QCLMixNetClassifier, X: object) -> Mapping[str, np.ndarray]:
    """Return a table as the inputs of the model that `export_onnx` wrote.

    Args:
        clf: the classifier that was exported.
        X: a table as for its `predict`.

    Returns:
        One vector for each column that the model takes, to be given to
        ``InferenceSession.run``.

    Raises:
        InputError: as for `predict`.
    """
    state = clf.state_
    table = read_table(X, state.schema, estimator_name=type(clf).__name__)
    return as_inputs(table, inputs_of(state))


def compare_with_onnx(
    clf: QCLMixNetClassifier, path: str | PathLike[str], X: object
) -> Parity:
    """Predict rows with the classifier and with its exported model.

    Args:
        clf: the classifier that was exported, as it was then.
        path: the file that `export_onnx` wrote.
        X: a table as for `predict`.

    Returns:
        How the two differ.

    Raises:
        InputError: the file cannot be read as a model, or as for `predict`.
        MissingExtraError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(
            "onnxruntime", extra="onnx", purpose="Scoring an exported model"
        ) from error
    inputs = dict(onnx_inputs(clf, X))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # two threads that wait for each other take longer
    try:
        session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        proba, labels = session.run([PROBABILITIES, LABEL], inputs)
    except Exception as error:  # the errors of onnxruntime have no other base
        raise InputError(
            f"{str(path)!r} cannot be used as the exported model of this classifier: "
            f"{error}"
        ) from error
    expected = clf.predict_proba(X)
    other = labels.astype(object) != clf.decide(expected).astype(object)
    return Parity(
        len(expected), int(other.sum()), float(np.abs(proba - expected).max())
    )
