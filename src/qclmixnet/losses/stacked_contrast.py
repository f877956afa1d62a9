"""Contrastive losses of many networks at once, each on its own rows of a batch."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from qclmixnet.core.checks import check_real
from qclmixnet.core.errors import InputError
from qclmixnet.losses.rows import check_labels, in_single
from qclmixnet.losses.triplet import distance

__all__ = ["StackedContrast"]


class StackedContrast(nn.Module):
    """Supervised contrastive and batch-hard triplet loss of each row, per member.

    For each member it is `SupConLoss` and `BatchHardTripletLoss` on the rows that take
    part; other rows have value 0 and are no row's positive or negative. Memory grows
    with the members and the square of the batch.

    Args:
        temperature: of the supervised contrastive loss, > 0.
        margin: of the triplet loss, >= 0.

    Raises:
        InputError: an argument is out of range.

    References:
        Khosla et al. (2020), arXiv 2004.11362, eq. 2; Hermans, Beyer, Leibe (2017),
        arXiv 1703.07737, eq. 5; with the differences that the two losses state.
    """

    def __init__(self, temperature: float = 0.1, margin: float = 0.5) -> None:
        super().__init__()
        self.temperature = check_real(temperature, "temperature", low=0, open_low=True)
        self.margin = check_real(margin, "margin", low=0)

    def forward(
        self,
        projection: Float[Tensor, "members batch d_projection"],
        labels: Int[Tensor, " batch"],
        takes_part: Bool[Tensor, "members batch"],
    ) -> Float[Tensor, "members batch"]:
        """Judge each row.

        Args:
            projection: each member's rows, of any length.
            labels: whole numbers, only compared with each other.
            takes_part: which rows a member looks at.

        Returns:
            The sum of the two losses, one value >= 0 per member and row.

        Raises:
            InputError: shapes do not fit or labels are not whole numbers.
        """
        if projection.ndim != 3 or takes_part.shape != projection.shape[:2]:
            raise InputError(
                "`projection` must have shape (members, batch, columns) and "
                "`takes_part` its first two axes, got shapes "
                f"{tuple(projection.shape)} and {tuple(takes_part.shape)}."
            )
        check_labels(labels, "labels", n_rows=projection.shape[1])
        rows = in_single(projection.flatten(0, 1))
        z = F.normalize(rows, dim=1).view(projection.shape)
        similarity = torch.bmm(z, z.transpose(1, 2))  # (members, batch, batch)
        same = labels[:, None] == labels
        other = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        seen = takes_part[:, None, :]
        positive, negative = same & other & seen, ~same & seen
        n_positive = positive.sum(dim=2)
        has_positive = takes_part & (n_positive > 0)

        lowest = torch.finfo(similarity.dtype).min
        scaled = similarity / self.temperature
        spread = scaled.masked_fill(~(other & seen), lowest).logsumexp(dim=2)
        mean = (scaled * positive).sum(dim=2) / n_positive.clamp_min(1)
        contrast = torch.where(has_positive, (spread - mean).clamp_min(0), 0.0)

        with torch.no_grad():
            farthest = similarity.masked_fill(~positive, torch.inf).argmin(dim=2)
            nearest = similarity.masked_fill(~negative, -torch.inf).argmax(dim=2)
            judged = has_positive & negative.any(dim=2)
        gap = distance(z, _rows(z, farthest)) - distance(z, _rows(z, nearest))
        return contrast + torch.where(judged, F.relu(self.margin + gap), 0.0)

    def extra_repr(self) -> str:
        """Name the settings in the printed module."""
        return f"temperature={self.temperature:g}, margin={self.margin:g}"


def _rows(
    z: Float[Tensor, "members batch d"], which: Int[Tensor, "members batch"]
) -> Float[Tensor, "members batch d"]:
    return z.gather(1, which[:, :, None].expand(-1, -1, z.shape[2]))
