"""Supervised contrastive loss: rows of one class attract, all other rows repel."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qclmixnet.core.checks import check_real
from qclmixnet.losses.rows import check_labels, check_matrix, unit_rows

__all__ = ["SupConLoss"]


class SupConLoss(nn.Module):
    """Supervised contrastive loss of each row against the rest of its batch.

    Row ``i``, scaled to unit length, is compared with every other row ``a``; its value
    is the mean over the rows ``p`` of its own class of
    ``-log(exp(z_i z_p / tau) / sum_{a != i} exp(z_i z_a / tau))``. A row without
    another row of its class has value 0 and pulls on nothing. Memory grows with the
    square of the batch.

    Args:
        temperature: tau, > 0; smaller looks harder at the nearest rows.

    Raises:
        InputError: `temperature` is not positive or not finite.

    References:
        Khosla, Teterwak, Wang, Sarna, Tian, Isola, Maschinot, Liu, Krishnan (2020).
        Supervised Contrastive Learning, eq. 2 (L_out). arXiv:2004.11362. We differ:
        one view per row, and rows without a positive are 0 where the equation divides
        by zero.

    >>> loss = SupConLoss(temperature=1.0)
    >>> projection = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    >>> [round(v, 4) for v in loss(projection, torch.tensor([0, 0, 1])).tolist()]
    [0.3133, 0.3133, 0.0]
    """

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = check_real(temperature, "temperature", low=0, open_low=True)

    def forward(
        self,
        projection: Float[Tensor, "batch d_projection"],
        labels: Int[Tensor, " batch"],
    ) -> Float[Tensor, " batch"]:
        """Judge each row.

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
        same = (labels.unsqueeze(1) == labels).to(z.dtype)  # (batch, batch)
        n_positive = same.sum(dim=1) - 1  # (batch,)
        # The mean over positives of z_i . z_p is z_i . (sum of its class, less z_i):
        # one thin product in place of a masked sum over pairs.
        others_of_class = same @ z - z  # (batch, d_projection)
        mean_similarity = (z * others_of_class).sum(dim=1) / n_positive.clamp_min(1)
        similarity = (z / self.temperature) @ z.T  # (batch, batch)
        # The lowest finite number, not -inf: a batch of one has nothing else to sum
        # over, and the gradient of a sum over -inf alone is NaN.
        similarity.diagonal().fill_(torch.finfo(similarity.dtype).min)
        values = similarity.logsumexp(dim=1) - mean_similarity / self.temperature
        # DIFF(paper): 0 for a row without a positive (eq. 2 divides by |P(i)| = 0).
        # clamp: with one row besides itself the difference can round to below 0.
        return torch.where(n_positive > 0, values.clamp_min(0), 0.0)

    def extra_repr(self) -> str:
        """Name the settings in the printed module."""
        return f"temperature={self.temperature:g}"
