"""AdamW over stacked weights, each member's gradient clipped by its own length."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["StackedAdamW"]


class StackedAdamW:
    """Take steps with tensors whose first axis is the member.

    Also keeps an exponential moving average of the weights, which is what is scored
    and kept: it forgets the noise of the last steps. torch's own optimizer clips over
    all tensors, so that one member's outlier would slow the others down, and spends a
    second on imports at its first step.

    Args:
        parameters: the tensors to move.
        weight_decay: pull to 0 per unit of learning rate.
        max_gradient_norm: a member's longer gradient is shortened to this length.
        average: share of the old average that a step keeps, 0 to below 1.
        betas: decay of the two moments of the gradient.
        epsilon: added to the root of the second moment.

    References:
        Loshchilov, Hutter (2019), "Decoupled Weight Decay Regularization", algorithm
        2, arXiv 1711.05101.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        *,
        weight_decay: float,
        max_gradient_norm: float,
        average: float,
        betas: tuple[float, float] = (0.9, 0.95),
        epsilon: float = 1e-8,
    ) -> None:
        self._parameters = list(parameters)
        self._weight_decay = weight_decay
        self._max_norm = max_gradient_norm
        self._average = average
        self._betas = betas
        self._epsilon = epsilon
        self._first = [torch.zeros_like(p) for p in self._parameters]
        self._second = [torch.zeros_like(p) for p in self._parameters]
        self.averages = [p.detach().clone() for p in self._parameters]
        """The averaged weights, in the order of the parameters."""
        self._n_steps = [torch.zeros((), device=p.device) for p in self._parameters]

    @property
    def state(self) -> dict[str, list[Tensor]]:
        """All that later steps depend on, by name; to be written to in place."""
        return {
            "first": self._first,
            "second": self._second,
            "averages": self.averages,
            "n_steps": self._n_steps,
        }

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], learning_rate: float) -> None:
        """Move the parameters against their gradients, and the averages after them."""
        low, high = self._betas
        clipped = self._clipped(gradients)
        torch._foreach_add_(self._n_steps, 1)
        # What torch.optim.AdamW(fused=True) calls, without its import of the compiler.
        torch._fused_adamw_(
            self._parameters,
            clipped,
            self._first,
            self._second,
            [],
            self._n_steps,
            lr=learning_rate,
            beta1=low,
            beta2=high,
            weight_decay=self._weight_decay,
            eps=self._epsilon,
            amsgrad=False,
            maximize=False,
        )
        torch._foreach_lerp_(self.averages, self._parameters, 1 - self._average)

    def _clipped(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """Shorten each member's gradient over all tensors to the longest allowed.

        A stack may hold only the last members: theirs are the last of the lengths.
        """
        n_members = max(len(g) for g in gradients)
        squares = gradients[0].new_zeros(n_members)
        for gradient in gradients:
            by_member = gradient.flatten(1)
            squares[-len(gradient) :] += torch.linalg.vecdot(by_member, by_member)
        factors = (self._max_norm / (squares.sqrt() + 1e-6)).clamp(max=1.0)
        shapes = [(-1, *[1] * (gradient.ndim - 1)) for gradient in gradients]
        # The fused step goes through memory in order, whatever the strides say.
        return [
            gradient.contiguous() * factors[-len(gradient) :].view(shape)
            for gradient, shape in zip(gradients, shapes, strict=True)
        ]
