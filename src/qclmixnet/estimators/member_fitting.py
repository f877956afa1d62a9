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
from qclmixnet.estimators.fit_run import FitRun
from qclmixnet.estimators.folds import folds_of_rows
from qclmixnet.estimators.member_learning import Lesson, class_factors
from qclmixnet.estimators.models import MemberModel, for_inference
from qclmixnet.estimators.tree_fitting import LEAST_LEAF, left_out_by_trees
from qclmixnet.nn import MemberInput, MemberNetwork
from qclmixnet.preprocessing import RowSource
from qclmixnet.table import Labels
from qclmixnet.training import CrossFitRecipe, TrainingResult, member_outputs
from qclmixnet.training.cross_fit import NEVER
from qclmixnet.training.data import MemberData
from qclmixnet.training.inference import rows_at_once
from qclmixnet.training.residency import place_rows

Decision = Literal["argmax", "balanced", "macro_f1", "macro_recall"]
"""What a prediction goes for."""

_HOLDOUT_PARTS = 4  # without cross-fitting a quarter is left out
_MOST_JUDGED = 300_000  # left-out rows that calibration and rule are chosen by

__all__ = ["Decision", "FittedMembers", "fit_members"]


@dataclass(frozen=True)
class FittedMembers:
    """What a fit of the members gives.

    Attributes:
        model: the ensemble.
        result: what happened while training.
        rule: the tuned decision rule; None for the plain argmax.
        held_out: what was said about rows that members left out; None if none were.
        n_lost: how often the training was taken up after workers were lost.
    """

    model: MemberModel
    result: TrainingResult
    rule: OffsetRule | None
    held_out: HeldOut | None
    n_lost: int


def fit_members(
    encoded: RowSource,
    cardinalities: tuple[int, ...],
    labels: Labels,
    weights: npt.NDArray[np.float64],
    *,
    recipe: CrossFitRecipe,
    decision: Decision,
    device: torch.device,
    random_state: object,
    run: FitRun,
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
        run: what is shown, and where the fit is written down, while it runs.

    Returns:
        The ensemble, what happened, and the rule.
    """
    n_classes = len(labels.classes)
    folds_seed, order_seed, *member_seeds, tree_seed = spawn_seeds(
        random_state, 2 + recipe.members.n_members + 1
    )
    checkpoints = run.checkpoints_of(
        encoded,
        labels.codes,
        weights,
        (cardinalities, recipe.to_dict(), folds_seed, order_seed),
    )
    folds = folds_of_rows(
        encoded,
        labels.codes,
        n_folds=_HOLDOUT_PARTS if recipe.n_folds == 1 else recipe.n_folds,
        seed=folds_seed,
    )
    folds[folds >= recipe.n_folds] = NEVER  # one fold: the other parts are learned from
    lesson = Lesson(
        encoded,
        cardinalities,
        labels.codes,
        n_classes,
        weights,
        folds,
        recipe,
        device,
        member_seeds=tuple(member_seeds),
        order_seed=order_seed,
        tree_seed=tree_seed,
    )
    learned = run.have_learned(lesson, checkpoints)
    network, inputs, trees = learned.network, learned.inputs, learned.trees
    data = learned.data
    if data is None:  # workers learned elsewhere
        data = place_rows(encoded, labels.codes, weights, device=device)
    counts = np.bincount(labels.codes, minlength=n_classes)
    power, by_class = recipe.loss.class_weight_power, class_factors(lesson)
    left_out, proba = _left_out(network, inputs, data, folds, recipe.n_folds)
    codes, share = labels.codes[left_out], 0.0
    unknown = tuple(map(int, np.flatnonzero(counts < LEAST_LEAF)))
    if trees is not None:
        by_trees = left_out_by_trees(trees, encoded, folds, left_out)
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
    return FittedMembers(model, learned.result, rule, held_out, learned.n_lost)


def _left_out(
    network: MemberNetwork,
    inputs: MemberInput,
    data: MemberData,
    folds: npt.NDArray[np.integer],
    n_folds: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return rows that members leave out, and these members' mean probabilities.

    Of more than `_MOST_JUDGED` rows every second, third or so is asked.
    """
    who = np.arange(network.n_members) % n_folds
    rows = np.flatnonzero(np.isin(folds, who))
    if len(folds) > _MOST_JUDGED:
        asked = rows = rows[:: max(1, len(rows) // _MOST_JUDGED)].copy()
    else:
        # All are computed, left out or not: so a batch is the same rows.
        asked = np.arange(len(folds))
    means = []
    size = rows_at_once(data.labels.device)
    for start in range(0, len(asked), size):
        part = asked[start : start + size]
        x = data.encoded(torch.from_numpy(part).to(data.labels.device))
        logits = member_outputs(network, inputs, *x, output="logits")
        proba = logits.cpu().double().softmax(dim=2).numpy()
        kept = np.isin(folds[part], who)
        shares = (folds[part[kept]] == who[:, None])[:, :, None]
        means.append((proba[:, kept] * shares).sum(axis=0) / shares.sum(axis=0))
    return rows, np.concatenate(means)


def _scaled_elsewhere(
    codes: npt.NDArray[np.int64],
    proba: npt.NDArray[np.float64],
    by_class: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    *,
    parts: npt.NDArray[np.integer],
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
