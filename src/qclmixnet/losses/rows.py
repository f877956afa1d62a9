"""What the losses share about rows: border checks and unit length."""

import torch
from jaxtyping import Float
from torch import Tensor

from qclmixnet.core.errors import InputError

__all__ = ["check_labels", "check_matrix", "in_single", "unit_rows"]

# Rows with no entry above this have no direction: dividing by their length would
# turn a gradient of 1 into one of 1e12 (a projection ending in ReLU can be all zero).
_SHORTEST = 1e-12


def check_matrix(matrix: Tensor, name: str, *, n_rows: int | None = None) -> None:
    """Check that a tensor is a matrix of real numbers with at least one entry.

    Args:
        matrix: the tensor to check.
        name: what to call it in the message.
        n_rows: rows it must have; None for any number.

    Raises:
        InputError: it has another number of axes, is empty, holds whole numbers, or
            has another number of rows.
    """
    if matrix.ndim != 2:
        raise InputError(
            f"`{name}` must have 2 axes (batch, columns), "
            f"got shape {tuple(matrix.shape)}."
        )
    if matrix.numel() == 0:
        raise InputError(
            f"`{name}` must have at least one row and one column, "
            f"got shape {tuple(matrix.shape)}."
        )
    if not matrix.is_floating_point():
        raise InputError(f"`{name}` must hold real numbers, got {matrix.dtype}.")
    if n_rows is not None and len(matrix) != n_rows:
        raise InputError(f"`{name}` must have {n_rows} rows, got {len(matrix)}.")


def check_labels(
    labels: Tensor, name: str, *, n_rows: int, n_classes: int | None = None
) -> None:
    """Check that a tensor holds one class label per row.

    Args:
        labels: the tensor to check.
        name: what to call it in the message.
        n_rows: how many labels there must be.
        n_classes: labels must be below this; None where labels are only compared.
            Looked at on the CPU only: elsewhere the look would wait for the device,
            whose own indexing refuses such labels.

    Raises:
        InputError: it has another number of axes or entries, holds real numbers, or
            has a label out of range.
    """
    if labels.ndim != 1:
        raise InputError(
            f"`{name}` must have 1 axis (batch), got shape {tuple(labels.shape)}."
        )
    if labels.is_floating_point() or labels.dtype == torch.bool:
        raise InputError(f"`{name}` must hold whole numbers, got {labels.dtype}.")
    if len(labels) != n_rows:
        raise InputError(
            f"`{name}` must have one entry for each of the {n_rows} rows, "
            f"got {len(labels)}."
        )
    if n_classes is None or labels.device.type != "cpu":
        return
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= n_classes:
        raise InputError(
            f"`{name}` must lie in 0..{n_classes - 1} for {n_classes} classes, "
            f"got {lowest if lowest < 0 else highest}."
        )


def in_single(
    matrix: Float[Tensor, "batch columns"],
) -> Float[Tensor, "batch columns"]:
    """Raise half precision to float32; float32 and float64 stay as they are.

    Sums over classes and rows lose too much in 8 or 11 bits.

    Args:
        matrix: what a network returned, perhaps under autocast.

    Returns:
        The same numbers in at least float32.

    >>> in_single(torch.zeros(1, 1, dtype=torch.bfloat16)).dtype
    torch.float32
    """
    return matrix.to(torch.promote_types(matrix.dtype, torch.float32))


def unit_rows(
    projection: Float[Tensor, "batch d_projection"],
) -> Float[Tensor, "batch d_projection"]:
    """Scale each row to Euclidean length 1, at any magnitude that is finite.

    Rows with no entry above 1e-12 have no direction: they come back as they are, and
    their gradient passes unscaled.

    Args:
        projection: the rows to scale.

    Returns:
        Rows of length 1, or (nearly) 0 where there was no direction; at least float32.

    >>> unit_rows(torch.tensor([[3.0, -4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, -0.800000011920929], [0.0, 0.0]]
    """
    projection = in_single(projection)
    # Length-1 rows do not change with the scale, so the largest entry may be divided
    # out as a constant; squares then neither overflow nor vanish.
    largest = projection.detach().abs().amax(dim=1, keepdim=True)  # (batch, 1)
    has_direction = largest > _SHORTEST
    scaled = projection / torch.where(has_direction, largest, 1.0)
    squared = scaled.square().sum(dim=1, keepdim=True)  # (batch, 1)
    return scaled / torch.where(has_direction, squared, 1.0).sqrt()
