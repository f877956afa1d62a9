"""Variance terms: rows stay near their class centre, and far from the others'."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.losses.rows import check_labels, check_matrix, in_single

__all__ = ["ClassCentres", "InterClassSeparation", "IntraClassVariance"]


class ClassCentres(nn.Module):
    """Running mean of the projection for each class, kept without gradients.

    The centres are buffers: they move with ``.to(...)`` and are saved in the state.

    Args:
        n_classes: labels are 0..n_classes - 1.
        d_projection: width of the projection.
        momentum: weight of a new batch's mean, above 0 and at most 1; the first batch
            with a class counts in full.

    Attributes:
        centres: the running means; 0 for a class not seen yet.
        seen: which classes have been in a batch.

    Raises:
        InputError: a count is below 1 or `momentum` is out of range.

    References:
        Jahin, Abid, Mridha (2025). Quantum-Informed Contrastive Learning with Dynamic
        Mixup Augmentation, framework figure. arXiv:2506.13987. We differ: it leaves
        open how its centres c are found.

    >>> centres = ClassCentres(2, 1, momentum=0.5)
    >>> centres.update(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0]))
    >>> centres.update(torch.tensor([[4.0]]), torch.tensor([0]))
    >>> centres.centres.tolist(), centres.seen.tolist()
    ([[3.0], [0.0]], [True, False])
    """

    centres: Float[Tensor, "classes d_projection"]
    seen: Bool[Tensor, " classes"]

    def __init__(
        self, n_classes: int, d_projection: int, momentum: float = 0.1
    ) -> None:
        super().__init__()
        self.n_classes = check_integer(n_classes, "n_classes", low=1)
        self.d_projection = check_integer(d_projection, "d_projection", low=1)
        self.momentum = check_real(momentum, "momentum", low=0, high=1, open_low=True)
        centres = torch.zeros(self.n_classes, self.d_projection)
        self.register_buffer("centres", centres)
        self.register_buffer("seen", torch.zeros(self.n_classes, dtype=torch.bool))

    @torch.no_grad()
    def update(
        self,
        projection: Float[Tensor, "batch d_projection"],
        labels: Int[Tensor, " batch"],
    ) -> None:
        """Move the centre of each class in the batch towards the batch's mean.

        A class whose mean is not finite is passed over: one overflowing batch would
        otherwise spoil its centre for good.

        Args:
            projection: rows as the projection head gives them, not scaled.
            labels: their classes.

        Raises:
            InputError: shapes do not fit or a label is out of range.
        """
        self.check(projection, labels)
        labels = labels.long()
        counts = torch.bincount(labels, minlength=self.n_classes)
        sums = torch.zeros_like(self.centres).index_add(
            0, labels, projection.to(self.centres.dtype)
        )
        means = sums / counts.clamp_min(1).unsqueeze(1)  # (classes, d_projection)
        usable = (counts > 0) & means.isfinite().all(dim=1)
        step = torch.where(self.seen, self.momentum, 1.0).unsqueeze(1)
        moved = self.centres + step.to(means.dtype) * (means - self.centres)
        # New tensors, not in place: an earlier batch's graph may still need the old.
        self.centres = torch.where(usable.unsqueeze(1), moved, self.centres)
        self.seen = self.seen | usable

    def check(self, projection: Tensor, labels: Tensor) -> None:
        """Check that rows and labels fit these centres.

        Args:
            projection: rows to compare with the centres.
            labels: their classes.

        Raises:
            InputError: shapes do not fit or a label is out of range.
        """
        check_matrix(projection, "projection")
        if projection.shape[1] != self.d_projection:
            raise InputError(
                f"`projection` must have {self.d_projection} columns like the class "
                f"centres, got {projection.shape[1]}."
            )
        check_labels(labels, "labels", n_rows=len(projection), n_classes=self.n_classes)

    def extra_repr(self) -> str:
        """Name the settings in the printed module."""
        return f"{self.n_classes}, {self.d_projection}, momentum={self.momentum:g}"


class IntraClassVariance(nn.Module):
    """Squared distance of each row to its class centre, ``||z - c_y||^2``.

    A row of a class not seen yet has value 0.

    References:
        Jahin, Abid, Mridha (2025). Quantum-Informed Contrastive Learning with Dynamic
        Mixup Augmentation, L_intra of the framework figure. arXiv:2506.13987. We
        differ: centres are running means, through which no gradient flows.

    >>> centres = ClassCentres(2, 1)
    >>> centres.update(torch.tensor([[1.0]]), torch.tensor([0]))
    >>> rows = torch.tensor([[3.0], [3.0]])
    >>> IntraClassVariance()(rows, torch.tensor([0, 1]), centres).tolist()
    [4.0, 0.0]
    """

    def forward(
        self,
        projection: Float[Tensor, "batch d_projection"],
        labels: Int[Tensor, " batch"],
        centres: ClassCentres,
    ) -> Float[Tensor, " batch"]:
        """Judge each row.

        Args:
            projection: rows as the projection head gives them, not scaled.
            labels: their classes.
            centres: where the classes are.

        Returns:
            One value >= 0 per row.

        Raises:
            InputError: shapes do not fit or a label is out of range.
        """
        centres.check(projection, labels)
        # DIFF(paper): running means (the figure does not say how c is found).
        own = centres.centres[labels.long()]  # (batch, d_projection)
        squared = (in_single(projection) - own).square().sum(dim=1)  # (batch,)
        return torch.where(centres.seen[labels.long()], squared, 0.0)


class InterClassSeparation(nn.Module):
    """Push each row away from the centres of the other classes.

    Value of row ``i``: ``-log sigmoid(mean_k ||z_i - c_k||^2)`` over the classes ``k``
    seen so far other than its own; 0 when there is none. It is log 2 for a row on top
    of all other centres, and vanishes with distance. Memory grows with
    batch x classes x d_projection.

    References:
        Jahin, Abid, Mridha (2025). Quantum-Informed Contrastive Learning with Dynamic
        Mixup Augmentation, L_inter of the framework figure,
        ``-log sigmoid(sum_{j != k} ||c_j - c_k||^2)``. arXiv:2506.13987. We differ:
        a mean in place of the sum, and the row stands in for its own centre; a row at
        its centre has the published term of its class.

    >>> centres = ClassCentres(2, 1)
    >>> centres.update(torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1]))
    >>> rows = torch.tensor([[0.0], [1.0], [0.0]])
    >>> value = InterClassSeparation()(rows, torch.tensor([0, 1, 1]), centres)
    >>> [round(v, 4) for v in value.tolist()]
    [0.3133, 0.3133, 0.6931]
    """

    def forward(
        self,
        projection: Float[Tensor, "batch d_projection"],
        labels: Int[Tensor, " batch"],
        centres: ClassCentres,
    ) -> Float[Tensor, " batch"]:
        """Judge each row.

        Args:
            projection: rows as the projection head gives them, not scaled.
            labels: their classes.
            centres: where the classes are.

        Returns:
            One value >= 0 per row, at most log 2.

        Raises:
            InputError: shapes do not fit or a label is out of range.
        """
        centres.check(projection, labels)
        # DIFF(paper): z_i in place of c_j. The centres are running means without
        # gradient, so the published term would train nothing.
        rows = in_single(projection).unsqueeze(1)  # (batch, 1, d_projection)
        away = rows - centres.centres  # (batch, classes, d_projection)
        squared = away.square().sum(dim=2)  # (batch, classes)
        classes = torch.arange(centres.n_classes, device=labels.device)
        other = centres.seen & (labels.unsqueeze(1) != classes)  # (batch, classes)
        n_other = other.sum(dim=1)  # (batch,)
        # DIFF(paper): the mean over classes; with their sum the sigmoid is 1 and its
        # gradient 0 as soon as there are many classes.
        mean = torch.where(other, squared, 0.0).sum(dim=1) / n_other.clamp_min(1)
        return torch.where(n_other > 0, -functional.logsigmoid(mean), 0.0)
