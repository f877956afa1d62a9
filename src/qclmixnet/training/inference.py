"""Passes through the network that learn nothing, in bounded memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qclmixnet.metrics import confusion_matrix, log_loss, macro_f1, macro_recall
from qclmixnet.nn import OneHotInput, QCLMixNet
from qclmixnet.training.data import TrainingData

__all__ = [
    "ROWS_AT_ONCE",
    "HeldOutScores",
    "forward_in_parts",
    "outputs_in_parts",
    "rows_at_once",
    "score",
]

ROWS_AT_ONCE = 512
"""Rows in a pass that learns nothing; what a few hundred need stays in the cache."""

_ROWS_ON_A_DEVICE = 8_192  # of whose time a small pass takes as much as a large one


def rows_at_once(device: torch.device) -> int:
    """Return the rows of a pass that learns nothing on a device.

    >>> rows_at_once(torch.device("cpu")), rows_at_once(torch.device("cuda"))
    (512, 8192)
    """
    return ROWS_AT_ONCE if device.type == "cpu" else _ROWS_ON_A_DEVICE


@dataclass(frozen=True)
class HeldOutScores:
    """How the network does on the rows that choose the epoch.

    Attributes:
        macro_f1: mean F1 over classes, 0 to 1.
        macro_recall: mean recall over classes, 0 to 1.
        log_loss: in nats.
    """

    macro_f1: float
    macro_recall: float
    log_loss: float


@torch.no_grad()
def forward_in_parts(
    model: QCLMixNet,
    inputs: OneHotInput,
    x_num: Float[Tensor, "rows n_num"],
    x_cat: Int[Tensor, "rows n_cat"],
    *,
    output: Literal["logits", "representation"],
) -> Float[Tensor, "rows columns"]:
    """Return one output of the network for every row, a few thousand at a time.

    Args:
        model: the network, which is put into evaluation mode.
        inputs: turns encoded rows into the network's inputs.
        x_num: numbers, on any device, of at least one row.
        x_cat: category codes of the same rows.
        output: which of the network's outputs is wanted.

    Returns:
        The output, on the network's device and in its precision.
    """
    return outputs_in_parts(
        model,
        lambda num, cat: getattr(model(inputs(num, cat)), output),
        x_num,
        x_cat,
    )


@torch.no_grad()
def outputs_in_parts(
    model: nn.Module,
    compute: Callable[[Tensor, Tensor], Tensor],
    x_num: Tensor,
    x_cat: Tensor,
) -> Tensor:
    """Compute something of every row, a few thousand at a time.

    Args:
        model: what computes, which is put into evaluation mode.
        compute: from numbers and category codes of some rows, on the model's device
            and in its precision, to ``(..., rows, columns)``.
        x_num: numbers, on any device, of at least one row.
        x_cat: category codes of the same rows.

    Returns:
        The parts put together along the rows.
    """
    if model.training:  # to ask every module of a fitted model would cost a row's time
        model.eval()
    like = next(model.parameters())
    parts = []
    size = rows_at_once(like.device)
    for start in range(0, len(x_num), size):
        rows = slice(start, start + size)
        parts.append(compute(x_num[rows].to(like), x_cat[rows].to(like.device)))
    return torch.cat(parts, dim=-2)


def score(
    model: QCLMixNet, inputs: OneHotInput, held_out: TrainingData | None
) -> HeldOutScores | None:
    """Score the held-out rows by their weights; None when nothing is held out."""
    if held_out is None:
        return None
    logits = forward_in_parts(
        model, inputs, held_out.x_num, held_out.x_cat, output="logits"
    )
    proba = logits.cpu().double().softmax(dim=1).nan_to_num().numpy()
    y_true = held_out.labels.cpu().numpy()
    weights = held_out.weights.cpu().double().numpy()
    confusion = confusion_matrix(
        y_true, proba.argmax(axis=1), model.n_classes, weights=weights
    )
    return HeldOutScores(
        macro_f1=macro_f1(confusion),
        macro_recall=macro_recall(confusion),
        log_loss=log_loss(y_true, proba, weights=weights),
    )
