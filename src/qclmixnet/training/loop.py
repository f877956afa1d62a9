"""The training loop, readable from top to bottom.

Each epoch: look up neighbours when due, then for each class-aware batch add mixed
rows, judge real and mixed rows together by the hybrid loss, and take one step; at the
end score the held-out part and keep the weights if they are the best so far.

References:
    Jahin et al. (2025), arXiv 2506.13987, framework figure. Early stopping, schedule
    and gradient clipping are ours; the publication does not state its own.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from qclmixnet.augment import ClassAwareBatchSampler, DynamicMixup, MixPlan, mix
from qclmixnet.augment.mixup import mix_labels
from qclmixnet.core import clock
from qclmixnet.core.errors import InputError
from qclmixnet.losses import HybridLoss, class_weights
from qclmixnet.nn import ModelOutput, OneHotInput, QCLMixNet
from qclmixnet.training.config import Recipe, ScheduleConfig
from qclmixnet.training.data import TrainingData
from qclmixnet.training.early_stopping import BestEpoch
from qclmixnet.training.history import EpochRecord, StopReason, TrainingResult
from qclmixnet.training.inference import HeldOutScores, forward_in_parts, score
from qclmixnet.training.rates import warm_cosine
from qclmixnet.training.threads import step_threads

__all__ = ["train"]

# Above this many values (200 MB) the first neighbour search uses the untrained
# network's representation instead of the one-hot inputs.
_MAX_INPUT_VALUES = 50_000_000


def train(
    model: QCLMixNet,
    inputs: OneHotInput,
    data: TrainingData,
    *,
    held_out: TrainingData | None,
    recipe: Recipe,
    generator: torch.Generator,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> TrainingResult:
    """Fit ``model`` in place and leave the weights of its best epoch in it.

    Args:
        model: the network to fit.
        inputs: turns encoded rows into the network's inputs.
        data: the rows to learn from.
        held_out: rows that choose the epoch and end the fit early; None keeps the last
            epoch.
        recipe: mixup, loss and schedule.
        generator: the only source of randomness, on the CPU.
        on_epoch: called after each epoch, for progress bars and logs.

    Returns:
        What happened. An interrupt from the keyboard ends the fit like a time limit,
        unless not even one epoch was finished.

    Raises:
        InputError: the loss stopped being finite before any epoch could be kept.
        KeyboardInterrupt: interrupted before the end of the first epoch.
    """
    started = clock.now()
    fit = _Fit.prepare(model, inputs, data, recipe=recipe, generator=generator)
    best = BestEpoch(recipe.schedule.patience)
    history: list[EpochRecord] = []
    reason: StopReason = "finished"
    try:
        for epoch in range(1, recipe.schedule.max_epochs + 1):
            terms = fit.run_epoch(epoch)
            if not math.isfinite(terms["total"]):
                reason = "diverged"
                break
            scores = score(model, inputs, held_out)
            history.append(fit.record(epoch, terms, scores, since=started))
            if scores is not None:
                best.offer(
                    model,
                    epoch=epoch,
                    macro_f1=scores.macro_f1,
                    log_loss=scores.log_loss,
                )
            if on_epoch is not None:
                on_epoch(history[-1])
            stop = _why_stop(best, recipe.schedule, started)
            if stop is not None:
                reason = stop
                break
    except KeyboardInterrupt:
        if not history:
            raise
        reason = "interrupted"
    if reason == "diverged" and (best.epoch == 0 or not history):
        raise InputError(
            f"Training diverged: the loss was no longer finite in epoch "
            f"{len(history) + 1}. Lower `learning_rate`, now "
            f"{recipe.schedule.learning_rate:g}."
        )
    best.restore(model)
    model.eval()
    return TrainingResult(
        best_epoch=best.epoch or len(history),
        history=tuple(history),
        stop_reason=reason,
    )


def _why_stop(
    best: BestEpoch, schedule: ScheduleConfig, started: float
) -> StopReason | None:
    if best.exhausted:
        return "patience"
    limit = schedule.time_limit_s
    if limit is not None and clock.now() - started >= limit:
        return "time_limit"
    return None


@dataclass
class _Fit:
    """The moving parts of one fit."""

    model: QCLMixNet
    inputs: OneHotInput
    data: TrainingData
    recipe: Recipe
    generator: torch.Generator
    sampler: ClassAwareBatchSampler
    mixup: DynamicMixup
    loss: HybridLoss
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    row_weights: Float[Tensor, " rows"]
    mixup_seconds: float = field(default=0.0)

    @classmethod
    def prepare(
        cls,
        model: QCLMixNet,
        inputs: OneHotInput,
        data: TrainingData,
        *,
        recipe: Recipe,
        generator: torch.Generator,
    ) -> "_Fit":
        labels = data.labels.cpu()
        counts = torch.bincount(labels, minlength=model.n_classes)
        by_class = class_weights(counts, power=recipe.loss.class_weight_power)
        sampler = ClassAwareBatchSampler(
            labels,
            batch_size=recipe.schedule.resolve_batch_size(data.n_rows),
            generator=generator,
        )
        mixup = DynamicMixup(
            labels,
            n_classes=model.n_classes,
            n_neighbors=recipe.mixup.n_neighbors,
            alpha=recipe.mixup.alpha,
            same_class=recipe.mixup.same_class,
            rarity_power=recipe.mixup.rarity_power,
            momentum=recipe.mixup.momentum,
            partners=recipe.mixup.partners,
            shares=recipe.mixup.shares,
        )
        loss = HybridLoss(
            model.n_classes,
            recipe.network.d_projection,
            gamma=recipe.loss.gamma,
            temperature=recipe.loss.temperature,
            margin=recipe.loss.margin,
            intra_weight=recipe.loss.intra_weight,
            inter_weight=recipe.loss.inter_weight,
            classification_weight=recipe.loss.classification_weight,
            supcon_weight=recipe.loss.supcon_weight,
            triplet_weight=recipe.loss.triplet_weight,
            balance=recipe.loss.balance,
            triplet=recipe.loss.triplet,
        ).to(data.labels.device)
        optimizer = torch.optim.AdamW(
            [*model.parameters(), *loss.parameters()],
            lr=recipe.schedule.learning_rate,
            weight_decay=recipe.schedule.weight_decay,
            fused=True,
        )
        n_steps = len(sampler) * recipe.schedule.max_epochs
        return cls(
            model=model,
            inputs=inputs,
            data=data,
            recipe=recipe,
            generator=generator,
            sampler=sampler,
            mixup=mixup,
            loss=loss,
            optimizer=optimizer,
            schedule=_cosine_with_warmup(optimizer, recipe.schedule, n_steps),
            row_weights=data.weights * by_class.to(data.weights)[data.labels],
        )

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Take one pass; return the mean of each term of the loss."""
        if (epoch - 1) % self.recipe.mixup.refresh_every == 0:
            self._find_neighbours(first=epoch == 1)
        self.model.train()
        self.loss.train()
        sums: dict[str, Tensor] = {}
        n_rows = 0
        plans = self._plan_epoch()
        with step_threads(self._step_numbers()):
            for rows in self.sampler:
                terms, n_judged = self._step(rows, next(plans))
                for name, value in terms.items():
                    sums[name] = sums.get(name, value.new_zeros(())) + value
                n_rows += n_judged
        return {name: float(value) / n_rows for name, value in sums.items()}

    def _step_numbers(self) -> int:
        """Entries of a step's tokens, its largest tensor."""
        n_rows = self.data.n_rows / len(self.sampler)
        n_rows *= 1 + self.recipe.mixup.mixed_fraction
        return int(n_rows * self.inputs.n_features * self.recipe.network.d_token)

    def _step(
        self, rows: Int[Tensor, " batch"], plan: MixPlan | None
    ) -> tuple[dict[str, Tensor], int]:
        """Take one step on real and mixed rows; return sums of the terms."""
        rows = rows.to(self.data.labels.device)
        x, target, labels, weights = self._batch(rows, plan)
        output = self._forward(x, plan)
        terms = self.loss(output.logits, output.projection, target, labels)
        self.optimizer.zero_grad(set_to_none=True)
        # Weights have mean 1 over the table, so a plain mean leaves a batch of rare
        # rows its larger share; a weighted mean per batch would take it away.
        (weights * terms.total).mean().backward()
        nn.utils.clip_grad_norm_(
            self.model.parameters(), self.recipe.schedule.max_gradient_norm
        )
        self.optimizer.step()
        self.schedule.step()
        if plan is not None:
            with self._mixing():
                self._record_focal(rows, terms.focal.detach()[: len(rows)])
        sums = {name: value.detach().sum() for name, value in terms.named().items()}
        return sums, len(labels)

    def _forward(self, x: Tensor, plan: MixPlan | None) -> ModelOutput:
        if plan is None or self.recipe.mixup.space == "input":
            output: ModelOutput = self.model(x)
            return output
        # The rows are the real ones, then the anchors, then the partners.
        n_mixed = len(plan.anchors)
        out = self.model.encoder(x)
        real, anchors, partners = out.split([len(x) - 2 * n_mixed, n_mixed, n_mixed])
        mixed = mix(anchors, partners, plan.lam.to(x))
        return self.model.heads(torch.cat([real, mixed]))

    def _record_focal(
        self, rows: Int[Tensor, " batch"], focal: Float[Tensor, " batch"]
    ) -> None:
        # A loss that is no longer finite ends the fit at the end of the epoch.
        if bool(focal.isfinite().all()):
            self.mixup.record(rows.cpu(), focal.cpu())

    def _batch(
        self, rows: Int[Tensor, " batch"], plan: MixPlan | None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return inputs, targets, hard labels and weights of real and mixed rows.

        Rows that are mixed later, as representations, come as anchors and partners.
        """
        x, labels = self._inputs_of(rows), self.data.labels[rows]
        weights = self.row_weights[rows]
        if plan is None:
            return x, labels, labels, weights
        with self._mixing():
            device = labels.device
            anchors, partners = plan.anchors.to(device), plan.partners.to(device)
            lam = plan.lam.to(x)
            to_mix = self._inputs_of(anchors), self._inputs_of(partners)
            in_input = self.recipe.mixup.space == "input"
            added = (mix(*to_mix, lam),) if in_input else to_mix
            anchor_labels = self.data.labels[anchors]
            hard = torch.cat([labels, anchor_labels])
            target = hard
            if not self.recipe.mixup.same_class:
                n_classes = self.model.n_classes
                soft = mix_labels(
                    anchor_labels, self.data.labels[partners], lam, n_classes
                )
                real = nn.functional.one_hot(labels, n_classes).to(soft)
                target = torch.cat([real, soft])
            return (
                torch.cat([x, *added]),
                target,
                hard,
                torch.cat([weights, self.row_weights[anchors]]),
            )

    def _inputs_of(self, rows: Int[Tensor, " batch"]) -> Tensor:
        x: Tensor = self.inputs(self.data.x_num[rows], self.data.x_cat[rows])
        return x

    def _plan_epoch(self) -> Iterator[MixPlan | None]:
        """Draw a whole epoch's mixing at once, and deal it out step by step."""
        n_steps = len(self.sampler)
        fraction = self.recipe.mixup.mixed_fraction
        n_mixed = round(fraction * self.data.n_rows / n_steps)
        if n_mixed == 0:
            yield from [None] * n_steps
            return
        with self._mixing():
            plan = self.mixup.plan(n_mixed * n_steps, self.generator)
        for step in range(n_steps):
            part = slice(step * n_mixed, (step + 1) * n_mixed)
            yield MixPlan(plan.anchors[part], plan.partners[part], plan.lam[part])

    def _find_neighbours(self, *, first: bool) -> None:
        if self.recipe.mixup.mixed_fraction == 0 or not self.mixup.needs_neighbours:
            return
        with self._mixing():
            n_values = self.data.n_rows * self.inputs.n_features
            if first and n_values <= _MAX_INPUT_VALUES:
                space = self.inputs(self.data.x_num, self.data.x_cat)
            else:
                space = forward_in_parts(
                    self.model,
                    self.inputs,
                    self.data.x_num,
                    self.data.x_cat,
                    output="representation",
                )
            self.mixup.refresh(space.cpu().numpy())

    @contextmanager
    def _mixing(self) -> Iterator[None]:
        """Count the time spent inside as spent on mixup."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.mixup_seconds += time.monotonic() - started

    def record(
        self,
        epoch: int,
        terms: dict[str, float],
        scores: HeldOutScores | None,
        *,
        since: float,
    ) -> EpochRecord:
        return EpochRecord(
            epoch=epoch,
            loss=terms["total"],
            terms={name: value for name, value in terms.items() if name != "total"},
            learning_rate=float(self.schedule.get_last_lr()[0]),
            macro_f1=None if scores is None else scores.macro_f1,
            macro_recall=None if scores is None else scores.macro_recall,
            log_loss=None if scores is None else scores.log_loss,
            seconds=clock.now() - since,
            mixup_seconds=self.mixup_seconds,
        )


def _cosine_with_warmup(
    optimizer: torch.optim.Optimizer, schedule: ScheduleConfig, n_steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    def factor(step: int) -> float:
        return warm_cosine(
            step,
            n_steps,
            peak=1.0,
            final_rate=schedule.final_rate,
            warmup_steps=schedule.warmup_steps,
        )

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
