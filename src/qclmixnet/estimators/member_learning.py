"""What is learned of encoded rows: trees and members, here or by several workers."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from qclmixnet.core.row_sample import sample_of_rows
from qclmixnet.core.seeding import spawn_seeds
from qclmixnet.estimators.tree_fitting import build_trees, fit_trees
from qclmixnet.losses import class_weights
from qclmixnet.nn import BoostedTrees, MemberInput, MemberNetwork
from qclmixnet.preprocessing import RowSource, quantile_edges
from qclmixnet.training import (
    CrossFitRecipe,
    EpochRecord,
    TrainingResult,
    train_members,
)
from qclmixnet.training.checkpoint import Checkpoints, CheckpointStore
from qclmixnet.training.data import MemberData
from qclmixnet.training.residency import place_rows
from qclmixnet.training.team import Alone, Team

__all__ = [
    "Learned",
    "Lesson",
    "Trainer",
    "Training",
    "build_members",
    "class_factors",
    "learn",
]

_TREES = "trees"

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lesson:
    """All that decides what is learned.

    Attributes:
        rows: the encoded rows.
        cardinalities: codes of each category column.
        codes: class of each row.
        n_classes: classes there are.
        weights: how much each row counts, above 0.
        folds: fold of each row, or -1.
        recipe: how to build and train.
        device: where to compute.
        member_seeds: seeds of the first weights and the dropout of each member.
        order_seed: seed of the batches.
        tree_seed: seed of the trees.
    """

    rows: RowSource
    cardinalities: tuple[int, ...]
    codes: npt.NDArray[np.int64]
    n_classes: int
    weights: npt.NDArray[np.float64]
    folds: npt.NDArray[np.integer]
    recipe: CrossFitRecipe
    device: torch.device
    member_seeds: tuple[int, ...]
    order_seed: int
    tree_seed: int


@dataclass(frozen=True)
class Learned:
    """What is learned.

    Attributes:
        network: the members.
        inputs: what they see of a row.
        trees: the trees beside them; None for none.
        result: what happened while the members were trained.
        n_lost: how often the training was taken up after workers were lost.
        data: the rows as they were placed for it; None if that was elsewhere.
    """

    network: MemberNetwork
    inputs: MemberInput
    trees: BoostedTrees | None
    result: TrainingResult
    n_lost: int = 0
    data: MemberData | None = None


@runtime_checkable
class Trainer(Protocol):
    """Has a lesson learned by several workers."""

    def __call__(
        self,
        lesson: Lesson,
        *,
        checkpoints: Checkpoints | None,
        on_epoch: Callable[[EpochRecord], None] | None,
        on_rows: Callable[[int], None] | None,
    ) -> Learned:
        """Return what `learn` would return in one process, up to rounding."""


@runtime_checkable
class Training(Protocol):
    """Where a fit is trained: `qclmixnet.execution.Workers` on a Ray cluster."""

    def trainer(self) -> AbstractContextManager[Trainer]:
        """Return what has lessons learned while it is entered."""


def learn(
    lesson: Lesson,
    *,
    checkpoints: CheckpointStore | None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    on_rows: Callable[[int], None] | None = None,
    team: Team | None = None,
) -> Learned:
    """Grow the trees of all folds, then train the members.

    In a team each process grows the trees of some folds, and trains members on its
    share of each batch; all end with the same.

    Args:
        lesson: what is to be learned.
        checkpoints: where the fit is written down and taken up; None for nowhere.
        on_epoch: called after each epoch that is scored.
        on_rows: called with the number of rows that members have learned from.
        team: the processes that learn the same together; None for this one alone.

    Returns:
        What was learned.
    """
    team = Alone() if team is None else team
    trees = _trees_of(lesson, checkpoints, team)
    data = place_rows(lesson.rows, lesson.codes, lesson.weights, device=lesson.device)
    inputs, input_norm = _inputs_of(data, lesson)
    network = build_members(
        inputs,
        lesson.n_classes,
        lesson.recipe,
        input_norm=input_norm,
        seeds=lesson.member_seeds,
    ).to(lesson.device)
    result = train_members(
        network,
        inputs,
        data,
        torch.from_numpy(lesson.folds),
        recipe=lesson.recipe,
        generator=torch.Generator().manual_seed(lesson.order_seed),
        on_epoch=on_epoch,
        on_rows=on_rows,
        checkpoints=checkpoints,
        team=team,
    )
    return Learned(network, inputs, trees, result, data=data)


def _trees_of(
    lesson: Lesson, checkpoints: CheckpointStore | None, team: Team
) -> BoostedTrees | None:
    """Grow trees, or take over those that were written down."""
    trees = build_trees(
        lesson.rows.n_num,
        lesson.cardinalities,
        lesson.n_classes,
        lesson.recipe,
        depth=lesson.recipe.trees.depth_of(len(lesson.codes)),
    )
    if trees is None:
        return None
    found = None if checkpoints is None else checkpoints.load(_TREES)
    if found is not None:
        trees.load_state_dict(found.tensors)
        return trees
    fit_trees(
        trees,
        lesson.rows,
        lesson.codes,
        _weights_by_class(lesson),
        lesson.folds,
        config=lesson.recipe.trees,
        seed=lesson.tree_seed,
        sets=range(team.rank, trees.n_sets, team.size),
    )
    for tensor in trees.state_dict().values():
        own = tensor[team.rank :: team.size].to(lesson.device)
        tensor.copy_(team.gather(own, trees.n_sets))
    if checkpoints is not None and team.rank == 0:
        checkpoints.save(_TREES, {}, trees.state_dict())
    return trees


def _weights_by_class(lesson: Lesson) -> Callable[[IntArray], FloatArray]:
    """Return what says how much some rows count by their weights and their classes."""
    weights, factors = lesson.weights, class_factors(lesson)
    is_one = weights.strides == (0,)  # one number for all rows
    few = weights[:1] if is_one else weights
    largest = few.max()  # first, so that no sum overflows
    mean = (few / largest).mean()

    def weigh(rows: IntArray) -> FloatArray:
        own: FloatArray = weights[rows] / largest / mean
        return own * factors[lesson.codes[rows]]

    return weigh


def class_factors(lesson: Lesson) -> npt.NDArray[np.float64]:
    """Return what a row of each class counts by the recipe."""
    counts = np.bincount(lesson.codes, minlength=lesson.n_classes)
    power = lesson.recipe.loss.class_weight_power
    factors: npt.NDArray[np.float64] = (
        class_weights(torch.from_numpy(counts), power).double().numpy()
    )
    return factors


def _inputs_of(data: MemberData, lesson: Lesson) -> tuple[MemberInput, float]:
    """Return what members see of a row, and the typical length of a plain one."""
    encoded = lesson.rows
    rows = sample_of_rows(data.n_rows)
    x_num = encoded.take(rows).x_num
    columns, edges = quantile_edges(x_num, n_bins=lesson.recipe.members.n_bins)
    inputs = MemberInput(
        encoded.n_num, lesson.cardinalities, columns=columns, edges=edges
    )
    device = data.labels.device
    inputs = inputs.to(device)
    plain = inputs.plain(*data.encoded(torch.from_numpy(rows).to(device)))
    length = float(plain.square().sum(dim=1).mean().sqrt())
    return inputs, max(length, 1e-3)


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
