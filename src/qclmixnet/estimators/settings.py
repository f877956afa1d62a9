"""From the flat arguments of the estimator to what training understands."""

import math
from collections.abc import Mapping
from dataclasses import replace
from numbers import Real
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from sklearn.utils.class_weight import compute_class_weight

from qclmixnet.core.checks import check_choice
from qclmixnet.core.errors import InputError
from qclmixnet.estimators.member_fitting import Decision
from qclmixnet.training import CrossFitRecipe, Recipe, recipe

__all__ = [
    "class_weight_of_rows",
    "recipe_arguments",
    "resolve_decision",
    "resolve_device",
    "resolve_recipe",
]

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
# The same for cross-fitted members, which lack the other arguments' parts.
_MEMBER_FIELDS = {
    "n_members": ("members", "n_members"),
    "n_tree_rounds": ("trees", "n_rounds"),
    "max_epochs": ("schedule", "max_epochs"),
    "batch_size": ("schedule", "batch_size"),
    "learning_rate": ("schedule", "learning_rate"),
    "time_limit_s": ("schedule", "time_limit_s"),
    "mixup_alpha": ("mixup", "alpha"),
    "n_neighbors": ("mixup", "n_neighbors"),
    "focal_gamma": ("loss", "gamma"),
}
_CLASS_WEIGHT = (
    "`class_weight` must be None, 'balanced', a number from 0 to 1 or a mapping from "
    "label to weight"
)


def resolve_recipe(params: Mapping[str, Any]) -> Recipe | CrossFitRecipe:
    """Return the preset's recipe with the arguments that were given put in.

    Args:
        params: the estimator's arguments by name.

    Returns:
        What training follows.

    Raises:
        InputError: an argument is out of range, or the preset has no part that it
            could change; the message names it.
    """
    out: Recipe | CrossFitRecipe = recipe(params["preset"])
    known = _MEMBER_FIELDS if isinstance(out, CrossFitRecipe) else _FIELDS
    given = {
        name: params[name]
        for name in (*_FIELDS, *_MEMBER_FIELDS)
        if params[name] is not None
    }
    _refuse_foreign(out, given, known)
    changes: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        part, field = known[name]
        changes.setdefault(part, {})[field] = value
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


def recipe_arguments(params: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the arguments that were given and end up in the recipe.

    Args:
        params: the estimator's arguments by name.

    Returns:
        Names of arguments; `preset` is none of them.
    """
    names = [name for name in {**_FIELDS, **_MEMBER_FIELDS} if params[name] is not None]
    if isinstance(params["class_weight"], Real):
        names.append("class_weight")
    return tuple(names)


def _refuse_foreign(
    out: Recipe | CrossFitRecipe,
    given: Mapping[str, Any],
    known: Mapping[str, tuple[str, str]],
) -> None:
    """Refuse arguments that would change nothing."""
    foreign = [name for name in given if name not in known]
    if isinstance(out, CrossFitRecipe) and out.mixup.mixed_fraction == 0:
        mixing = {name for name, (part, _) in known.items() if part == "mixup"}
        foreign += [name for name in given if name in mixing]
    if foreign:
        which = "cross-fitted members" if known is _MEMBER_FIELDS else "one network"
        other = "paper" if known is _MEMBER_FIELDS else "default"
        raise InputError(
            f"{', '.join(f'`{name}`' for name in foreign)} would change nothing: the "
            f"recipe fits {which} without that part. Leave it out, or take "
            f'`preset="{other}"`.'
        )


def resolve_decision(
    params: Mapping[str, Any], chosen: Recipe | CrossFitRecipe
) -> Decision:
    """Return the decision rule that was asked for, or the preset's.

    Args:
        params: the estimator's arguments by name.
        chosen: what training follows.

    Returns:
        The name of the rule.

    Raises:
        InputError: there is no rule of that name, or no row is held out to tune it on.
    """
    decision, class_weight = params["decision"], params["class_weight"]
    if decision is None:
        # Stated class weights say what an error costs; a rule that goes for another
        # score would undo them.
        stated = isinstance(class_weight, str | Mapping)
        own = isinstance(chosen, CrossFitRecipe) and not stated
        return "balanced" if own else "argmax"
    name: Decision = check_choice(decision, "decision", get_args(Decision))  # type: ignore[assignment]
    if (
        name != "argmax"
        and isinstance(chosen, Recipe)
        and chosen.schedule.validation_fraction == 0
    ):
        raise InputError(
            f"`decision={name!r}` is tuned on held-out rows, and `validation_fraction` "
            "is 0. Hold some out, or decide by 'argmax'."
        )
    return name


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
