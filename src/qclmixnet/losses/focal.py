"""Focal loss: cross-entropy that turns away from rows already well classified."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qclmixnet.core.checks import check_real
from qclmixnet.core.errors import InputError
from qclmixnet.losses.rows import check_labels, check_matrix, in_single

__all__ = ["FocalLoss"]


class FocalLoss(nn.Module):
    """Focal loss of each row, for class labels or class probabilities.

    With target probabilities ``q`` (a label is one class with ``q = 1``) and predicted
    probabilities ``p``, a row's value is ``sum_c q_c (1 - p_c)^gamma (-log p_c)``.
    Values and gradients are finite for all logits whose differences are finite.

    Args:
        gamma: focusing strength, >= 0; at 0 this is plain cross-entropy.

    Raises:
        InputError: `gamma` is negative or not finite.

    References:
        Lin, Goyal, Girshick, He, Dollar (2017). Focal Loss for Dense Object Detection,
        eq. 4. arXiv:1708.02002. We differ: softmax over many classes in place of one
        sigmoid, targets may be mixed, and class weights (alpha in its eq. 5) are
        left to the caller.

    >>> loss = FocalLoss(gamma=2.0)
    >>> logits = torch.zeros(1, 2)  # p = 1/2, so the value is log(2) / 4
    >>> round(loss(logits, torch.tensor([0])).item(), 4)
    0.1733
    """

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = check_real(gamma, "gamma", low=0)

    def forward(
        self,
        logits: Float[Tensor, "batch classes"],
        target: Int[Tensor, " batch"] | Float[Tensor, "batch classes"],
    ) -> Float[Tensor, " batch"]:
        """Judge each row.

        Args:
            logits: unnormalised class scores on the log scale; at least 2 classes.
            target: labels, or rows of class probabilities (mixed labels).

        Returns:
            One value >= 0 per row.

        Raises:
            InputError: shapes do not fit, a label is out of range, or a row of
                probabilities has a negative entry or does not sum to 1.
        """
        _check(logits, target)
        log_p = in_single(logits).log_softmax(dim=1)
        if target.is_floating_point():
            return (target * self._of_all(log_p)).sum(dim=1)
        label = target.long().unsqueeze(1)
        if 0 < self.gamma < 1:  # the slope of the power is infinite at p = 1
            return self._of_all(log_p).gather(1, label).squeeze(1)
        log_p = log_p.gather(1, label).squeeze(1)
        missed = -torch.expm1(log_p)
        if self.gamma != 1:
            missed = missed**self.gamma
        return missed * -log_p

    def _of_all(
        self, log_p: Float[Tensor, "batch classes"]
    ) -> Float[Tensor, "batch classes"]:
        """Return what each class would cost as the only one of its row."""
        return (self.gamma * _log_complement(log_p)).exp() * -log_p

    def extra_repr(self) -> str:
        """Name the settings in the printed module."""
        return f"gamma={self.gamma:g}"


def _log_complement(
    log_p: Float[Tensor, "batch classes"],
) -> Float[Tensor, "batch classes"]:
    """``log(1 - p)``, finite even where ``p`` rounds to 1.

    With it ``(1 - p)^gamma`` is ``exp(gamma * log(1 - p))``, whose gradient stays
    finite for gamma below 1, where the power itself has an infinite slope at p = 1.
    Only the likeliest class can exceed 1/2; its complement is summed over the others.
    """
    likeliest = torch.zeros_like(log_p, dtype=torch.bool)
    likeliest.scatter_(1, log_p.argmax(dim=1, keepdim=True), value=True)
    others = log_p.masked_fill(likeliest, -torch.inf)
    return torch.where(
        likeliest, others.logsumexp(dim=1, keepdim=True), torch.log1p(-others.exp())
    )


def _check(logits: Tensor, target: Tensor) -> None:
    check_matrix(logits, "logits")
    n_rows, n_classes = logits.shape
    if n_classes < 2:
        raise InputError(f"`logits` must have at least 2 columns, got {n_classes}.")
    if not target.is_floating_point():
        check_labels(target, "target", n_rows=n_rows, n_classes=n_classes)
        return
    if target.shape != logits.shape:
        raise InputError(
            f"`target` of class probabilities must have the shape of `logits`, "
            f"{tuple(logits.shape)}, got {tuple(target.shape)}; labels must be whole "
            f"numbers."
        )
    if target.device.type != "cpu":  # the look would wait for the device
        return
    lowest = float(target.detach().min())
    farthest = float((target.detach().sum(dim=1) - 1).abs().max())
    if lowest < 0 or farthest > 1e-2:  # bfloat16 sums are off by up to 0.8 %
        raise InputError(
            "`target` must hold rows of class probabilities, >= 0 and summing to 1, "
            f"got an entry of {lowest:g} and a sum off by {farthest:g}."
        )
