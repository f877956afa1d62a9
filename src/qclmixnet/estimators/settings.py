"""From the flat arguments of the estimator to what training understands."""

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils.class_weight import compute_class_weight

from qclmixnet.core.checks import check_choice
from qclmixnet.core.errors import InputError
from qclmixnet.training import Recipe, recipe

__all__ = ["class_weight_of_rows", "resolve_device", "resolve_recipe"]

# Estimator argument -> (part of the recipe, field). None keeps the preset's value.
_FIELDS = {
    "max_epochs": ("schedule", "max_epochs"),
    "batch_size": ("schedule", "batch_size"),
    "learning_rate": ("schedule", "learning_rate"),
    "validation_fraction": ("schedule", "validation_fraction"),
    "patience": ("schedule", "patience"),
    "time_limit_s": ("schedule", "time_limit_s"),
    "mixup_alpha": ("mixup", "alpha"),
    "n_neighbors": ("mixup", "n_neighbors"),
    "focal_gamma": ("loss", "gamma"),
    "temperature": ("loss", "temperature"),
    "margin": ("loss", "margin"),
    "classification_weight": ("loss", "classification_weight"),
}
_CLASS_WEIGHT = (
    "`class_weight` must be None, 'balanced', a number from 0 to 1 or a mapping from "
    "label to weight"
)


def resolve_recipe(params: Mapping[str, Any]) -> Recipe:
    """Return the preset's recipe with the arguments that were given put in.

    Args:
        params: the estimator's arguments by name.

    Returns:
        What training follows.

    Raises:
        InputError: an argument is out of range; the message names it.
    """
    out = recipe(params["preset"])
    changes: dict[str, dict[str, Any]] = {}
    for name, (part, field) in _FIELDS.items():
        if params[name] is not None:
            changes.setdefault(part, {})[field] = params[name]
    class_weight = params["class_weight"]
    if isinstance(class_weight, bool):
        raise InputError(f"{_CLASS_WEIGHT}, got {class_weight!r}.")
    if class_weight is not None:
        is_power = isinstance(class_weight, Real)
        power = float(class_weight) if is_power else 0.0
        changes.setdefault("loss", {})["class_weight_power"] = power
    for part, values in changes.items():
        out = replace(out, **{part: replace(getattr(out, part), **values)})
    return out


def class_weight_of_rows(
    class_weight: object, classes: npt.NDArray[Any], codes: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the weight that an explicit ``class_weight`` gives to each row.

    Args:
        class_weight: "balanced" or a mapping from label to weight (labels left out
            weigh 1); anything that the recipe handles itself gives ones.
        classes: the labels, sorted.
        codes: class numbers, one per row.

    Returns:
        One weight per row.

    Raises:
        InputError: it is another string or type, a label is unknown, or a weight is
            not a number of at least 0.
    """
    if class_weight is None or isinstance(class_weight, Real):
        return np.ones(len(codes))
    if isinstance(class_weight, str):
        check_choice(class_weight, "class_weight", ["balanced"])
        by_class = compute_class_weight(
            "balanced", classes=np.arange(len(classes)), y=codes
        )
    elif isinstance(class_weight, Mapping):
        by_class = _weights_of_mapping(class_weight, classes)
    else:
        raise InputError(f"{_CLASS_WEIGHT}, got {class_weight!r}.")
    return np.asarray(by_class, dtype=np.float64)[codes]


def _weights_of_mapping(
    mapping: Mapping[Any, Any], classes: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    known = classes.tolist()
    unknown = [label for label in mapping if label not in known]
    if unknown:
        raise InputError(
            f"`class_weight` has labels that are not among the classes: {unknown!r}. "
            f"The classes are {known!r}."
        )
    bad = {
        label: weight
        for label, weight in mapping.items()
        if not (isinstance(weight, Real) and 0 <= float(weight) < math.inf)
    }
    if bad:
        raise InputError(
            f"`class_weight` must map to finite numbers of at least 0, got {bad!r}."
        )
    return np.array([float(mapping.get(label, 1.0)) for label in known])


def resolve_device(device: object) -> torch.device:
    """Return the device that was asked for, or the best one there is.

    Args:
        device: "auto" (CUDA, else Apple's MPS, else the CPU), or a name that torch
            knows, such as "cpu" or "cuda:1".

    Returns:
        A device that exists.

    Raises:
        InputError: the name is unknown, or there is no such device here.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    problem = f"`device` must be 'auto', 'cpu', 'cuda' or 'mps', got {device!r}"
    if not isinstance(device, str | torch.device):
        raise InputError(f"{problem}.")
    try:
        out = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"{problem}.") from error
    there = {
        "cpu": True,
        "cuda": torch.cuda.is_available()
        and (out.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(out.type, False):
        raise InputError(f"{problem}, which is not available on this machine.")
    return out
