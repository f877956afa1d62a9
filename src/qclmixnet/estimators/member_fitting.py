"""From encoded rows and labels to a fitted ensemble and its decision rule."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from qclmixnet.core.seeding import spawn_seeds
from qclmixnet.decision import (
    HeldOut,
    OffsetRule,
    ProbabilityScaling,
    choose_share,
    defer,
    fit_scaling,
    keep_held_out,
    tune_tilt,
)
from qclmixnet.estimators.models import MemberModel, for_inference
from qclmixnet.estimators.progress import epoch_progress
from qclmixnet.estimators.tree_fitting import LEAST_LEAF, build_trees, fit_trees
from qclmixnet.losses import class_weights
from qclmixnet.nn import BoostedTrees, MemberInput, MemberNetwork
from qclmixnet.preprocessing import EncodedTable, quantile_edges
from qclmixnet.table import Labels
from qclmixnet.training import (
    CrossFitRecipe,
    TrainingData,
    TrainingResult,
    deal_folds,
    member_outputs,
    train_members,
)
from qclmixnet.training.cross_fit import NEVER

Decision = Literal["argmax", "balanced", "macro_f1", "macro_recall"]
"""What a prediction goes for."""

_HOLDOUT_PARTS = 4  # without cross-fitting a quarter is left out

__all__ = ["Decision", "FittedMembers", "build_members", "fit_members"]


@dataclass(frozen=True)
class FittedMembers:
    """What a fit of the members gives.

    Attributes:
        model: the ensemble.
        result: what happened while training.
        rule: the tuned decision rule; None for the plain argmax.
        held_out: what was said about rows that members left out; None if none were.
    """

    model: MemberModel
    result: TrainingResult
    rule: OffsetRule | None
    held_out: HeldOut | None


def fit_members(
    encoded: EncodedTable,
    cardinalities: tuple[int, ...],
    labels: Labels,
    weights: npt.NDArray[np.float64],
    *,
    recipe: CrossFitRecipe,
    decision: Decision,
    device: torch.device,
    random_state: object,
    show_progress: bool,
) -> FittedMembers:
    """Train members and trees, then blend, calibrate and decide by left-out rows.

    Args:
        encoded: the rows.
        cardinalities: codes of each category column.
        labels: their classes.
        weights: how much each row counts, above 0.
        recipe: how to build and train.
        decision: "argmax", or the score that the rule shall maximise.
        device: where to compute.
        random_state: seed of the folds, the first weights and the training.
        show_progress: if True a bar is shown.

    Returns:
        The ensemble, what happened, and the rule.
    """
    n_classes = len(labels.classes)
    folds_seed, order_seed, *member_seeds, tree_seed = spawn_seeds(
        random_state, 2 + recipe.members.n_members + 1
    )
    folds = deal_folds(
        labels.codes,
        _copies(encoded),
        n_folds=_HOLDOUT_PARTS if recipe.n_folds == 1 else recipe.n_folds,
        generator=np.random.default_rng(folds_seed),
    )
    folds[folds >= recipe.n_folds] = NEVER  # one fold: the other parts are learned from
    counts = np.bincount(labels.codes, minlength=n_classes)
    power = recipe.loss.class_weight_power
    by_class = class_weights(torch.from_numpy(counts), power).double().numpy()
    trees = build_trees(
        encoded.x_num.shape[1],
        cardinalities,
        n_classes,
        recipe,
        depth=recipe.trees.depth_of(len(labels.codes)),
    )
    if trees is not None:
        shares = weights / weights.max()  # first, so that no sum overflows
        fit_trees(
            trees,
            encoded,
            labels.codes,
            shares / shares.mean() * by_class[labels.codes],
            folds,
            config=recipe.trees,
            seed=tree_seed,
        )
    data = TrainingData.from_arrays(encoded, labels.codes, weights, device=device)
    columns, edges = quantile_edges(encoded.x_num, n_bins=recipe.members.n_bins)
    inputs = MemberInput(
        encoded.x_num.shape[1], cardinalities, columns=columns, edges=edges
    )
    inputs = inputs.to(device)
    plain = inputs.plain(data.x_num, data.x_cat)
    network = build_members(
        inputs,
        n_classes,
        recipe,
        input_norm=max(float(plain.square().sum(dim=1).mean().sqrt()), 1e-3),
        seeds=tuple(member_seeds),
    ).to(device)
    del plain
    generator = torch.Generator().manual_seed(order_seed)
    n_epochs = recipe.schedule.resolve(data.n_rows).n_epochs
    with epoch_progress(n_epochs, shown=show_progress) as on_epoch:
        result = train_members(
            network,
            inputs,
            data,
            torch.from_numpy(folds),
            recipe=recipe,
            generator=generator,
            on_epoch=on_epoch,
        )
    left_out, proba = _left_out(network, inputs, data, folds, recipe.n_folds)
    codes, share = labels.codes[left_out], 0.0
    unknown = tuple(map(int, np.flatnonzero(counts < LEAST_LEAF)))
    if trees is not None:
        by_trees = _left_out_by_trees(trees, encoded, folds)[left_out]
        by_trees = defer(by_trees, proba, unknown)
        share = choose_share(codes, proba, by_trees, counts, power=power)
        proba = (1 - share) * proba + share * by_trees
    left_out_weights = weights[left_out]
    scaling = fit_scaling(codes, proba, by_class, sample_weight=left_out_weights)
    for_inference(network)
    for_inference(inputs)
    model = MemberModel(network, inputs, trees, share, unknown, scaling)
    rule = None
    if decision != "argmax" and len(codes):
        tilt = tune_tilt(codes, proba, counts, power=power, objective=decision)
        rule = _after(scaling, tilt)
    held_out = None
    if len(codes):
        scaled = _scaled_elsewhere(
            codes, proba, by_class, left_out_weights, parts=folds[left_out]
        )
        held_out = keep_held_out(codes, scaled, left_out_weights)
    return FittedMembers(model, result, rule, held_out)


def build_members(
    inputs: MemberInput,
    n_classes: int,
    recipe: CrossFitRecipe,
    *,
    input_norm: float,
    seeds: tuple[int, ...],
) -> MemberNetwork:
    """Build the members that a recipe asks for, one per seed."""
    sizes = recipe.members
    pool_seed = spawn_seeds(seeds[0], 1)[0]
    return MemberNetwork(
        n_plain=inputs.n_plain,
        n_columns=inputs.n_columns,
        n_bins=inputs.n_bins,
        n_classes=n_classes,
        n_binned=sizes.n_binned,
        d_hidden=sizes.d_hidden,
        d_embedding=sizes.d_embedding,
        n_blocks=sizes.n_blocks,
        dropout=sizes.dropout,
        entangle=sizes.entangle,
        d_projection=recipe.contrast.d_projection if recipe.contrast.weight else 0,
        input_norm=input_norm,
        generators=[torch.Generator().manual_seed(seed) for seed in seeds],
        pool_generator=torch.Generator().manual_seed(pool_seed),
    )


def _copies(encoded: EncodedTable) -> npt.NDArray[np.int64]:
    """Number the different rows; equal rows have equal numbers."""
    parts = [encoded.x_num + np.float32(0), encoded.x_cat]  # -0 becomes 0
    as_bytes = np.hstack(
        [
            np.ascontiguousarray(part).view(np.uint8).reshape(len(part), -1)
            for part in parts
        ]
    )
    rows = np.ascontiguousarray(as_bytes).view(f"V{as_bytes.shape[1]}")[:, 0]
    _, numbers = np.unique(rows, return_inverse=True)
    out: npt.NDArray[np.int64] = numbers.astype(np.int64)
    return out


def _left_out(
    network: MemberNetwork,
    inputs: MemberInput,
    data: TrainingData,
    folds: npt.NDArray[np.int64],
    n_folds: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the rows that members leave out, and these members' mean probabilities."""
    logits = member_outputs(network, inputs, data.x_num, data.x_cat, output="logits")
    proba = logits.double().softmax(dim=2).cpu().numpy()
    leaves_out = folds == (np.arange(network.n_members) % n_folds)[:, None]
    rows = np.flatnonzero(leaves_out.any(axis=0))
    shares = leaves_out[:, rows, None]
    mean = (proba[:, rows] * shares).sum(axis=0) / shares.sum(axis=0)
    return rows, mean


