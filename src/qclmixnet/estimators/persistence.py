"""Fitted classifiers as a folder of JSON and safetensors; no pickle.

``model.json`` holds the schema, the settings, the versions and two checksums: of
``model.safetensors``, and of its own other entries. A folder whose checksums do not
hold is refused, so that a damaged file can never give a different prediction.
"""

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import safetensors
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

import qclmixnet
from qclmixnet.core.errors import InputError, ModelFormatError
from qclmixnet.estimators.settings import resolve_device
from qclmixnet.nn import QCLMixNet
from qclmixnet.preprocessing import TableEncoder
from qclmixnet.table import Schema
from qclmixnet.training import EpochRecord, Recipe

if TYPE_CHECKING:
    from qclmixnet.estimators.classifier import QCLMixNetClassifier

__all__ = ["load_classifier", "save_classifier"]

_FORMAT = 1
_KIND = "qclmixnet.QCLMixNetClassifier"
_JSON, _TENSORS = "model.json", "model.safetensors"

Classifier = TypeVar("Classifier", bound="QCLMixNetClassifier")


def save_classifier(clf: "QCLMixNetClassifier", folder: str | PathLike[str]) -> None:
    """Write a fitted classifier to ``folder``, whole or not at all.

    Args:
        clf: a fitted classifier.
        folder: where to; an earlier model there is replaced.

    Raises:
        InputError: the folder holds something else or cannot be written, or the
            labels are of a type that JSON cannot hold.
    """
    target = Path(folder)
    if target.exists() and not _replaceable(target):
        raise InputError(
            f"{str(target)!r} exists and is not a model folder; choose another name."
        )
    meta, arrays = clf.encoder_.to_state()
    tensors = {
        f"network.{name}": _storable(value)
        for name, value in clf.model_.state_dict().items()
    }
    tensors |= {
        f"encoder.{name}": torch.from_numpy(np.ascontiguousarray(value))
        for name, value in arrays.items()
    }
    blob = save_tensors(tensors)
    content = {
        "kind": _KIND,
        "format": _FORMAT,
        "versions": {"qclmixnet": qclmixnet.__version__, "torch": torch.__version__},
        "params": _params_to_dict(clf),
        "recipe": clf.recipe_.to_dict(),
        "schema": clf.schema_.to_dict(),
        "encoder": meta,
        "classes": _classes_to_dict(clf.classes_),
        "n_inputs": clf.model_.n_features,
        "feature_names": _names_to_list(clf),
        "target_name": clf.target_name_,
        "history": [asdict(record) for record in clf.history_],
        "best_epoch": clf.best_epoch_,
        "stop_reason": clf.stop_reason_,
        "tensors_sha256": hashlib.sha256(blob).hexdigest(),
    }
    content["sha256"] = _digest(content)
    _write_folder(target, content, blob)


def _replaceable(target: Path) -> bool:
    if not target.is_dir():
        return False
    names = {path.name for path in target.iterdir()}
    return names <= {_JSON, _TENSORS}


def _storable(value: torch.Tensor) -> torch.Tensor:
    # The weights are float32 numbers held in double precision: nothing is lost.
    value = value.detach().cpu().contiguous()
    return value.float() if value.is_floating_point() else value


def _write_folder(target: Path, content: dict[str, Any], blob: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise InputError(f"Cannot write to {str(target)!r}: {error}.") from error
    old = fresh.with_name(f"{fresh.name}-old")
    try:
        (fresh / _TENSORS).write_bytes(blob)
        text = json.dumps(content, indent=1, allow_nan=False)
        (fresh / _JSON).write_text(text, encoding="utf-8")
        fresh.chmod(0o755)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    except OSError as error:
        if old.exists() and not target.exists():
            old.rename(target)
        raise InputError(f"Cannot write to {str(target)!r}: {error}.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def load_classifier(
    cls: type[Classifier], folder: str | PathLike[str], *, device: str
) -> Classifier:
    """Read a classifier that `save_classifier` wrote.

    Args:
        cls: the class to build.
        folder: where from.
        device: where it shall compute.

    Raises:
        ModelFormatError: the folder is missing, damaged, edited, from a newer version,
            or not a model.
    """
    place = Path(folder)
    where = resolve_device(device)
    content, blob = _read_folder(place)
    try:
        return _rebuild(cls, content, blob, device=device, where=where)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        safetensors.SafetensorError,
    ) as error:
        # Checksums hold, so this is a folder that something else has written.
        raise ModelFormatError(
            f"{str(place)!r} is not a model that this version can read: {error}"
        ) from error


