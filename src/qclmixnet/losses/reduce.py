"""From one value per sample to one number, with class weights."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qclmixnet.core.checks import check_real
from qclmixnet.core.errors import InputError

__all__ = ["class_weights", "weighted_mean"]


def weighted_mean(
    values: Float[Tensor, " batch"], weights: Float[Tensor, " batch"] | None = None
) -> Float[Tensor, ""]:
    """Average per-sample values, ``sum(w v) / sum(w)``.

    Where the weights sum to 0 the mean is 0, with zero gradient: a batch in which no
    row counts teaches nothing, and training goes on.

    Args:
        values: what a loss returned.
        weights: one weight >= 0 per row; None counts all rows alike.

    Returns:
        The mean, without axes.

    Raises:
        InputError: shapes do not fit, there is no row, or (on the CPU, where the look
            costs nothing) a weight is negative.

    >>> weighted_mean(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 1.0])).item()
    2.0
    """
    if values.ndim != 1 or len(values) == 0:
        raise InputError(
            "`values` must have 1 axis (batch) with at least one row, "
            f"got shape {tuple(values.shape)}."
        )
    if weights is None:
        return values.mean()
    if weights.shape != values.shape:
        raise InputError(
            f"`weights` must have shape {tuple(values.shape)} like `values`, "
            f"got {tuple(weights.shape)}."
        )
    if weights.device.type == "cpu" and bool((weights < 0).any()):
        raise InputError(f"`weights` must be at least 0, got {float(weights.min())!r}.")
    total = weights.sum()
    return (weights * values).sum() / torch.where(total > 0, total, 1.0)


def class_weights(
    counts: Int[Tensor, " classes"] | Float[Tensor, " classes"], power: float
) -> Float[Tensor, " classes"]:
    """Weigh classes by ``(N / (C n_c))^power``, scaled to mean 1 over the rows.

    Args:
        counts: rows of each class, or the sums of their sample weights; a class with
            count 0 gets weight 0.
        power: 0 weighs all rows alike, 1 all classes alike; >= 0.

    Returns:
        One weight per class, with ``sum(n_c w_c) = N``; in the type of `counts` when
        these are real numbers, else in torch's default type.

    Raises:
        InputError: `counts` has another number of axes, a negative or non-finite
            entry or no positive one, or `power` is out of range.

    >>> class_weights(torch.tensor([30, 10, 0]), 1.0).tolist()
    [0.6666666865348816, 2.0, 0.0]
    """
    power = check_real(power, "power", low=0)
    if counts.ndim != 1:
        raise InputError(
            f"`counts` must have 1 axis (classes), got shape {tuple(counts.shape)}."
        )
    n = counts.detach().double()
    if not bool(n.isfinite().all() and (n >= 0).all() and (n > 0).any()):
        raise InputError(
            "`counts` must be finite, at least 0 and not all 0, "
            f"got {counts.tolist()!r}."
        )
    # N / C cancels in the scaling. Relative to the rarest class no power overflows.
    present = n > 0
    rarest = n[present].min()
    raw = torch.where(present, (rarest / torch.where(present, n, 1.0)) ** power, 0.0)
    weights = raw * (n.sum() / (n * raw).sum())
    is_real = counts.is_floating_point()
    return weights.to(counts.dtype if is_real else torch.get_default_dtype())
