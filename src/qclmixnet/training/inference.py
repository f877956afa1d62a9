"""Passes through the network that learn nothing, in bounded memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from qclmixnet.metrics import confusion_matrix, log_loss, macro_f1, macro_recall
from qclmixnet.nn import OneHotInput, QCLMixNet
from qclmixnet.training.data import TrainingData

__all__ = ["HeldOutScores", "represent", "score"]

_ROWS_AT_ONCE = 4096


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
def represent(
    model: QCLMixNet, inputs: OneHotInput, data: TrainingData
) -> Float[Tensor, "rows d_repr"]:
    """Return the representation of every row."""
    model.eval()
    return torch.cat(
        [
            model(inputs(data.x_num[part], data.x_cat[part])).representation
            for part in _slices(data.n_rows)
        ]
    )


@torch.no_grad()
def score(
    model: QCLMixNet, inputs: OneHotInput, held_out: TrainingData | None
) -> HeldOutScores | None:
    """Score the held-out rows by their weights; None when nothing is held out."""
    if held_out is None:
        return None
    model.eval()
    logits = [
        model(inputs(held_out.x_num[part], held_out.x_cat[part])).logits
        for part in _slices(held_out.n_rows)
    ]
    proba = torch.cat(logits).cpu().double().softmax(dim=1).nan_to_num().numpy()
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


def _slices(n_rows: int) -> Iterator[slice]:
    for start in range(0, n_rows, _ROWS_AT_ONCE):
        yield slice(start, start + _ROWS_AT_ONCE)
