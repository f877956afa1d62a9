"""Triplet losses: a row is nearer to its own class than to others, by a margin."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from qclmixnet.core.checks import check_real
from qclmixnet.losses.rows import check_labels, check_matrix, unit_rows

__all__ = ["BatchAllTripletLoss", "BatchHardTripletLoss", "distance"]


class BatchHardTripletLoss(nn.Module):
    """Triplet loss of each row with its farthest positive and its nearest negative.

    Value of anchor ``a``: ``max(0, margin + max_p d(a, p) - min_n d(a, n))``, where
    ``d`` is the Euclidean distance between rows scaled to unit length (0 to 2). A row
    without another row of its class, or without a row of another class, has value 0.
    Memory grows with the square of the batch.

    Args:
        margin: by how much the negative must be farther, >= 0.

    Raises:
        InputError: `margin` is negative or not finite.

    References:
        Hermans, Beyer, Leibe (2017). In Defense of the Triplet Loss for Person
        Re-Identification, eq. 5. arXiv:1703.07737. We differ: unit-length rows, one
        value per anchor in place of their sum, and the hinge in place of their
        favoured softplus.

    >>> loss = BatchHardTripletLoss(margin=2.0)
    >>> projection = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    >>> [round(v, 4) for v in loss(projection, torch.tensor([0, 0, 1])).tolist()]
    [1.4142, 2.0, 0.0]
    """

    def __init__(self, margin: float = 0.5) -> None:
        super().__init__()
        self.margin = check_real(margin, "margin", low=0)

    def forward(
        self,
        projection: Float[Tensor, "batch d_projection"],
        labels: Int[Tensor, " batch"],
    ) -> Float[Tensor, " batch"]:
        """Judge each row as an anchor.

        Args:
            projection: rows of any length; scaled to unit length here.
            labels: whole numbers, only compared with each other.

        Returns:
            One value >= 0 per row.

        Raises:
            InputError: shapes do not fit or labels are not whole numbers.
        """
        check_matrix(projection, "projection")
        check_labels(labels, "labels", n_rows=len(projection))
        z = unit_rows(projection)
        with torch.no_grad():
            # Squared distance up to a term that is constant in each row.
            away = torch.addmm(z.square().sum(dim=1), z, z.T, alpha=-2)
            positive, negative = _sides(labels)
            farthest = away.masked_fill(~positive, -torch.inf).argmax(dim=1)
            nearest = away.masked_fill(~negative, torch.inf).argmin(dim=1)
            judged = positive.any(dim=1) & negative.any(dim=1)  # (batch,)
        # Only the chosen pairs carry a gradient.
        gap = distance(z, z[farthest]) - distance(z, z[nearest])
        return torch.where(judged, functional.relu(self.margin + gap), 0.0)

    def extra_repr(self) -> str:
        """Name the settings in the printed module."""
        return f"margin={self.margin:g}"


class BatchAllTripletLoss(nn.Module):
    """Triplet loss of each row, averaged over all its triplets in the batch.

    Value of anchor ``a``: the mean of ``max(0, margin + d(a, p) - d(a, n))`` over all
    its pairs of a positive ``p`` and a negative ``n``, easy ones included; ``d`` is
    the Euclidean distance between rows scaled to unit length (0 to 2). A row without
    a positive or without a negative has value 0. Distances are sorted rather than
    laid out as triplets, so memory grows with the square of the batch, not the cube.

    Args:
        margin: by how much the negatives must be farther, >= 0.

    Raises:
        InputError: `margin` is negative or not finite.

    References:
        Hermans, Beyer, Leibe (2017). In Defense of the Triplet Loss for Person
        Re-Identification, eq. 6. arXiv:1703.07737. We differ: unit-length rows, and
        the mean over an anchor's triplets in place of the sum over all.

    >>> loss = BatchAllTripletLoss(margin=2.0)
    >>> projection = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    >>> [round(v, 4) for v in loss(projection, torch.tensor([0, 0, 1])).tolist()]
    [1.4142, 2.0, 0.0]
    """

    def __init__(self, margin: float = 0.5) -> None:
        super().__init__()
        self.margin = check_real(margin, "margin", low=0)

    def forward(
        self,
        projection: Float[Tensor, "batch d_projection"],
        labels: Int[Tensor, " batch"],
    ) -> Float[Tensor, " batch"]:
        """Judge each row as an anchor.

        Args:
            projection: rows of any length; scaled to unit length here.
            labels: whole numbers, only compared with each other.

        Returns:
            One value >= 0 per row.

        Raises:
            InputError: shapes do not fit or labels are not whole numbers.
        """
        distance, positive, negative = _pairs(projection, labels)
        # For one anchor and positive, with reach = margin + d(a, p), only the nearest
        # k negatives (those within reach) count, and their hinges add up to
        # k * reach - (sum of the k smallest distances).
        reach = self.margin + distance  # (batch, batch): anchor, positive
        sorted_negatives = distance.masked_fill(~negative, torch.inf).sort(dim=1).values
        k = torch.searchsorted(sorted_negatives.detach(), reach.detach())
        smallest_sum = functional.pad(sorted_negatives.cumsum(dim=1), (1, 0))
        # relu: the difference of two sums can round to just below 0.
        hinges = functional.relu(k * reach - smallest_sum.gather(1, k))
        n_triplets = positive.sum(dim=1) * negative.sum(dim=1)  # (batch,)
        return torch.where(positive, hinges, 0.0).sum(dim=1) / n_triplets.clamp_min(1)

    def extra_repr(self) -> str:
        """Name the settings in the printed module."""
        return f"margin={self.margin:g}"


def _pairs(
    projection: Float[Tensor, "batch d_projection"], labels: Int[Tensor, " batch"]
) -> tuple[
    Float[Tensor, "batch batch"],
    Bool[Tensor, "batch batch"],
    Bool[Tensor, "batch batch"],
]:
    """Distances of all pairs of rows, and which are positives and negatives."""
    check_matrix(projection, "projection")
    check_labels(labels, "labels", n_rows=len(projection))
    z = unit_rows(projection)
    # Differences, not a matrix product, whose rounding makes duplicate rows 3e-4
    # apart in float32; at distance 0 cdist has gradient 0.
    distance = torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist")
    return distance, *_sides(labels)


def _sides(
    labels: Int[Tensor, " batch"],
) -> tuple[Bool[Tensor, "batch batch"], Bool[Tensor, "batch batch"]]:
    """Which rows are positives and which negatives of each row."""
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    same = labels.unsqueeze(1) == labels
    return same & ~itself, ~same


def distance(
    one: Float[Tensor, "*batch d_projection"],
    other: Float[Tensor, "*batch d_projection"],
) -> Float[Tensor, "*batch"]:
    """Distance of each row to its partner, with gradient 0 where it is 0.

    Args:
        one: rows.
        other: as many partners.

    Returns:
        The Euclidean distances.
    """
    squared = (one - other).square().sum(dim=-1)  # (batch,)
    apart = squared > 0
    return torch.where(apart, torch.where(apart, squared, 1.0).sqrt(), 0.0)