def _left_out_by_trees(
    trees: BoostedTrees, encoded: EncodedTable, folds: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return each row's probabilities by the trees that did not see its fold."""
    proba = np.zeros((len(folds), trees.n_classes))
    for fold in range(trees.n_sets):
        rows = np.flatnonzero(folds == fold)
        if len(rows):
            part = encoded.take(rows)
            x_num, x_cat = torch.from_numpy(part.x_num), torch.from_numpy(part.x_cat)
            proba[rows] = trees.one_set(fold, x_num, x_cat).softmax(dim=1).numpy()
    return proba


def _scaled_elsewhere(
    codes: npt.NDArray[np.int64],
    proba: npt.NDArray[np.float64],
    by_class: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    *,
    parts: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Scale each part of the left-out rows by what the other parts say."""
    out = np.empty_like(proba)
    # Without cross-fitting there is one part; it is then dealt into five.
    if len(np.unique(parts)) == 1:
        parts = np.arange(len(codes)) % 5
    for part in np.unique(parts):
        own = parts == part
        scaling = fit_scaling(
            codes[~own], proba[~own], by_class, sample_weight=weights[~own]
        )
        out[own] = scaling(proba[own])
    return out


def _after(scaling: ProbabilityScaling, rule: OffsetRule) -> OffsetRule:
    """Restate a rule for probabilities before scaling as one for those after.

    With ``log q = a log p - s log w`` up to a constant, the largest of ``log p + o`` is
    the largest of ``log q + s log w + a o``.
    """
    offsets = scaling.undone * np.array(scaling.log_weights)
    offsets = offsets + scaling.sharpness * rule.offsets
    return OffsetRule(
        offsets - offsets[np.argmin(scaling.log_weights)],
        rule.objective,
        rule.inner_before,
        rule.inner_after,
        rule.note,
    )
