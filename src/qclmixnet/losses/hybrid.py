"""The hybrid loss of QCL-MixNet: focal, variance, contrastive and triplet terms."""

from dataclasses import dataclass, fields
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from qclmixnet.core.checks import check_choice, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.losses.focal import FocalLoss
from qclmixnet.losses.rows import in_single
from qclmixnet.losses.supcon import SupConLoss
from qclmixnet.losses.triplet import BatchAllTripletLoss, BatchHardTripletLoss
from qclmixnet.losses.variance import (
    ClassCentres,
    InterClassSeparation,
    IntraClassVariance,
)

__all__ = ["HybridLoss", "HybridTerms"]


@dataclass(frozen=True)
class HybridTerms:
    """The terms of a hybrid loss, one value per row each, before their weights.

    A term whose weight is 0 was not computed and is all zero.

    Attributes:
        focal: focal loss of the logits.
        intra: squared distance to the own class centre.
        inter: nearness to the other class centres.
        supcon: supervised contrastive loss.
        triplet: triplet loss.
        total: the weighted sum, to be reduced and trained on.
    """

    focal: Float[Tensor, " batch"]
    intra: Float[Tensor, " batch"]
    inter: Float[Tensor, " batch"]
    supcon: Float[Tensor, " batch"]
    triplet: Float[Tensor, " batch"]
    total: Float[Tensor, " batch"]

    def named(self) -> dict[str, Float[Tensor, " batch"]]:
        """Return all terms by name, ``total`` last; for logs."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class HybridLoss(nn.Module):
    """Weighted sum of classification and contrastive terms, per row.

    ``total = a (focal + b1 intra + b2 inter) + (1 - a) (s supcon + t triplet)`` with
    ``a`` the classification weight. A term whose weight is 0 is not computed. In
    training mode each call first moves the class centres by its batch, so that the
    first batch already has centres; in evaluation mode they stay.

    Args:
        n_classes: labels are 0..n_classes - 1.
        d_projection: width of the projection.
        gamma: focusing strength of the focal loss, >= 0.
        temperature: temperature of the supervised contrastive loss, > 0.
        margin: margin of the triplet loss, >= 0; distances go up to 2.
        intra_weight: b1, >= 0.
        inter_weight: b2, >= 0.
        classification_weight: a, from 0 (contrastive only) to 1 (no contrastive part).
        supcon_weight: s, >= 0; the published loss has 1.
        triplet_weight: t, >= 0; the published loss has 1.
        balance: "fixed" for these weights, or "uncertainty" for learned ones that start
            from them: ``sum_k exp(-s_k) term_k + log(1 + exp(s_k))`` with a number s_k
            for each term of a weight above 0, a parameter of this module to be trained
            along with the network.
        centre_momentum: weight of a batch in the running class centres, in (0, 1].
        triplet: ``"hard"`` judges an anchor by its hardest triplet, ``"all"`` by the
            mean of all.

    Raises:
        InputError: an argument is out of range.

    References:
        Jahin, Abid, Mridha (2025). Quantum-Informed Contrastive Learning with Dynamic
        Mixup Augmentation, framework figure (L, L_FVL, L_supcon, L_triplet).
        arXiv:2506.13987. We differ: rows keep their own value, so that class weights
        can be applied, and centres are running means.

        Kendall, Gal, Cipolla (2018), "Multi-Task Learning Using Uncertainty to Weigh
        Losses", arXiv 1705.07115, and Liebel, Koerner (2018), "Auxiliary Tasks in
        Multi-task Learning", arXiv 1805.06334, equation 2, for the learned weights.

    >>> import torch
    >>> loss = HybridLoss(2, 4)
    >>> logits = torch.zeros(4, 2, requires_grad=True)
    >>> labels = torch.tensor([0, 0, 1, 1])
    >>> terms = loss(logits, torch.eye(4), labels, labels)
    >>> terms.total.mean().backward()
    >>> list(terms.named())
    ['focal', 'intra', 'inter', 'supcon', 'triplet', 'total']
    """

    def __init__(  # noqa: PLR0913 - the weights of the published loss, flat
        self,
        n_classes: int,
        d_projection: int,
        *,
        gamma: float = 2.0,
        temperature: float = 0.1,
        margin: float = 0.5,
        intra_weight: float = 0.01,
        inter_weight: float = 0.01,
        classification_weight: float = 0.7,
        supcon_weight: float = 1.0,
        triplet_weight: float = 1.0,
        balance: Literal["fixed", "uncertainty"] = "fixed",
        centre_momentum: float = 0.1,
        triplet: Literal["hard", "all"] = "hard",
    ) -> None:
        super().__init__()
        self.intra_weight = check_real(intra_weight, "intra_weight", low=0)
        self.inter_weight = check_real(inter_weight, "inter_weight", low=0)
        self.classification_weight = check_real(
            classification_weight, "classification_weight", low=0, high=1
        )
        self.supcon_weight = check_real(supcon_weight, "supcon_weight", low=0)
        self.triplet_weight = check_real(triplet_weight, "triplet_weight", low=0)
        check_choice(triplet, "triplet", ["hard", "all"])
        check_choice(balance, "balance", ["fixed", "uncertainty"])
        self.log_scales = None
        if balance == "uncertainty":
            weights = torch.tensor(list(self.weights.values()))
            # A term of weight 0 is not computed; its entry is never used.
            self.log_scales = nn.Parameter(-weights.clamp(min=1e-6).log())
        self.centres = ClassCentres(n_classes, d_projection, momentum=centre_momentum)
        self.focal = FocalLoss(gamma)
        self.intra = IntraClassVariance()
        self.inter = InterClassSeparation()
        self.supcon = SupConLoss(temperature)
        self.triplet = (
            BatchHardTripletLoss(margin)
            if triplet == "hard"
            else BatchAllTripletLoss(margin)
        )

    def forward(
        self,
        logits: Float[Tensor, "batch classes"],
        projection: Float[Tensor, "batch d_projection"],
        target: Int[Tensor, " batch"] | Float[Tensor, "batch classes"],
        labels: Int[Tensor, " batch"],
    ) -> HybridTerms:
        """Judge each row by all terms.

        Args:
            logits: unnormalised class scores on the log scale.
            projection: rows as the projection head gives them.
            target: what the focal loss compares with: labels, or rows of class
                probabilities (mixed labels).
            labels: the classes for all other terms; for mixed rows the anchors'.

        Returns:
            The terms and their weighted sum.

        Raises:
            InputError: shapes do not fit or a label is out of range.
        """
        self._check(logits, projection, labels)
        a = self.classification_weight
        zero = in_single(logits).new_zeros(len(logits))
        focal = intra = inter = supcon = triplet = zero
        if a > 0:
            focal = self.focal(logits, target)
            intra, inter = self._variance(projection, labels, zero)
        if a < 1 and self.supcon_weight > 0:
            supcon = self.supcon(projection, labels)
        if a < 1 and self.triplet_weight > 0:
            triplet = self.triplet(projection, labels)
        total = self._total([focal, intra, inter, supcon, triplet])
        return HybridTerms(focal, intra, inter, supcon, triplet, total)

    @property
    def weights(self) -> dict[str, float]:
        """What each term counts in the sum, by name; of learned weights the start."""
        a = self.classification_weight
        return {
            "focal": a,
            "intra": a * self.intra_weight,
            "inter": a * self.inter_weight,
            "supcon": (1 - a) * self.supcon_weight,
            "triplet": (1 - a) * self.triplet_weight,
        }

    def _total(self, terms: list[Tensor]) -> Tensor:
        if self.log_scales is None:
            a, (focal, intra, inter, supcon, triplet) = (
                self.classification_weight,
                terms,
            )
            judged = focal + self.intra_weight * intra + self.inter_weight * inter
            contrast = self.supcon_weight * supcon + self.triplet_weight * triplet
            return a * judged + (1 - a) * contrast
        total = torch.zeros_like(terms[0])
        weights = self.weights.values()
        for weight, term, s in zip(weights, terms, self.log_scales, strict=True):
            if weight > 0:
                total = total + torch.exp(-s) * term + F.softplus(s)
        return total

    def _variance(
        self, projection: Tensor, labels: Tensor, zero: Tensor
    ) -> tuple[Tensor, Tensor]:
        intra = inter = zero
        if self.intra_weight == 0 and self.inter_weight == 0:
            return intra, inter
        if self.training:
            self.centres.update(projection, labels)
        if self.intra_weight > 0:
            intra = self.intra(projection, labels, self.centres)
        if self.inter_weight > 0:
            inter = self.inter(projection, labels, self.centres)
        return intra, inter

    def _check(self, logits: Tensor, projection: Tensor, labels: Tensor) -> None:
        self.centres.check(projection, labels)
        expected = (len(projection), self.centres.n_classes)
        if logits.shape != expected:
            raise InputError(
                f"`logits` must have shape {expected}, one row for each row of "
                f"`projection`, got {tuple(logits.shape)}."
            )

    def extra_repr(self) -> str:
        """Name the settings in the printed module."""
        return (
            f"intra_weight={self.intra_weight:g}, inter_weight={self.inter_weight:g}, "
            f"classification_weight={self.classification_weight:g}"
        )
