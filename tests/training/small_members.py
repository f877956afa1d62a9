"""Small members of three classes, and slow oracles of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from qclmixnet.nn import MemberInput, MemberNetwork
from qclmixnet.preprocessing import quantile_edges
from qclmixnet.training import (
    ContrastConfig,
    CrossFitRecipe,
    EpochRecord,
    FocalConfig,
    MemberSchedule,
    NeighbourMixConfig,
    TrainingData,
    TrainingResult,
    deal_folds,
    member_outputs,
    train_members,
)

Blobs = Callable[..., TrainingData]

SEEDS = (11, 12, 13, 14, 15)
NO_MIXUP = NeighbourMixConfig(mixed_fraction=0.0, same_class=False)
MIXUP = NeighbourMixConfig(mixed_fraction=0.5, same_class=False)


def make_recipe(
    *,
    n_folds: int = 3,
    mixup: NeighbourMixConfig = NO_MIXUP,
    gamma: float = 1.0,
    contrast: float = 0.0,
    **plan: Any,
) -> CrossFitRecipe:
    schedule = {"max_epochs": 4, "batch_size": 32, "average": 0.8, "n_scores": 50}
    return CrossFitRecipe(
        n_folds=n_folds,
        mixup=mixup,
        loss=FocalConfig(gamma=gamma),
        contrast=ContrastConfig(weight=contrast),
        schedule=MemberSchedule(**{**schedule, **plan}),
    )


def in_double(data: TrainingData) -> TrainingData:
    return replace(data, x_num=data.x_num.double(), weights=data.weights.double())


def build(
    data: TrainingData,
    *,
    seeds: Sequence[int] = SEEDS,
    n_binned: int = 2,
    dropout: float = 0.15,
    n_classes: int = 3,
    d_projection: int = 0,
) -> tuple[MemberInput, MemberNetwork]:
    """Build members in the precision of the data, all with the same dropout pool."""
    x_num = data.x_num.float().numpy()
    columns, edges = quantile_edges(x_num, n_bins=5)
    inputs = MemberInput(x_num.shape[1], (4,), columns=columns, edges=edges)
    network = MemberNetwork(
        n_plain=inputs.n_plain,
        n_columns=inputs.n_columns,
        n_bins=inputs.n_bins,
        n_classes=n_classes,
        n_binned=n_binned,
        d_hidden=8,
        d_embedding=3,
        dropout=dropout,
        entangle=True,
        d_projection=d_projection,
        input_norm=2.0,
        generators=[torch.Generator().manual_seed(seed) for seed in seeds],
        pool_generator=torch.Generator().manual_seed(99),
    )
    return inputs.to(data.x_num.dtype), network.to(data.x_num.dtype)


def make_folds(data: TrainingData, n_folds: int = 3) -> Tensor:
    generator = np.random.default_rng(4)
    codes, rows = data.labels.numpy(), np.arange(data.n_rows)
    return torch.from_numpy(
        deal_folds(codes, rows, n_folds=n_folds, generator=generator)
    )


@dataclass
class Fitted:
    inputs: MemberInput
    network: MemberNetwork
    result: TrainingResult

    @property
    def weights(self) -> list[Tensor]:
        return [p.detach().clone() for p in self.network.parameters()]


def fit(
    data: TrainingData,
    recipe: CrossFitRecipe,
    *,
    folds: Tensor | None = None,
    seed: int = 0,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    built: tuple[MemberInput, MemberNetwork] | None = None,
    **sizes: Any,
) -> Fitted:
    inputs, network = built or build(data, **sizes)
    result = train_members(
        network,
        inputs,
        data,
        make_folds(data, recipe.n_folds) if folds is None else folds,
        recipe=recipe,
        generator=torch.Generator().manual_seed(seed),
        on_epoch=on_epoch,
    )
    return Fitted(inputs, network, result)


def same(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def of_member(stacks: Sequence[Tensor], member: int, n_members: int) -> list[Tensor]:
    """Return a member's weights; short stacks are those of the last members."""
    places = [(stack, member - n_members + len(stack)) for stack in stacks]
    return [stack[place] for stack, place in places if place >= 0]


def scored_weights(data: TrainingData, power: float = 0.5) -> np.ndarray:
    """Weigh rows by their own weight and their class, by hand."""
    counts = np.bincount(data.labels.numpy())
    by_class = (data.n_rows / (len(counts) * counts)) ** power
    by_class *= data.n_rows / (counts * by_class).sum()
    weights: np.ndarray = data.weights.double().numpy() * by_class[data.labels.numpy()]
    return weights


def left_out_proba(
    fitted: Fitted, data: TrainingData, folds: Tensor, n_folds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Average log-probabilities over who leaves a row out, row by row."""
    logits = member_outputs(
        fitted.network, fitted.inputs, data.x_num, data.x_cat, output="logits"
    ).double()
    rows, proba = [], []
    for row, fold in enumerate(folds.tolist()):
        who = [m for m in range(len(logits)) if m % n_folds == fold]
        if who:
            logs = [torch.log_softmax(logits[m, row], dim=0) for m in who]
            mean = torch.stack(logs).mean(dim=0)
            rows.append(row)
            proba.append((mean - mean.logsumexp(dim=0)).exp().numpy())
    return np.array(rows), np.array(proba)
