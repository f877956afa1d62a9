"""Fitted classifiers as a folder of JSON and safetensors; no pickle.

``model.json`` holds the schema, the settings, the versions and two checksums: of
``model.safetensors``, and of its own other entries. A folder whose checksums do not
hold is refused, so that a damaged file can never give a different prediction.
"""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

import qclmixnet
from qclmixnet.core.errors import InputError, InputTypeError, ModelFormatError
from qclmixnet.decision import HeldOut, rule_from_dict
from qclmixnet.estimators.demand import Demand
from qclmixnet.estimators.diagnostics import Diagnostic
from qclmixnet.estimators.model_files import model_from_dict, model_to_dict
from qclmixnet.estimators.state import FittedState
from qclmixnet.preprocessing import EncodedTable, TableEncoder
from qclmixnet.table import Schema
from qclmixnet.training import CrossFitRecipe, EpochRecord, Recipe, TrainingResult

__all__ = ["check_destination", "load_state", "save_state"]

_FORMAT = 1
_KIND = "qclmixnet.QCLMixNetClassifier"
_RECIPES: Mapping[type[Recipe] | type[CrossFitRecipe], str] = {
    Recipe: "one network",
    CrossFitRecipe: "cross-fitted members",
}
_JSON, _TENSORS = "model.json", "model.safetensors"


def save_state(state: FittedState, folder: str | PathLike[str]) -> None:
    """Write a fitted state to ``folder``, whole or not at all.

    Args:
        state: what to write.
        folder: where to; an earlier model there is replaced.

    Raises:
        InputError: the folder holds something else or cannot be written, or the
            labels are of a type that JSON cannot hold.
    """
    target = check_destination(folder)
    encoder, arrays = state.encoder.to_state()
    model, tensors = model_to_dict(state.model)
    tensors |= {
        name: torch.from_numpy(np.ascontiguousarray(value))
        for name, value in (
            {f"encoder.{name}": value for name, value in arrays.items()}
            | _kept_rows(state)
        ).items()
    }
    blob = save_tensors(tensors)
    names = state.feature_names
    content = {
        "kind": _KIND,
        "format": _FORMAT,
        "versions": {"qclmixnet": qclmixnet.__version__, "torch": torch.__version__},
        "params": _params_to_dict(state.params),
        "recipe": _recipe_to_dict(state.recipe),
        "model": model,
        **_decisions_to_dict(state),
        "schema": state.schema.to_dict(),
        "encoder": encoder,
        "classes": _classes_to_dict(state.classes),
        "feature_names": None if names is None else [str(name) for name in names],
        "target_name": state.target_name,
        "result": asdict(state.result),
        "diagnostics": [asdict(found) for found in state.diagnostics],
        "tensors_sha256": hashlib.sha256(blob).hexdigest(),
    }
    # As it will be read again: numbers of NumPy become plain, tuples become lists.
    content = json.loads(json.dumps(content, default=_plain, allow_nan=False))
    content["sha256"] = _digest(content)
    _write_folder(target, content, blob)


