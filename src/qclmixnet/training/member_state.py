"""Everything that decides how a fit of members goes on, to a checkpoint and back."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from qclmixnet.core import clock
from qclmixnet.nn import MemberNetwork, StackedDropout
from qclmixnet.training.checkpoint import CheckpointStore
from qclmixnet.training.history import EpochRecord, StopReason
from qclmixnet.training.stacked_adamw import StackedAdamW

__all__ = ["Best", "Place", "dropouts", "restore", "save"]

_PART = "members"


@dataclass
class Best:
    """The averaged weights of the epoch with the lowest left-out loss."""

    loss: float = math.inf
    epoch: int = 0
    weights: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Place:
    """Where a fit is.

    Attributes:
        epoch: the one that runs or comes next, counted from 1.
        step: steps of it that are done.
        loss_so_far: sum of their losses.
        began: state of the generator at its start; None for the state that it has.
        reason: why the fit has ended; None if it has not.
    """

    epoch: int
    step: int = 0
    loss_so_far: float = 0.0
    began: Tensor | None = None
    reason: StopReason | None = None


@runtime_checkable
class Resumable(Protocol):
    """What a fit has to lay open."""

    network: MemberNetwork
    optimizer: StackedAdamW
    generator: torch.Generator
    best: Best
    history: list[EpochRecord]
    place: Place
    started: float
    mixup_seconds: float


def save(
    fit: Resumable, checkpoints: CheckpointStore, reason: StopReason | None
) -> None:
    """Write a fit down.

    Args:
        fit: what runs, between two steps.
        checkpoints: where to.
        reason: why it has ended, if it has.
    """
    began = fit.place.began
    tensors = {"generator": fit.generator.get_state() if began is None else began}
    for name, stack in _stacks(fit).items():
        tensors |= {f"{name}.{i}": tensor for i, tensor in enumerate(stack)}
    tensors |= {f"best.{i}": tensor for i, tensor in enumerate(fit.best.weights)}
    for i, dropout in enumerate(dropouts(fit.network)):
        state = dropout.random_state()
        tensors |= {f"dropout.{i}.{name}": tensor for name, tensor in state.items()}
    values = {
        "epoch": fit.place.epoch,
        "step": fit.place.step,
        "loss_so_far": fit.place.loss_so_far,
        "reason": reason,
        "best_loss": fit.best.loss if fit.best.weights else None,
        "best_epoch": fit.best.epoch,
        "history": [asdict(record) for record in fit.history],
        "seconds": clock.now() - fit.started,
        "mixup_seconds": fit.mixup_seconds,
    }
    checkpoints.save(_PART, values, tensors)


@torch.no_grad()
def restore(fit: Resumable, checkpoints: CheckpointStore) -> None:
    """Take a fit up where it was written down; change nothing if it was not.

    Args:
        fit: what shall run, just built from the same arguments.
        checkpoints: where from.
    """
    found = checkpoints.load(_PART)
    if found is None:
        return
    values: dict[str, Any] = found.values
    tensors = found.tensors
    for name, stack in _stacks(fit).items():
        for i, tensor in enumerate(stack):
            tensor.copy_(tensors[f"{name}.{i}"])
    fit.generator.set_state(tensors["generator"].clone())
    for i, dropout in enumerate(dropouts(fit.network)):
        dropout.set_random_state(_under(f"dropout.{i}.", tensors))
    if values["best_loss"] is not None:
        like = list(fit.network.parameters())
        weights = [tensors[f"best.{i}"].to(p) for i, p in enumerate(like)]
        fit.best = Best(values["best_loss"], values["best_epoch"], weights)
    fit.history[:] = [EpochRecord(**record) for record in values["history"]]
    fit.started = clock.now() - values["seconds"]
    fit.mixup_seconds = values["mixup_seconds"]
    fit.place = Place(
        values["epoch"], values["step"], values["loss_so_far"], None, values["reason"]
    )


def _stacks(fit: Resumable) -> dict[str, Sequence[Tensor]]:
    weights = [p.data for p in fit.network.parameters()]
    return {"weights": weights, **fit.optimizer.state}


def dropouts(network: MemberNetwork) -> list[StackedDropout]:
    """Return what draws masks in a network."""
    return [m for m in network.modules() if isinstance(m, StackedDropout)]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
