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
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.func import functional_call

from qclmixnet.augment import MixPlan
from qclmixnet.core import clock
from qclmixnet.core.errors import InputError
from qclmixnet.losses import weighted_mean
from qclmixnet.metrics import confusion_matrix, macro_f1, macro_recall
from qclmixnet.nn import MemberInput, MemberNetwork, RowShare
from qclmixnet.training.checkpoint import CheckpointStore
from qclmixnet.training.data import MemberData
from qclmixnet.training.history import EpochRecord, StopReason, TrainingResult
from qclmixnet.training.inference import outputs_in_parts, rows_at_once
from qclmixnet.training.member_config import CrossFitRecipe
from qclmixnet.training.member_loss import MemberLoss
from qclmixnet.training.member_rows import InputRows, mixup_of
from qclmixnet.training.member_state import Best, Place, dropouts, restore, save
from qclmixnet.training.order import epoch_order
from qclmixnet.training.stacked_adamw import StackedAdamW
from qclmixnet.training.team import Alone, Team
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
    checkpoints: CheckpointStore | None = None,
    team: Team | None = None,
) -> TrainingResult:
    """Fit all members in place and leave the averaged weights of the best epoch.

    In a team every process is called with the same arguments, but that those of rank 0
    alone hear of progress and write checkpoints; all of them take these up. Each reads
    and computes its share of every batch, and ends with the same weights.

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
        team: the processes that fit the same members together; None for this alone.

    Returns:
        What happened; the history holds the epochs that were scored. An interrupt from
        the keyboard ends the fit of one process like a time limit, unless nothing was
        scored yet.

    Raises:
        InputError: the loss was not finite before anything could be kept, or a batch
            has fewer rows than the team processes.
        KeyboardInterrupt: interrupted before the first score, or in a team.
    """
    fit = _MemberFit(
        network, inputs, data, folds, recipe=recipe, generator=generator, team=team
    )
    fit.checkpoints = checkpoints
    if fit.team.rank == 0:
        fit.on_epoch, fit.on_rows = on_epoch, on_rows
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
        team: Team | None = None,
    ) -> None:
        self.started = clock.now()
        self.network, self.inputs, self.data = network, inputs, data
        self.recipe, self.generator = recipe, generator
        self.team = Alone() if team is None else team
        self.rows = InputRows(inputs, data)
        self.loss = MemberLoss(
            network, self.rows, data, folds, recipe=recipe, team=self.team
        )
        self.mixup = mixup_of(recipe, data.labels.cpu(), network.n_classes)
        self.has_neighbours = False
        self.mixup_seconds = 0.0
        self.schedule = recipe.schedule.resolve(data.n_rows)
        size = self.schedule.batch_size
        self.n_mixed = round(recipe.mixup.mixed_fraction * size)
        self._share_batches()
        self.optimizer = StackedAdamW(
            list(network.parameters()),
            weight_decay=recipe.schedule.weight_decay,
            max_gradient_norm=recipe.schedule.max_gradient_norm,
            average=recipe.schedule.average,
        )
        self.leaves_out, self.scored = self._choose_scored()
        self.best = Best()
        self.history: list[EpochRecord] = []
        self.place = Place(epoch=1)
        self.on_epoch: Callable[[EpochRecord], None] | None = None
        self.on_rows: Callable[[int], None] | None = None
        self.checkpoints: CheckpointStore | None = None

    def _share_batches(self) -> None:
        """Tell what draws for whole batches which rows of them are here."""
        rank, n_processes = self.team.rank, self.team.size
        if n_processes == 1:
            return
        size = self.schedule.batch_size
        if size < n_processes:
            raise InputError(
                f"A batch of {size} rows cannot be shared by {n_processes} workers: "
                "take fewer workers, or a larger `batch_size`."
            )
        for dropout in dropouts(self.network):
            dropout.share = RowShare(size + self.n_mixed, rank, n_processes)

    def run(self) -> TrainingResult:
        checkpoints = self.checkpoints
        if checkpoints is not None:
            restore(self, checkpoints)
        self._tell_rows(self.schedule.steps_before(self.place.epoch) + self.place.step)
        reason = self.place.reason
        try:
            while reason is None:
                reason = self._next_epoch()
                self._write_down(reason)
        except KeyboardInterrupt:
            if not self.history or self.team.size > 1:
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
        for dropout in dropouts(self.network):
            dropout.share = None
        return TrainingResult(self.best.epoch, tuple(self.history), reason)

    def _write_down(self, reason: StopReason | None) -> None:
        """Write the fit down if it is time, or if it has ended."""
        checkpoints = self.checkpoints
        if checkpoints is None or self.team.rank:
            return
        if reason or checkpoints.is_due:
            save(self, checkpoints, reason)

    def _next_epoch(self) -> StopReason | None:
        """Learn and score; return why the fit ends now, if it does."""
        epoch, schedule = self.place.epoch, self.schedule
        loss = self._run_epoch(epoch)
        if not math.isfinite(loss):
            return "diverged"
        late = self.team.first_says(self._over_time())
        if late or schedule.is_scored(epoch):
            self.history.append(self._score(epoch, loss))
            if self.on_epoch is not None:
                self.on_epoch(self.history[-1])
        self.place = Place(epoch + 1)
        if schedule.ends_cycle(epoch) and not self._goes_on():
            return "finished"
        return "time_limit" if late else None

    def _goes_on(self) -> bool:
        """Say whether another cycle follows; rows learned from cannot tell."""
        if not self.leaves_out or self.schedule.n_cycles == 1:
            return False
        labels, weights = self.data.labels.cpu(), self.data.weights.cpu()
        by_class = torch.bincount(labels, weights.double())
        unknown = float(torch.special.entr(by_class / by_class.sum()).sum())
        return self.schedule.goes_on(self.history, unknown=unknown)

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
        parameters = list(self.network.parameters())
        total = self.data.weights.new_zeros(()) + self.place.loss_so_far
        n_own = size // self.team.size
        steps = range(self.place.step, n_steps)
        share = slice(self.team.rank, None, self.team.size)
        batches = self.rows.in_order(order, steps, batch_size=size, share=share)
        with step_threads(n_own * self.network.n_members * self.network.d_hidden):
            for step, (rows, inputs) in zip(steps, batches, strict=True):
                own = self.loss(rows, inputs, plans[step] if plans else None)
                of_own = torch.autograd.grad(own, parameters)
                loss, *gradients = self.team.sum([own.detach(), *of_own])
                rate = self.schedule.rate(self.schedule.steps_before(epoch) + step)
                self.optimizer.step(gradients, rate)
                total += loss
                self._tell_rows(1)
                if self.checkpoints is not None and self.checkpoints.is_due:
                    self.place = Place(epoch, step + 1, float(total), began)
                    self._write_down(None)
        return float(total) / (n_steps * self.network.n_members)

    def _plan_epoch(self, n_steps: int) -> list[MixPlan]:
        """Draw a whole epoch's mixing at once, and cut it into steps."""
        if self.mixup is None:
            return []
        started = time.monotonic()
        if not self.has_neighbours and self.mixup.needs_neighbours:
            self.mixup.refresh(self.rows.all_plain().float().cpu().numpy())
        self.has_neighbours = True
        n_mixed = self.n_mixed
        plan = self.mixup.plan(n_mixed * n_steps, self.generator)
        device = self.data.weights.device  # in one go, not in every step
        plan = MixPlan(*(x.to(device) for x in (plan.anchors, plan.partners, plan.lam)))
        cut = [slice(step * n_mixed, (step + 1) * n_mixed) for step in range(n_steps)]
        self.mixup_seconds += time.monotonic() - started
        return [
            MixPlan(plan.anchors[part], plan.partners[part], plan.lam[part])
            for part in cut
        ]

    def _choose_scored(self) -> tuple[bool, Int[Tensor, " scored"]]:
        """Choose the rows that judge epochs: those that some member leaves out.

        Returns:
            Whether there are any, and if not, all rows.
        """
        folds = self.loss.folds
        left_out = torch.nonzero(torch.isin(folds, self.loss.member_fold))[:, 0]
        if len(left_out) == 0:
            return False, torch.arange(len(folds), device=folds.device)
        stride = max(1, len(left_out) // _MAX_SCORED_ROWS)
        return True, left_out[::stride].clone()  # not a view that keeps the others

    @torch.no_grad()
    def _score(self, epoch: int, loss: float) -> EpochRecord:
        """Score the averaged weights on left-out rows, and keep them if they lead."""
        self.network.eval()
        rows = self.scored
        own = rows[self.team.rank :: self.team.size]
        size = rows_at_once(rows.device)
        with step_threads(size * self.network.n_members * self.network.d_hidden):
            log_p = self._left_out_log_p(own)
        log_p = self.team.gather(log_p, len(rows))
        labels = self.data.labels[rows]
        losses = -log_p.gather(1, labels[:, None])[:, 0]
        weights = self.loss.weigh(rows)
        judged = float(weighted_mean(losses, weights))
        if judged < self.best.loss:  # never if it is not a number
            weights_now = [average.clone() for average in self.optimizer.averages]
            self.best = Best(judged, epoch, weights_now)
        return self._record(epoch, loss, log_p.cpu(), labels.cpu(), rows)

    def _left_out_log_p(
        self, rows: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch classes"]:
        """Return the mean log-probabilities by the members that leave each row out.

        Of a table of which no row can be left out, by all members.
        """
        found = self.optimizer.averages[0].new_empty(len(rows), self.network.n_classes)
        folds = self.loss.folds[rows] if self.leaves_out else torch.zeros_like(rows)
        n_folds = self.recipe.n_folds if self.leaves_out else 1
        for fold in range(min(n_folds, self.network.n_members)):
            weights = self._averages_of_every(n_folds, first=fold)
            places = torch.nonzero(folds == fold)[:, 0]
            for part in torch.split(places, rows_at_once(rows.device)):
                out = functional_call(self.network, weights, self.rows(rows[part]))
                log_p = out.logits.log_softmax(dim=2).mean(dim=0)
                found[part] = log_p.log_softmax(dim=1)
        return found

    def _averages_of_every(self, step: int, *, first: int) -> dict[str, Tensor]:
        """Return the averaged weights of every so manyth member, without a copy."""
        n_members, found = self.network.n_members, {}
        names = [name for name, _ in self.network.named_parameters()]
        for name, average in zip(names, self.optimizer.averages, strict=True):
            n_before = n_members - len(average)  # a stack may be of the last members
            found[name] = average[(first - n_before) % step :: step]
        return found

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
