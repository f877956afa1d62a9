"""Training of cross-fitted members, all in one program.

Every member sees the same batches; rows of the fold that it leaves out weigh nothing
for it. One wide step for all members costs little more than a narrow one for each, and
at any time the members' outputs on their left-out rows say how well a row that was
never learned from is predicted: that chooses the epoch, and later the decision rule and
the calibration, without giving up a single training row.

References:
    Breiman (1996), "Stacked Regressions", section 2, for predictions of left-out folds;
    Gorishniy, Kotelnikov, Babenko (2024), "TabM", arXiv 2410.24210, for members that
    share their batches and are trained in one program.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from qclmixnet.augment import DynamicMixup, MixPlan, mix
from qclmixnet.augment.mixup import mix_labels
from qclmixnet.core.errors import InputError
from qclmixnet.losses import (
    FocalLoss,
    StackedContrast,
    class_weights,
    weighted_mean,
)
from qclmixnet.metrics import confusion_matrix, macro_f1, macro_recall
from qclmixnet.nn import MemberInput, MemberNetwork
from qclmixnet.training.data import TrainingData
from qclmixnet.training.history import EpochRecord, StopReason, TrainingResult
from qclmixnet.training.inference import ROWS_AT_ONCE, outputs_in_parts
from qclmixnet.training.member_config import CrossFitRecipe
from qclmixnet.training.stacked_adamw import StackedAdamW
from qclmixnet.training.threads import step_threads

__all__ = ["member_outputs", "train_members"]

# Encoded inputs of up to this many numbers (200 MB) are made once, not in every step.
_MAX_KEPT_NUMBERS = 50_000_000
# More left-out rows do not choose a better epoch.
_MAX_SCORED_ROWS = 20_000


def train_members(
    network: MemberNetwork,
    inputs: MemberInput,
    data: TrainingData,
    folds: Int[Tensor, " rows"],
    *,
    recipe: CrossFitRecipe,
    generator: torch.Generator,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> TrainingResult:
    """Fit all members in place and leave the averaged weights of the best epoch.

    Args:
        network: the members.
        inputs: turns encoded rows into the network's inputs.
        data: the rows to learn from.
        folds: fold of each row, or -1; member m leaves out fold ``m % n_folds`` of the
            recipe.
        recipe: mixup, loss and schedule.
        generator: the source of the batches and of the mixing, on the CPU.
        on_epoch: called after each epoch that is scored.

    Returns:
        What happened; the history holds the epochs that were scored. An interrupt from
        the keyboard ends the fit like a time limit, unless nothing was scored yet.

    Raises:
        InputError: the loss was not finite before anything could be kept.
        KeyboardInterrupt: interrupted before the first score.
    """
    fit = _MemberFit(network, inputs, data, folds, recipe=recipe, generator=generator)
    return fit.run(on_epoch)


@torch.no_grad()
def member_outputs(
    network: MemberNetwork,
    inputs: MemberInput,
    x_num: Float[Tensor, "rows n_num"],
    x_cat: Int[Tensor, "rows n_cat"],
    *,
    output: Literal["logits", "representation"],
) -> Float[Tensor, "members rows columns"]:
    """Return one output of the members for every row, a few thousand at a time.

    Args:
        network: the members, which are put into evaluation mode.
        inputs: turns encoded rows into the network's inputs.
        x_num: numbers, on any device, of at least one row.
        x_cat: category codes of the same rows.
        output: which of the members' outputs is wanted.

    Returns:
        The output, on the network's device and in its precision.
    """
    return outputs_in_parts(
        network,
        lambda num, cat: getattr(network(*inputs(num, cat)), output),
        x_num,
        x_cat,
    )


@dataclass
class _Best:
    """The averaged weights of the epoch with the lowest left-out loss."""

    loss: float = math.inf
    epoch: int = 0
    weights: list[Tensor] = field(default_factory=list)


class _MemberFit:
    """The moving parts of one fit."""

    def __init__(
        self,
        network: MemberNetwork,
        inputs: MemberInput,
        data: TrainingData,
        folds: Int[Tensor, " rows"],
        *,
        recipe: CrossFitRecipe,
        generator: torch.Generator,
    ) -> None:
        self.started = time.monotonic()
        self.network, self.inputs, self.data = network, inputs, data
        self.recipe, self.generator = recipe, generator
        self.rows = _InputRows(inputs, data)
        device = data.labels.device
        member_fold = torch.arange(network.n_members, device=device) % recipe.n_folds
        self.folds = folds.to(device)
        self.learns: Bool[Tensor, "members rows"] = self.folds != member_fold[:, None]
        labels = data.labels.cpu()
        counts = torch.bincount(labels, minlength=network.n_classes)
        by_class = class_weights(counts, power=recipe.loss.class_weight_power)
        self.weights = data.weights * by_class.to(data.weights)[data.labels]
        self.loss = FocalLoss(recipe.loss.gamma)
        self.contrast = StackedContrast(
            recipe.contrast.temperature, recipe.contrast.margin
        )
        self.mixup = _mixup_of(recipe, labels, network.n_classes)
        self.mixup_seconds = 0.0
        self.schedule = recipe.schedule.resolve(data.n_rows)
        self.optimizer = StackedAdamW(
            list(network.parameters()),
            weight_decay=recipe.schedule.weight_decay,
            max_gradient_norm=recipe.schedule.max_gradient_norm,
            average=recipe.schedule.average,
        )
        self.scored = self._choose_scored()
        self.best = _Best()
        self.history: list[EpochRecord] = []

    def run(self, on_epoch: Callable[[EpochRecord], None] | None) -> TrainingResult:
        reason: StopReason = "finished"
        n_epochs = self.schedule.n_epochs
        try:
            for epoch in range(1, n_epochs + 1):
                loss = self._run_epoch(epoch)
                if not math.isfinite(loss):
                    reason = "diverged"
                    break
                late = self._over_time()
                if late or self.schedule.is_scored(epoch):
                    self.history.append(self._score(epoch, loss))
                    if on_epoch is not None:
                        on_epoch(self.history[-1])
                if late and epoch < n_epochs:
                    reason = "time_limit"
                    break
        except KeyboardInterrupt:
            if not self.history:
                raise
            reason = "interrupted"
        if not self.best.weights:
            raise InputError(
                "Training diverged: the loss was no longer finite in the first epochs. "
                f"Lower `learning_rate`, now {self.recipe.schedule.learning_rate:g}."
            )
        with torch.no_grad():
            torch._foreach_copy_([*self.network.parameters()], self.best.weights)
        self.network.eval()
        return TrainingResult(self.best.epoch, tuple(self.history), reason)

    def _over_time(self) -> bool:
        limit = self.recipe.schedule.time_limit_s
        return limit is not None and time.monotonic() - self.started >= limit

    def _run_epoch(self, epoch: int) -> float:
        """Take one pass; return the mean loss of the members."""
        n_rows, size = self.data.n_rows, self.schedule.batch_size
        n_steps = self.schedule.steps_per_epoch
        self.network.train()
        order = torch.randperm(n_rows, generator=self.generator)
        plans = self._plan_epoch(epoch, n_steps)
        parameters = list(self.network.parameters())
        total = self.weights.new_zeros(())
        with step_threads(size * self.network.n_members * self.network.d_hidden):
            for step in range(n_steps):
                rows = order[step * size : (step + 1) * size].to(self.weights.device)
                loss = self._loss_of(rows, plans[step] if plans else None)
                gradients = torch.autograd.grad(loss, parameters)
                rate = self.schedule.rate((epoch - 1) * n_steps + step)
                self.optimizer.step(gradients, rate)
                total += loss.detach()
        return float(total) / (n_steps * self.network.n_members)

    def _loss_of(
        self, rows: Int[Tensor, " batch"], plan: MixPlan | None
    ) -> Float[Tensor, ""]:
        """Sum over members and the rows that they learn from, per real row."""
        plain, bins = self.rows(rows)
        labels, weights = self.data.labels[rows], self.weights[rows]
        learns = self.learns[:, rows]
        n_classes = self.network.n_classes
        target = F.one_hot(labels, n_classes).to(plain)
        if plan is not None:
            anchors, partners = plan.anchors.to(rows), plan.partners.to(rows)
            lam = plan.lam.to(plain)
            at_anchors, at_partners = self.rows(anchors), self.rows(partners)
            plain = torch.cat([plain, mix(at_anchors[0], at_partners[0], lam)])
            if bins is not None:
                bins = torch.cat([bins, _mixed_bins(at_anchors, at_partners, lam)])
            soft = mix_labels(
                self.data.labels[anchors], self.data.labels[partners], lam, n_classes
            )
            target = torch.cat([target, soft])
            weights = torch.cat([weights, self.weights[anchors]])
            both = self.learns[:, anchors] & self.learns[:, partners]
            learns = torch.cat([learns, both], dim=1)
            labels = torch.cat([labels, self.data.labels[anchors]])
        out = self.network(plain, bins)
        logits = out.logits
        n_members, n_rows, _ = logits.shape
        losses: Tensor = self.loss(
            logits.flatten(0, 1), target.expand(n_members, -1, -1).flatten(0, 1)
        )
        losses = losses.view(n_members, n_rows)
        if out.projection is not None:
            contrast = self.contrast(out.projection, labels, learns)
            losses = losses + self.recipe.contrast.weight * contrast
        judged = losses * (learns * weights)
        return judged.sum() / len(rows)

    def _plan_epoch(self, epoch: int, n_steps: int) -> list[MixPlan]:
        """Draw a whole epoch's mixing at once, and cut it into steps."""
        if self.mixup is None:
            return []
        started = time.monotonic()
        if epoch == 1 and self.mixup.needs_neighbours:
            self.mixup.refresh(self.rows.all_plain().float().cpu().numpy())
        n_mixed = round(self.recipe.mixup.mixed_fraction * self.schedule.batch_size)
        plan = self.mixup.plan(n_mixed * n_steps, self.generator)
        cut = [slice(step * n_mixed, (step + 1) * n_mixed) for step in range(n_steps)]
        self.mixup_seconds += time.monotonic() - started
        return [
            MixPlan(plan.anchors[part], plan.partners[part], plan.lam[part])
            for part in cut
        ]

    def _choose_scored(self) -> Int[Tensor, " scored"]:
        """Choose the rows that judge epochs: those that some member leaves out."""
        left_out = torch.nonzero((~self.learns).any(dim=0))[:, 0]
        if len(left_out) == 0:
            return torch.arange(len(self.folds), device=self.folds.device)
        stride = max(1, len(left_out) // _MAX_SCORED_ROWS)
        return left_out[::stride]

    @torch.no_grad()
    def _score(self, epoch: int, loss: float) -> EpochRecord:
        """Score the averaged weights on left-out rows, and keep them if they lead."""
        kept = [p.detach().clone() for p in self.network.parameters()]
        parameters: list[Tensor] = [*self.network.parameters()]
        torch._foreach_copy_(parameters, self.optimizer.averages)
        self.network.eval()
        rows = self.scored
        log_p = torch.cat(
            [
                self._left_out_log_p(rows[start : start + ROWS_AT_ONCE])
                for start in range(0, len(rows), ROWS_AT_ONCE)
            ]
        )
        labels = self.data.labels[rows]
        losses = -log_p.gather(1, labels[:, None])[:, 0]
        weights = self.weights[rows]
        judged = float(weighted_mean(losses, weights))
        if judged < self.best.loss:  # never if it is not a number
            weights_now = [average.clone() for average in self.optimizer.averages]
            self.best = _Best(judged, epoch, weights_now)
        torch._foreach_copy_(parameters, kept)
        return self._record(epoch, loss, log_p.cpu(), labels.cpu(), rows)

    def _left_out_log_p(
        self, rows: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch classes"]:
        """Return the mean log-probabilities by the members that leave each row out."""
        plain, bins = self.rows(rows)
        log_p: Tensor = self.network(plain, bins).logits.log_softmax(dim=2)
        leaves_out = ~self.learns[:, rows]
        alone = ~leaves_out.any(dim=0)  # a table of which no row can be left out
        shares = (leaves_out | alone).to(log_p)
        mean = (log_p * shares[:, :, None]).sum(dim=0) / shares.sum(dim=0)[:, None]
        return mean.log_softmax(dim=1)

    def _record(
        self, epoch: int, loss: float, log_p: Tensor, labels: Tensor, rows: Tensor
    ) -> EpochRecord:
        weights = self.data.weights[rows].cpu().double()
        confusion = confusion_matrix(
            labels.numpy(),
            log_p.argmax(dim=1).numpy(),
            self.network.n_classes,
            weights=weights.numpy(),
        )
        own = -log_p.gather(1, labels[:, None])[:, 0].double()
        step = epoch * self.schedule.steps_per_epoch - 1
        return EpochRecord(
            epoch=epoch,
            loss=loss,
            terms={"focal": loss},
            learning_rate=self.schedule.rate(step),
            macro_f1=macro_f1(confusion),
            macro_recall=macro_recall(confusion),
            log_loss=float(weighted_mean(own, weights)),
            seconds=time.monotonic() - self.started,
            mixup_seconds=self.mixup_seconds,
        )


class _InputRows:
    """Inputs of rows by number, made once if they fit in memory."""

    def __init__(self, inputs: MemberInput, data: TrainingData) -> None:
        self.inputs, self.data = inputs, data
        fits = inputs.numbers_per_row * data.n_rows <= _MAX_KEPT_NUMBERS
        self.kept = inputs(data.x_num, data.x_cat) if fits else None

    def __call__(self, rows: Int[Tensor, " batch"]) -> tuple[Tensor, Tensor | None]:
        if self.kept is None:
            made: tuple[Tensor, Tensor | None] = self.inputs(
                self.data.x_num[rows], self.data.x_cat[rows]
            )
            return made
        plain, bins = self.kept
        return plain[rows], None if bins is None else bins[rows]

    def all_plain(self) -> Float[Tensor, "rows n_plain"]:
        """Return the plain inputs of all rows."""
        plain: Tensor = (
            self.inputs.plain(self.data.x_num, self.data.x_cat)
            if self.kept is None
            else self.kept[0]
        )
        return plain


def _mixed_bins(
    at_anchors: tuple[Tensor, Tensor | None],
    at_partners: tuple[Tensor, Tensor | None],
    lam: Float[Tensor, " mixed"],
) -> Float[Tensor, "mixed columns bins"]:
    anchors, partners = at_anchors[1], at_partners[1]
    assert anchors is not None
    assert partners is not None
    flat = mix(anchors.flatten(1), partners.flatten(1), lam)
    return flat.view(anchors.shape)


def _mixup_of(
    recipe: CrossFitRecipe, labels: Tensor, n_classes: int
) -> DynamicMixup | None:
    settings = recipe.mixup
    if settings.mixed_fraction == 0:
        return None
    return DynamicMixup(
        labels,
        n_classes=n_classes,
        n_neighbors=settings.n_neighbors,
        alpha=settings.alpha,
        same_class=settings.same_class,
        rarity_power=settings.rarity_power,
        partners=settings.partners,
    )
