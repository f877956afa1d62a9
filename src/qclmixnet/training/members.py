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
from functools import partial
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from qclmixnet.augment import MixPlan, mix
from qclmixnet.augment.mixup import mix_labels
from qclmixnet.core import clock
from qclmixnet.core.errors import InputError
from qclmixnet.losses import (
    FocalLoss,
    StackedContrast,
    class_weights,
    weighted_mean,
)
from qclmixnet.metrics import confusion_matrix, macro_f1, macro_recall
from qclmixnet.nn import MemberInput, MemberNetwork
from qclmixnet.training.checkpoint import Checkpoints
from qclmixnet.training.data import MemberData
from qclmixnet.training.history import EpochRecord, StopReason, TrainingResult
from qclmixnet.training.inference import outputs_in_parts, rows_at_once
from qclmixnet.training.member_config import CrossFitRecipe
from qclmixnet.training.member_rows import InputRows, Inputs, mixed_bins, mixup_of
from qclmixnet.training.member_state import Best, Place, restore, save
from qclmixnet.training.order import epoch_order
from qclmixnet.training.precision import forward_precision
from qclmixnet.training.stacked_adamw import StackedAdamW
from qclmixnet.training.threads import step_threads

__all__ = ["member_outputs", "train_members"]

# More left-out rows do not choose a better epoch.
_MAX_SCORED_ROWS = 20_000


