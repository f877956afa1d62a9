"""A fitted classifier as one ONNX model, and that model as a file."""

import json
import os
import tempfile
from os import PathLike
from pathlib import Path

import numpy as np
from sklearn.utils.validation import check_is_fitted

import qclmixnet
from qclmixnet.core.errors import InputError, InputTypeError
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.estimators.models import MemberModel
from qclmixnet.estimators.state import FittedState
from qclmixnet.export import decisions
from qclmixnet.export.encoding import EncodedValues, encode_columns
from qclmixnet.export.graph import Graph, TensorInfo, Value
from qclmixnet.export.inputs import InputColumn, input_columns
from qclmixnet.export.members import mean_of_members
from qclmixnet.export.published import published_proba
from qclmixnet.export.trees import mean_of_trees

__all__ = ["LABEL", "PROBABILITIES", "build_model", "export_onnx", "inputs_of"]

PROBABILITIES, LABEL = "probabilities", "label"
_LABEL_TYPES = {"i": "int64", "u": "int64", "b": "bool", "f": "double"}


def export_onnx(clf: QCLMixNetClassifier, path: str | PathLike[str]) -> Path:
    """Write a fitted classifier as one ONNX file that takes raw columns.

    Encoding, networks, trees, calibration, stated prevalence and the decision rule, as
    they are now, are all inside. The file is written whole or not at all.

    Args:
        clf: the classifier.
        path: the file; an earlier one is replaced.

    Returns:
        The path.

    Raises:
        InputError: the file cannot be written.
    """
    check_is_fitted(clf)
    target = _as_path(path)
    if target.is_dir():
        raise InputError(
            f"{str(target)!r} is a folder; name a file, such as "
            f"{str(target / 'model.onnx')!r}."
        )
    content = build_model(clf.state_)
    try:
        _write_whole(target.resolve(), content)
    except OSError as error:
        raise InputError(f"Cannot write to {str(target)!r}: {error}.") from error
    return target


def _as_path(path: object) -> Path:
    if not isinstance(path, str | PathLike) or "\0" in str(path):
        raise InputTypeError(f"`path` must be a path, got {path!r}.")
    return Path(path)


def _write_whole(target: Path, content: bytes) -> None:
    """Write beside the target first; what has the name is a whole file at any time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(0o644)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)


def build_model(state: FittedState) -> bytes:
    """Return a fitted state as the content of an ONNX file.

    Args:
        state: what prediction needs.

    Returns:
        The content.

    Raises:
        InputError: the rule of the state cannot be exported.
    """
    graph = Graph()
    columns = inputs_of(state)
    n_classes = len(state.classes)
    encoded = encode_columns(graph, state.encoder, columns)
    proba = _probabilities(graph, state, encoded)
    if state.stated_shares is not None:
        proba = decisions.restate(graph, proba, state.class_shares, state.stated_shares)
    proba = graph.name(proba, PROBABILITIES)
    codes = decisions.decide(graph, proba, state.rule, n_classes)
    graph.name(decisions.choose_label(graph, codes, state.classes), LABEL)
    label_type = _LABEL_TYPES.get(state.classes.dtype.kind, "string")
    return graph.to_bytes(
        [TensorInfo(column.input, column.tensor, ("rows",)) for column in columns],
        [
            TensorInfo(PROBABILITIES, "double", ("rows", n_classes)),
            TensorInfo(LABEL, label_type, ("rows",)),
        ],
        _metadata(state, columns),
    )


def inputs_of(state: FittedState) -> tuple[InputColumn, ...]:
    """Return the inputs of the model that a state becomes.

    Args:
        state: what prediction needs.

    Returns:
        One for each column that is used, in the order of the training table.
    """
    return input_columns(state.schema, state.encoder, reserved=(PROBABILITIES, LABEL))


def _probabilities(graph: Graph, state: FittedState, encoded: EncodedValues) -> Value:
    """Add the fitted model, calibration included."""
    model = state.model
    if not isinstance(model, MemberModel):
        return published_proba(graph, model.network, model.inputs, encoded)
    proba = mean_of_members(graph, model.network, model.inputs, encoded)
    if model.trees is not None:
        proba = decisions.blend(
            graph,
            proba,
            mean_of_trees(graph, model.trees, encoded),
            share=model.tree_share,
            unknown=model.unknown_to_trees,
            n_classes=len(state.classes),
        )
    return decisions.scale(graph, proba, model.scaling)


def _metadata(state: FittedState, columns: tuple[InputColumn, ...]) -> dict[str, str]:
    """Return what a reader of the file should know, as texts and JSON."""
    stated = state.stated_shares
    names = [str(label) for label in state.classes]
    shares = None if stated is None else dict(zip(names, stated.tolist(), strict=True))
    rule = {"kind": "argmax"} if state.rule is None else state.rule.to_dict()
    return {
        "qclmixnet_version": qclmixnet.__version__,
        "classes": json.dumps(state.classes.tolist(), default=str),
        "target": state.target_name or "",
        "columns": json.dumps([column.to_dict() for column in columns]),
        "decides_for": state.demand.in_words(state.classes),
        "rule": json.dumps(rule, default=np.ndarray.tolist),
        "stated_prevalence": json.dumps(shares),
    }
