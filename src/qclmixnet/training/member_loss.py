"""What members are judged by in a step: their loss on a batch, or on a share of it."""

from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from qclmixnet.augment import MixPlan, mix
from qclmixnet.augment.mixup import mix_labels
from qclmixnet.losses import FocalLoss, StackedContrast, class_weights
from qclmixnet.nn import MemberNetwork
from qclmixnet.training.data import MemberData
from qclmixnet.training.member_config import CrossFitRecipe
from qclmixnet.training.member_rows import InputRows, Inputs, mixed_bins
from qclmixnet.training.precision import forward_precision
from qclmixnet.training.team import Team

__all__ = ["MemberLoss"]


class MemberLoss:
    """The sum over members and the rows that they learn from, per real row.

    Args:
        network: the members.
        rows: gives their inputs by row number.
        data: classes and weights of the rows.
        folds: fold of each row; member m leaves out fold ``m % n_folds``.
        recipe: says which losses.
        team: the processes that share each batch.
    """

    def __init__(
        self,
        network: MemberNetwork,
        rows: InputRows,
        data: MemberData,
        folds: Int[Tensor, " rows"],
        *,
        recipe: CrossFitRecipe,
        team: Team,
    ) -> None:
        self._network, self._rows, self._data, self._team = network, rows, data, team
        self._recipe = recipe
        device = data.labels.device
        self.member_fold = torch.arange(network.n_members, device=device)
        self.member_fold %= recipe.n_folds
        """Fold that each member leaves out."""
        self.folds = folds.to(device)
        """Fold of each row."""
        labels = data.labels.cpu()
        counts = torch.bincount(labels, minlength=network.n_classes)
        by_class = class_weights(counts, power=recipe.loss.class_weight_power)
        self._by_class = by_class.to(data.weights)
        precision = recipe.schedule.precision
        self._precision = partial(forward_precision, device, precision)
        self._focal = FocalLoss(recipe.loss.gamma)
        self._contrast = StackedContrast(
            recipe.contrast.temperature, recipe.contrast.margin
        )

    def __call__(
        self, rows: Int[Tensor, " batch"], inputs: Inputs, plan: MixPlan | None
    ) -> Float[Tensor, ""]:
        """Judge the share of this process; the sum over processes is the loss.

        Args:
            rows: of the whole batch.
            inputs: of the rows of this process.
            plan: which rows are mixed beside them; None for none.

        Returns:
            The share of the loss; the sum of its gradients is the gradient.
        """
        own = rows[self._team.rank :: self._team.size]
        plain, bins = inputs
        labels, weights = self._data.labels[own], self.weigh(own)
        learns = self.learns(own)
        n_classes, target = self._network.n_classes, labels
        if plan is not None:
            share = self._share_of(plan, n_real=len(rows))
            anchors, partners, lam = share.anchors, share.partners, share.lam.to(plain)
            at_anchors, at_partners = self._rows(anchors), self._rows(partners)
            plain = torch.cat([plain, mix(at_anchors[0], at_partners[0], lam)])
            if bins is not None:
                bins = torch.cat([bins, mixed_bins(at_anchors, at_partners, lam)])
            soft = mix_labels(
                self._data.labels[anchors], self._data.labels[partners], lam, n_classes
            )
            target = torch.cat([F.one_hot(labels, n_classes).to(plain), soft])
            weights = torch.cat([weights, self.weigh(anchors)])
            both = self.learns(anchors) & self.learns(partners)
            learns = torch.cat([learns, both], dim=1)
            labels = torch.cat([labels, self._data.labels[anchors]])
        with self._precision():
            out = self._network(plain, bins)
        logits = out.logits
        n_members, n_rows, _ = logits.shape
        of_each = target.expand(n_members, *target.shape).flatten(0, 1)
        losses: Tensor = self._focal(logits.flatten(0, 1), of_each)
        losses = losses.view(n_members, n_rows)
        counted = learns * weights
        if out.projection is None:
            return (losses * counted).sum() / len(rows)
        n_all = len(rows) + (0 if plan is None else len(plan.lam))
        contrast, pull = self._contrasted(
            out.projection, labels, learns, counted, n_rows=n_all
        )
        losses = losses + self._recipe.contrast.weight * contrast
        judged = (losses * counted).sum() + self._recipe.contrast.weight * pull
        return judged / len(rows)

    def weigh(self, rows: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Return what each of these rows counts."""
        return self._data.weights[rows] * self._by_class[self._data.labels[rows]]

    def learns(self, rows: Int[Tensor, " batch"]) -> Bool[Tensor, "members batch"]:
        """Say which members learn from which of these rows."""
        return self.folds[rows] != self.member_fold[:, None]

    def _share_of(self, plan: MixPlan, *, n_real: int) -> MixPlan:
        """Return this process's part of the mixed rows, which follow the real ones."""
        rank, size = self._team.rank, self._team.size
        part = slice((rank - n_real) % size, None, size)
        return MixPlan(plan.anchors[part], plan.partners[part], plan.lam[part])

    def _contrasted(
        self,
        projection: Float[Tensor, "members share d_projection"],
        labels: Int[Tensor, " share"],
        learns: Bool[Tensor, "members share"],
        counted: Float[Tensor, "members share"],
        *,
        n_rows: int,
    ) -> tuple[Float[Tensor, "members share"], Float[Tensor, ""] | float]:
        """Contrast the rows of this process with those of all.

        Args:
            projection: of this process's rows.
            labels: their classes.
            learns: which members learn from them.
            counted: what each counts.
            n_rows: rows of all processes.

        Returns:
            The losses of the rows here, and the pull of their projections in the losses
            of the other processes' rows: its gradient is theirs, its value is 0.
        """
        team = self._team
        if team.size == 1:
            return self._contrast(projection, labels, learns), 0.0
        own = slice(team.rank, None, team.size)
        everyone = team.gather(projection.transpose(0, 1), n_rows).transpose(0, 1)
        everyone = everyone.clone()
        everyone[:, own] = projection  # the only ones with a gradient
        learning = team.gather(learns.T.byte(), n_rows).T.bool()
        losses: Tensor = self._contrast(everyone, team.gather(labels, n_rows), learning)
        of_others = team.gather(counted.T, n_rows).T.clone()
        of_others[:, own] = 0
        pull = (losses * of_others).sum()
        return losses[:, own], pull - pull.detach()