def check_destination(folder: object) -> Path:
    """Return the path of ``folder`` when a model can be written there.

    To be called before a long fit, too: it changes nothing.

    Args:
        folder: where a model shall be written.

    Returns:
        The path.

    Raises:
        InputError: it is no path, holds something else, or cannot be written.
    """
    target = _as_path(folder)
    problem = f"Cannot write to {str(target)!r}: "
    try:
        if target.exists() and not _replaceable(target):
            raise InputError(
                f"{str(target)!r} exists and is not a model folder; choose another "
                "name."
            )
        parent = target.absolute().parent
        while not parent.exists():
            parent = parent.parent
    except OSError as error:
        raise InputError(f"{problem}{error}.") from error
    if not parent.is_dir():
        raise InputError(f"{problem}{str(parent)!r} is not a folder.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise InputError(f"{problem}there is no permission in {str(parent)!r}.")
    return target


def _as_path(folder: object) -> Path:
    if not isinstance(folder, str | PathLike) or "\0" in str(folder):
        raise InputTypeError(f"`folder` must be a path, got {folder!r}.")
    return Path(folder)


def _replaceable(target: Path) -> bool:
    if not target.is_dir():
        return False
    names = {path.name for path in target.iterdir()}
    return names <= {_JSON, _TENSORS}


def _write_folder(target: Path, content: dict[str, Any], blob: bytes) -> None:
    target = target.resolve()  # through a link, so that the link stays
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
        raise InputError(f"Cannot write to {str(target)!r}: {error}.") from error
    finally:
        # Whatever happened, an interrupt included, the name holds a whole model.
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def load_state(folder: str | PathLike[str], *, device: torch.device) -> FittedState:
    """Read a fitted state that `save_state` wrote.

    Args:
        folder: where from.
        device: where the network shall compute.

    Returns:
        The state, whose predictions are the same bits.

    Raises:
        ModelFormatError: the folder is missing, damaged, edited, from a newer version,
            or not a model.
    """
    place = _as_path(folder)
    content, blob = _read_folder(place)
    try:
        return _rebuild(content, load_tensors(blob), device)
    except (
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        SafetensorError,
    ) as error:
        # The checksums hold, so something else than `save_state` wrote this folder.
        raise ModelFormatError(
            f"{str(place)!r} is not a model that this version can read: {error}"
        ) from error


def _rebuild(
    content: dict[str, Any], tensors: dict[str, torch.Tensor], device: torch.device
) -> FittedState:
    recipe = _recipe_from_dict(content["recipe"])
    classes = _classes_from_dict(content["classes"])
    arrays, held_out, background = (
        _take_arrays(tensors, prefix)
        for prefix in ("encoder.", "held_out.", "background.")
    )
    model = model_from_dict(
        content["model"], tensors, recipe, len(classes), device=device
    )
    names = content["feature_names"]
    result = dict(content["result"])
    history = tuple(EpochRecord(**record) for record in result.pop("history"))
    return FittedState(
        params=_params_from_dict(content["params"]),
        schema=Schema.from_dict(content["schema"]),
        encoder=TableEncoder.from_state(content["encoder"], arrays),
        model=model,
        **_decisions_from_dict(content, n_classes=len(classes)),
        recipe=recipe,
        classes=classes,
        feature_names=None if names is None else np.array(names, dtype=object),
        target_name=content["target_name"],
        result=TrainingResult(history=history, **result),
        # Models of versions that did not keep the rest have none.
        diagnostics=tuple(Diagnostic(**d) for d in content.get("diagnostics", ())),
        held_out=HeldOut(**held_out) if held_out else None,
        background=EncodedTable(**background, unseen={}) if background else None,
    )


def _decisions_to_dict(state: FittedState) -> dict[str, Any]:
    """Return what decides, and what it was chosen for."""
    rules = {"rule": state.rule, "fitted_rule": state.fitted_rule}
    stated = state.stated_shares
    return {
        **{name: rule and rule.to_dict() for name, rule in rules.items()},
        "demand": state.demand.to_dict(),
        "fitted_demand": state.fitted_demand.to_dict(),
        "class_shares": state.class_shares.tolist(),
        "stated_shares": None if stated is None else stated.tolist(),
    }


def _decisions_from_dict(content: dict[str, Any], *, n_classes: int) -> dict[str, Any]:
    """Rebuild these; models of before they could be chosen have the rule alone."""
    rule = content["rule"]
    fitted = content.get("fitted_rule", rule)
    demand = content.get("demand")
    if demand is None:
        demand = Demand("argmax" if rule is None else rule["objective"]).to_dict()
    shares = content.get("class_shares", [math.nan] * n_classes)
    stated = content.get("stated_shares")
    return {
        "rule": None if rule is None else rule_from_dict(rule),
        "fitted_rule": None if fitted is None else rule_from_dict(fitted),
        "demand": Demand.from_dict(demand),
        "fitted_demand": Demand.from_dict(content.get("fitted_demand", demand)),
        "class_shares": np.array(shares),
        "stated_shares": None if stated is None else np.array(stated),
    }


def _kept_rows(state: FittedState) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of the rows that stay with the model, by name."""
    out: dict[str, npt.NDArray[Any]] = {}
    for kept, name in ((state.held_out, "held_out"), (state.background, "background")):
        values = {} if kept is None else vars(kept)
        out |= {
            f"{name}.{key}": value
            for key, value in values.items()
            if isinstance(value, np.ndarray)
        }
    return out


def _take_arrays(
    tensors: dict[str, torch.Tensor], prefix: str
) -> dict[str, npt.NDArray[Any]]:
    """Take the tensors whose names start with a prefix out, as arrays."""
    names = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors.pop(name).numpy() for name in names}


def _read_folder(place: Path) -> tuple[dict[str, Any], bytes]:
    """Return the two files' content once every checksum holds."""
    try:
        if not place.is_dir():
            raise ModelFormatError(f"There is no model folder {str(place)!r}.")
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
    except (ValueError, RecursionError) as error:
        raise ModelFormatError(f"{damaged}{_JSON} is not valid JSON.") from error
    if not isinstance(content, dict) or content.get("kind") != _KIND:
        raise ModelFormatError(f"{str(place)!r} does not hold a qclmixnet classifier.")
    _check_format(content, place)
    if content.pop("sha256", None) != _digest(content):
        raise ModelFormatError(f"{damaged}the checksum of {_JSON} does not hold.")
    if content.get("tensors_sha256") != hashlib.sha256(blob).hexdigest():
        raise ModelFormatError(f"{damaged}the checksum of {_TENSORS} does not hold.")
    return content, blob


def _check_format(content: dict[str, Any], place: Path) -> None:
    found = content.get("format")
    if not isinstance(found, int) or found < 1:
        raise ModelFormatError(
            f"The model in {str(place)!r} is damaged or was edited: {_JSON} has no "
            "format number."
        )
    if found > _FORMAT:
        raise ModelFormatError(
            f"The model in {str(place)!r} has format {found}; qclmixnet "
            f"{qclmixnet.__version__} reads up to format {_FORMAT}. Upgrade qclmixnet."
        )


def _digest(content: dict[str, Any]) -> str:
    """Return the checksum of a JSON object, independent of its layout."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _recipe_to_dict(recipe: Recipe | CrossFitRecipe) -> dict[str, Any]:
    return {"kind": _RECIPES[type(recipe)], "values": recipe.to_dict()}


def _recipe_from_dict(stored: Mapping[str, Any]) -> Recipe | CrossFitRecipe:
    for recipe, kind in _RECIPES.items():
        if stored["kind"] == kind:
            return recipe.from_dict(stored["values"])
    raise ValueError(f"there is no recipe of kind {stored['kind']!r}")


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


def _params_to_dict(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the constructor's arguments as JSON; a live generator becomes None."""
    out = {name: value for name, value in params.items() if name != "device"}
    if isinstance(out["preset"], Recipe | CrossFitRecipe):
        out["preset"] = {"recipe": _recipe_to_dict(out["preset"])}
    if not isinstance(out["random_state"], Integral | None):
        out["random_state"] = None
    if isinstance(out["class_weight"], Mapping):
        # As pairs: JSON would turn labels that are numbers into text.
        out["class_weight"] = {"pairs": list(out["class_weight"].items())}
    return out


def _plain(value: object) -> object:
    """Turn numbers of other libraries into what JSON knows."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise InputTypeError(
        f"The model cannot be saved: an argument of type {type(value).__name__}, "
        f"{value!r}, has no form in JSON."
    )


def _params_from_dict(stored: Mapping[str, Any]) -> dict[str, Any]:
    params = dict(stored)
    if isinstance(params["preset"], dict):
        params["preset"] = _recipe_from_dict(params["preset"]["recipe"])
    if isinstance(params["class_weight"], dict):
        params["class_weight"] = dict(params["class_weight"]["pairs"])
    return params
