"""The one check of a module's input that torch would let pass or explain badly."""

from torch import Tensor

from qclmixnet.core.errors import InputError

__all__ = ["check_width"]


def check_width(x: Tensor, width: int, *, name: str = "x") -> None:
    """Refuse anything but a batch of rows with ``width`` columns.

    A single column would otherwise be broadcast over all features in silence.

    Args:
        x: what was handed in.
        width: columns the module was built for.
        name: what the caller's signature calls it.

    Raises:
        InputError: `x` is not a matrix or has another number of columns.
    """
    if x.ndim != 2 or x.shape[1] != width:
        raise InputError(
            f"`{name}` must have shape (batch, {width}), got {tuple(x.shape)}."
        )
