"""Training of a small network that says what a larger model says."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qclmixnet.nn import MemberInput, MemberNetwork
from qclmixnet.training.rates import warm_cosine
from qclmixnet.training.stacked_adamw import StackedAdamW
from qclmixnet.training.threads import step_threads

__all__ = ["train_student"]

_BATCH_SIZE, _LEARNING_RATE = 256, 4e-3


def train_student(
    network: MemberNetwork,
    inputs: MemberInput,
    x_num: Float[Tensor, "rows n_num"],
    x_cat: Int[Tensor, "rows n_cat"],
    said: Float[Tensor, "rows classes"],
    *,
    generator: torch.Generator,
    n_steps: int,
) -> None:
    """Fit the only member of a network, in place, to probabilities.

    Args:
        network: one member.
        inputs: turns encoded rows into its inputs.
        x_num: numbers of the rows.
        x_cat: category codes of the same rows.
        said: what the larger model says about each: its probabilities.
        generator: the source of the batches.
        n_steps: of learning, each of 256 rows that are drawn with replacement.

    References:
        Hinton, Vinyals, Dean (2015), "Distilling the Knowledge in a Neural Network",
        section 2, arXiv 1503.02531, at temperature 1.
    """
    parameters: list[Tensor] = [*network.parameters()]
    optimizer = StackedAdamW(
        parameters, weight_decay=0.01, max_gradient_norm=1.0, average=0.99
    )
    network.train()
    with step_threads(_BATCH_SIZE * network.d_hidden):
        for step in range(n_steps):
            rows = torch.randint(len(said), (_BATCH_SIZE,), generator=generator)
            logits = network(*inputs(x_num[rows], x_cat[rows])).logits[0]
            loss = -(said[rows] * logits.log_softmax(dim=1)).sum(dim=1).mean()
            rate = warm_cosine(
                step, n_steps, peak=_LEARNING_RATE, final_rate=0.02, warmup_steps=100
            )
            optimizer.step(torch.autograd.grad(loss, parameters), rate)
    with torch.no_grad():
        torch._foreach_copy_(parameters, optimizer.averages)
    network.eval()