def _rebuild(
    cls: type[Classifier],
    content: dict[str, Any],
    blob: bytes,
    *,
    device: str,
    where: torch.device,
) -> Classifier:
    # A local import: the classifier imports this module's functions when needed.
    from qclmixnet.estimators.classifier import _for_inference

    tensors = load_tensors(blob)
    recipe = Recipe.from_dict(content["recipe"])
    classes = _classes_from_dict(content["classes"])
    clf = cls(**_params_from_dict(content["params"], device=device))
    network = recipe.network
    model = QCLMixNet(
        content["n_inputs"],
        len(classes),
        d_hidden=network.d_hidden,
        d_repr=network.d_repr,
        d_projection=network.d_projection,
        d_token=network.d_token,
        n_heads=network.n_heads,
    )
    model.load_state_dict(_with_prefix(tensors, "network."))
    arrays = {
        name: value.numpy() for name, value in _with_prefix(tensors, "encoder.").items()
    }
    clf.model_ = _for_inference(model.to(where))
    clf.encoder_ = TableEncoder.from_state(content["encoder"], arrays)
    clf.schema_ = Schema.from_dict(content["schema"])
    clf.recipe_ = recipe
    clf.classes_ = classes
    clf.n_features_in_ = len(clf.schema_.columns)
    if content["feature_names"] is not None:
        clf.feature_names_in_ = np.array(content["feature_names"], dtype=object)
    clf.target_name_ = content["target_name"]
    clf.history_ = [EpochRecord(**record) for record in content["history"]]
    clf.best_epoch_ = content["best_epoch"]
    clf.n_iter_ = len(clf.history_)
    clf.stop_reason_ = content["stop_reason"]
    return clf


def _read_folder(place: Path) -> tuple[dict[str, Any], bytes]:
    """Return the two files' content once every checksum holds."""
    if not place.is_dir():
        raise ModelFormatError(f"There is no model folder {str(place)!r}.")
    try:
        text = (place / _JSON).read_bytes()
        blob = (place / _TENSORS).read_bytes()
    except FileNotFoundError as error:
        name = Path(error.filename).name
        raise ModelFormatError(
            f"{str(place)!r} is not a model folder: {name} is missing."
        ) from error
    except OSError as error:
        raise ModelFormatError(f"Cannot read {str(place)!r}: {error}.") from error
    damaged = f"The model in {str(place)!r} is damaged or was edited: "
    try:
        content = json.loads(text.decode("utf-8"))
    except ValueError as error:
        raise ModelFormatError(f"{damaged}{_JSON} is not valid JSON.") from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise ModelFormatError(f"{str(place)!r} does not hold a qclmixnet classifier.")
    _check_format(content, place)
    if content.pop("sha256", None) != _digest(content):
        raise ModelFormatError(f"{damaged}the checksum of {_JSON} does not hold.")
    if content["tensors_sha256"] != hashlib.sha256(blob).hexdigest():
        raise ModelFormatError(f"{damaged}the checksum of {_TENSORS} does not hold.")
    return content, blob


def _check_format(content: dict[str, Any], place: Path) -> None:
    found = content.get("format")
    if isinstance(found, int) and found > _FORMAT:
        raise ModelFormatError(
            f"The model in {str(place)!r} has format {found}; qclmixnet "
            f"{qclmixnet.__version__} reads up to format {_FORMAT}. Upgrade qclmixnet."
        )


def _digest(content: dict[str, Any]) -> str:
    """Return the checksum of a JSON object, independent of its layout."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _with_prefix(
    tensors: dict[str, torch.Tensor], prefix: str
) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _names_to_list(clf: "QCLMixNetClassifier") -> list[str] | None:
    names = getattr(clf, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def _classes_to_dict(classes: npt.NDArray[Any]) -> dict[str, Any]:
    values = classes.tolist()
    if not all(isinstance(value, bool | int | float | str) for value in values):
        raise InputError(
            "Only text, numbers and booleans can be saved as labels, got "
            f"{type(values[0]).__name__}. Convert the labels to text before fitting."
        )
    return {"dtype": str(classes.dtype), "values": values}


def _classes_from_dict(stored: dict[str, Any]) -> npt.NDArray[Any]:
    return np.array(stored["values"], dtype=np.dtype(stored["dtype"]))


def _params_to_dict(clf: "QCLMixNetClassifier") -> dict[str, Any]:
    """Return the constructor's arguments as JSON; a live generator becomes None."""
    params = dict(clf.get_params(deep=False))
    del params["device"]
    if isinstance(params["preset"], Recipe):
        params["preset"] = {"recipe": params["preset"].to_dict()}
    if not isinstance(params["random_state"], int | None):
        params["random_state"] = None
    if isinstance(params["class_weight"], dict):
        # As pairs: JSON would turn labels that are numbers into text.
        params["class_weight"] = {"pairs": list(params["class_weight"].items())}
    return {name: _plain(value) for name, value in params.items()}


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def _params_from_dict(stored: dict[str, Any], *, device: str) -> dict[str, Any]:
    params = dict(stored)
    if isinstance(params["preset"], dict):
        params["preset"] = Recipe.from_dict(params["preset"]["recipe"])
    if isinstance(params["class_weight"], dict):
        params["class_weight"] = dict(params["class_weight"]["pairs"])
    return {**params, "device": device}
