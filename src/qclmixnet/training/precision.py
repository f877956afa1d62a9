"""The precision that a step of training computes in."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

__all__ = ["Precision", "forward_precision"]

Precision = Literal["float32", "bfloat16"]
"""What the matrix products of a step are computed in."""


def forward_precision(
    device: torch.device, precision: Precision
) -> AbstractContextManager[object]:
    """Return the context that a network's forward pass of a step runs in.

    Under "bfloat16" torch's autocast computes matrix products in 8 bits of precision
    and leaves what needs more in float32. Weights, gradients, losses and the
    optimiser's state are float32 all the same, so nothing has to be scaled.

    Args:
        device: where the step is computed.
        precision: of the matrix products.

    Returns:
        The context; it changes nothing for "float32".
    """
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