def train_members(  # noqa: PLR0913 - what to fit, and who hears of it
    network: MemberNetwork,
    inputs: MemberInput,
    data: MemberData,
    folds: Int[Tensor, " rows"],
    *,
    recipe: CrossFitRecipe,
    generator: torch.Generator,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    on_rows: Callable[[int], None] | None = None,
    checkpoints: Checkpoints | None = None,
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
        on_rows: called after each step with the number of rows learned from, and at
            the start with those that an earlier call has learned from.
        checkpoints: where the fit is written down while it runs, and taken up where
            an earlier call with the same arguments was stopped; None for nowhere.

    Returns:
        What happened; the history holds the epochs that were scored. An interrupt from
        the keyboard ends the fit like a time limit, unless nothing was scored yet.

    Raises:
        InputError: the loss was not finite before anything could be kept.
        KeyboardInterrupt: interrupted before the first score.
    """
    fit = _MemberFit(network, inputs, data, folds, recipe=recipe, generator=generator)
    fit.on_epoch, fit.on_rows, fit.checkpoints = on_epoch, on_rows, checkpoints
    return fit.run()


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


class _MemberFit:
    """The moving parts of one fit."""

    def __init__(
        self,
        network: MemberNetwork,
        inputs: MemberInput,
        data: MemberData,
        folds: Int[Tensor, " rows"],
        *,
        recipe: CrossFitRecipe,
        generator: torch.Generator,
    ) -> None:
        self.started = clock.now()
        self.network, self.inputs, self.data = network, inputs, data
        self.recipe, self.generator = recipe, generator
        self.rows = InputRows(inputs, data)
        device = data.labels.device
        self.member_fold = torch.arange(network.n_members, device=device)
        self.member_fold %= recipe.n_folds
        self.folds = folds.to(device)
        labels = data.labels.cpu()
        counts = torch.bincount(labels, minlength=network.n_classes)
        by_class = class_weights(counts, power=recipe.loss.class_weight_power)
        self.weights = data.weights * by_class.to(data.weights)[data.labels]
        self.loss = FocalLoss(recipe.loss.gamma)
        self.contrast = StackedContrast(
            recipe.contrast.temperature, recipe.contrast.margin
        )
        self.mixup = mixup_of(recipe, labels, network.n_classes)
        self.has_neighbours = False
        self.mixup_seconds = 0.0
        self.schedule = recipe.schedule.resolve(data.n_rows)
        self.optimizer = StackedAdamW(
            list(network.parameters()),
            weight_decay=recipe.schedule.weight_decay,
            max_gradient_norm=recipe.schedule.max_gradient_norm,
            average=recipe.schedule.average,
        )
        self.precision = partial(forward_precision, device, recipe.schedule.precision)
        self.scored = self._choose_scored()
        self.best = Best()
        self.history: list[EpochRecord] = []
        self.place = Place(epoch=1)
        self.on_epoch: Callable[[EpochRecord], None] | None = None
        self.on_rows: Callable[[int], None] | None = None
        self.checkpoints: Checkpoints | None = None

    def run(self) -> TrainingResult:
        checkpoints = self.checkpoints
        if checkpoints is not None:
            restore(self, checkpoints)
        self._tell_rows(self.schedule.steps_before(self.place.epoch) + self.place.step)
        reason = self.place.reason
        try:
            while reason is None:
                reason = self._next_epoch()
                if checkpoints is not None and (reason or checkpoints.is_due):
                    save(self, checkpoints, reason)
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

    def _next_epoch(self) -> StopReason | None:
        """Learn and score; return why the fit ends now, if it does."""
        epoch, n_epochs = self.place.epoch, self.schedule.n_epochs
        loss = self._run_epoch(epoch)
        if not math.isfinite(loss):
            return "diverged"
        late = self._over_time()
        if late or self.schedule.is_scored(epoch):
            self.history.append(self._score(epoch, loss))
            if self.on_epoch is not None:
                self.on_epoch(self.history[-1])
        self.place = Place(epoch + 1)
        if epoch == n_epochs:
            return "finished"
        return "time_limit" if late else None

    def _tell_rows(self, n_steps: int) -> None:
        if self.on_rows is not None and n_steps:
            self.on_rows(n_steps * self.schedule.batch_size)

    def _over_time(self) -> bool:
        limit = self.recipe.schedule.time_limit_s
        return limit is not None and clock.now() - self.started >= limit

    def _run_epoch(self, epoch: int) -> float:
        """Take one pass; return the mean loss of the members."""
        size, n_steps = self.schedule.batch_size, self.schedule.steps_per_epoch
        self.network.train()
        began = self.generator.get_state()
        order = epoch_order(self.data.labels, self.generator)
        plans = self._plan_epoch(n_steps)
        steps = range(self.place.step, n_steps)
        batches = self.rows.in_order(order, steps, batch_size=size)
        parameters = list(self.network.parameters())
        total = self.weights.new_zeros(()) + self.place.loss_so_far
        with step_threads(size * self.network.n_members * self.network.d_hidden):
            for step, (rows, inputs) in zip(steps, batches, strict=True):
                loss = self._loss_of(rows, inputs, plans[step] if plans else None)
                gradients = torch.autograd.grad(loss, parameters)
                rate = self.schedule.rate(self.schedule.steps_before(epoch) + step)
                self.optimizer.step(gradients, rate)
                total += loss.detach()
                self._tell_rows(1)
                if self.checkpoints is not None and self.checkpoints.is_due:
                    self.place = Place(epoch, step + 1, float(total), began)
                    save(self, self.checkpoints, None)
        return float(total) / (n_steps * self.network.n_members)

    def _loss_of(
        self, rows: Int[Tensor, " batch"], inputs: Inputs, plan: MixPlan | None
    ) -> Float[Tensor, ""]:
        """Sum over members and the rows that they learn from, per real row."""
        plain, bins = inputs
        labels, weights = self.data.labels[rows], self.weights[rows]
        learns = self._learns(rows)
        n_classes = self.network.n_classes
        target = F.one_hot(labels, n_classes).to(plain)
        if plan is not None:
            anchors, partners, lam = plan.anchors, plan.partners, plan.lam.to(plain)
            at_anchors, at_partners = self.rows(anchors), self.rows(partners)
            plain = torch.cat([plain, mix(at_anchors[0], at_partners[0], lam)])
            if bins is not None:
                bins = torch.cat([bins, mixed_bins(at_anchors, at_partners, lam)])
            soft = mix_labels(
                self.data.labels[anchors], self.data.labels[partners], lam, n_classes
            )
            target = torch.cat([target, soft])
            weights = torch.cat([weights, self.weights[anchors]])
            both = self._learns(anchors) & self._learns(partners)
            learns = torch.cat([learns, both], dim=1)
            labels = torch.cat([labels, self.data.labels[anchors]])
        with self.precision():
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

    def _learns(self, rows: Int[Tensor, " batch"]) -> Bool[Tensor, "members batch"]:
        """Say which members learn from which of these rows."""
        return self.folds[rows] != self.member_fold[:, None]

    def _plan_epoch(self, n_steps: int) -> list[MixPlan]:
        """Draw a whole epoch's mixing at once, and cut it into steps."""
        if self.mixup is None:
            return []
        started = time.monotonic()
        if not self.has_neighbours and self.mixup.needs_neighbours:
            self.mixup.refresh(self.rows.all_plain().float().cpu().numpy())
        self.has_neighbours = True
        n_mixed = round(self.recipe.mixup.mixed_fraction * self.schedule.batch_size)
        plan = self.mixup.plan(n_mixed * n_steps, self.generator)
        device = self.weights.device  # in one go, not in every step
        plan = MixPlan(*(x.to(device) for x in (plan.anchors, plan.partners, plan.lam)))
        cut = [slice(step * n_mixed, (step + 1) * n_mixed) for step in range(n_steps)]
        self.mixup_seconds += time.monotonic() - started
        return [
            MixPlan(plan.anchors[part], plan.partners[part], plan.lam[part])
            for part in cut
        ]

    def _choose_scored(self) -> Int[Tensor, " scored"]:
        """Choose the rows that judge epochs: those that some member leaves out."""
        left_out = torch.nonzero(torch.isin(self.folds, self.member_fold))[:, 0]
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
        parts = torch.split(rows, rows_at_once(rows.device))
        log_p = torch.cat([self._left_out_log_p(part) for part in parts])
        labels = self.data.labels[rows]
        losses = -log_p.gather(1, labels[:, None])[:, 0]
        weights = self.weights[rows]
        judged = float(weighted_mean(losses, weights))
        if judged < self.best.loss:  # never if it is not a number
            weights_now = [average.clone() for average in self.optimizer.averages]
            self.best = Best(judged, epoch, weights_now)
        torch._foreach_copy_(parameters, kept)
        return self._record(epoch, loss, log_p.cpu(), labels.cpu(), rows)

    def _left_out_log_p(
        self, rows: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch classes"]:
        """Return the mean log-probabilities by the members that leave each row out."""
        plain, bins = self.rows(rows)
        log_p: Tensor = self.network(plain, bins).logits.log_softmax(dim=2)
        leaves_out = ~self._learns(rows)
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
            seconds=clock.now() - self.started,
            mixup_seconds=self.mixup_seconds,
        )
