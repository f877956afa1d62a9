"""Fitted models as plain values and tensors, and back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qclmixnet.decision import ProbabilityScaling
from qclmixnet.estimators.fitting import build_network
from qclmixnet.estimators.member_learning import build_members
from qclmixnet.estimators.models import MemberModel, SingleModel, for_inference
from qclmixnet.estimators.tree_fitting import build_trees
from qclmixnet.nn import MemberInput, OneHotInput
from qclmixnet.training import CrossFitRecipe, Recipe

__all__ = ["model_from_dict", "model_to_dict"]


def model_to_dict(
    model: SingleModel | MemberModel,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a model as values fit for JSON and tensors by name."""
    plain = model.inputs if isinstance(model, SingleModel) else model.inputs.plain
    values: dict[str, Any] = {
        "n_num": plain.n_num,
        "cardinalities": list(plain.cardinalities),
    }
    tensors = {
        f"network.{name}": _storable(value)
        for name, value in model.network.state_dict().items()
    }
    if isinstance(model, MemberModel):
        encoding = model.inputs.encoding
        edges = [] if encoding is None else encoding.edges
        values["edges"] = [[float(edge) for edge in column] for column in edges]
        values["columns"] = model.inputs.columns
        values["tree_share"] = model.tree_share
        values["unknown_to_trees"] = list(model.unknown_to_trees)
        if model.trees is not None:
            for name, value in model.trees.state_dict().items():
                tensors[f"trees.{name}"] = _storable(value)
        values["scaling"] = {
            "sharpness": model.scaling.sharpness,
            "undone": model.scaling.undone,
            "log_weights": list(model.scaling.log_weights),
        }
    return values, tensors


def model_from_dict(
    values: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    recipe: Recipe | CrossFitRecipe,
    n_classes: int,
    *,
    device: torch.device,
) -> SingleModel | MemberModel:
    """Rebuild a model from what `model_to_dict` returned.

    Args:
        values: the values, also after a way through JSON.
        tensors: the tensors, bit for bit.
        recipe: how the model was built.
        n_classes: number of classes.
        device: where it shall compute.

    Returns:
        A model whose predictions are the same bits.
    """
    weights = _under("network.", tensors)
    n_num, cardinalities = values["n_num"], tuple(values["cardinalities"])
    if isinstance(recipe, Recipe):
        inputs = OneHotInput(n_num, cardinalities)
        network = build_network(inputs.n_features, n_classes, recipe)
        network.load_state_dict(weights)
        for_inference(network.to(device))
        return SingleModel(network, inputs)
    edges = [np.array(column, dtype=np.float64) for column in values["edges"]]
    columns = np.array(values["columns"], dtype=np.int64)
    member_inputs = MemberInput(n_num, cardinalities, columns=columns, edges=edges)
    members = build_members(
        member_inputs,
        n_classes,
        recipe,
        input_norm=1.0,
        seeds=tuple(range(recipe.members.n_members)),
    )
    members.load_state_dict(weights)
    for_inference(members.to(device))
    for_inference(member_inputs.to(device))
    stored = values["scaling"]
    scaling = ProbabilityScaling(
        stored["sharpness"], stored["undone"], tuple(stored["log_weights"])
    )
    trees = None
    stored_trees = _under("trees.", tensors)
    if stored_trees:
        n_leaves = stored_trees["value"].shape[-1]
        depth = n_leaves.bit_length() - 1
        trees = build_trees(n_num, cardinalities, n_classes, recipe, depth=depth)
    if trees is not None:
        trees.load_state_dict(stored_trees)
    share = float(values["tree_share"])
    unknown = tuple(values["unknown_to_trees"])
    return MemberModel(members, member_inputs, trees, share, unknown, scaling)


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names start with a prefix, without it."""
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _storable(value: Tensor) -> Tensor:
    # The weights are float32 numbers held in double precision: nothing is lost.
    value = value.detach().cpu().contiguous()
    return value.float() if value.is_floating_point() else value
