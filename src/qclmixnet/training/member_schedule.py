"""How long and how fast the members of the default preset learn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from qclmixnet.core.checks import check_choice, check_integer, check_real
from qclmixnet.training.history import EpochRecord
from qclmixnet.training.precision import Precision
from qclmixnet.training.rates import warm_cosine

__all__ = ["MemberSchedule", "ResolvedSchedule"]

_LEARNED = 0.01  # a log-loss at which there is nothing left to learn


@dataclass(frozen=True)
class ResolvedSchedule:
    """A schedule for a table of known size.

    Attributes:
        batch_size: real rows in a step.
        steps_per_epoch: steps in a pass; the rows left over by whole batches sit a
            pass out, others in each.
        n_epochs: passes of a cycle.
        n_cycles: cycles at most.
        cycle_gain: share by which the left-out log-loss must fall for another cycle.
        learning_rate: highest step size.
        final_rate: share of it left at the end of a cycle.
        warmup_steps: steps of linear rise.
        n_scores: epochs of a cycle that are scored, the last one among them; all if
            there are fewer, and up to twice as many where they would not be evenly
            spaced.
    """

    batch_size: int
    steps_per_epoch: int
    n_epochs: int
    n_cycles: int
    cycle_gain: float
    learning_rate: float
    final_rate: float
    warmup_steps: int
    n_scores: int

    def steps_before(self, epoch: int) -> int:
        """Return the steps of the epochs before one, counted from 1."""
        return (epoch - 1) * self.steps_per_epoch

    def rate(self, step: int) -> float:
        """Return the step size of a step, counted from 0.

        In each cycle it is a rise, then a cosine.
        """
        n_steps = self.n_epochs * self.steps_per_epoch
        return warm_cosine(
            step % n_steps,
            n_steps,
            peak=self.learning_rate,
            final_rate=self.final_rate,
            warmup_steps=self.warmup_steps,
        )

    def is_scored(self, epoch: int) -> bool:
        """Say whether an epoch, counted from 1, is scored."""
        every = max(1, self.n_epochs // self.n_scores)
        return -epoch % self.n_epochs % every == 0

    def ends_cycle(self, epoch: int) -> bool:
        """Say whether an epoch, counted from 1, is the last of a cycle."""
        return epoch % self.n_epochs == 0

    def goes_on(self, history: Sequence[EpochRecord], *, unknown: float) -> bool:
        """Say whether another cycle follows, at the end of one.

        It does if this one lowered the left-out log-loss by a share of `cycle_gain`
        below what was reached before it, or, if it is the first, before its last
        quarter: such a table has not been learned yet. It does not if the loss is below
        0.01, when there is nothing left to learn, or above half of what the shares of
        the classes leave unknown, when the classes do not follow from the columns.

        Args:
            history: the scored epochs so far, in order.
            unknown: the log-loss of who knows the shares of the classes alone.

        Returns:
            True for another cycle.
        """
        n_done = history[-1].epoch // self.n_epochs
        if n_done >= self.n_cycles:
            return False
        n_before = (n_done - 1) * self.n_epochs or 0.75 * self.n_epochs
        losses = [(r.epoch, r.log_loss) for r in history if r.log_loss is not None]
        before = min((loss for epoch, loss in losses if epoch <= n_before), default=0.0)
        now = min((loss for _, loss in losses), default=0.0)
        falls = now <= (1 - self.cycle_gain) * before
        return falls and _LEARNED < now < unknown / 2


@dataclass(frozen=True)
class MemberSchedule:
    """How long and how fast to learn.

    The number of steps follows the table: `epochs` passes, but at least `min_steps`
    steps and at most `max_steps`, unless these were fewer than `min_epochs` passes.
    `epochs` and `max_steps` grow first in large tables of several classes
    (`LargeConfig`).
    That is a cycle. Another one follows while the left-out log-loss still falls fast,
    as it does where classes follow from rules (`ResolvedSchedule.goes_on`); the step
    size then begins anew.

    Attributes:
        epochs: passes over the table.
        min_epochs: passes that even the largest table gets, if `epochs` are as many.
        min_steps: steps that even the smallest table gets.
        max_steps: steps above which a table gets no more than `min_epochs` passes.
        max_epochs: passes at most, whatever the other numbers say; None for no limit.
        max_cycles: cycles at most, and `max_steps` times so many steps in all of them
            if there is more than one.
        cycle_gain: share by which a cycle, the last quarter of the first, must lower
            the left-out log-loss for another one to follow.
        batch_size: real rows in a step at most.
        learning_rate: highest step size, reached after the warm-up.
        final_rate: share of it left at the end of the cosine.
        warmup_steps: steps of linear rise.
        weight_decay: pull of the weights to 0.
        max_gradient_norm: a member's longer gradient is shortened to this length.
        average: share of the weights' moving average that a step keeps.
        n_scores: how often left-out rows are scored to choose the epoch.
        time_limit_s: seconds after which the best epoch so far is taken; None for no
            limit. At least one epoch is always finished.
        precision: of a step's matrix products, "float32" or "bfloat16"; weights,
            losses and whatever is predicted are never less exact than float32.
    """

    epochs: int = 25
    min_epochs: int = 10
    min_steps: int = 150
    max_steps: int = 1500
    max_epochs: int | None = None
    max_cycles: int = 8
    cycle_gain: float = 0.05
    batch_size: int = 256
    learning_rate: float = 8e-3
    final_rate: float = 0.05
    warmup_steps: int = 20
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    average: float = 0.98
    n_scores: int = 20
    time_limit_s: float | None = None
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        check_choice(self.precision, "precision", get_args(Precision))
        for name in ("epochs", "min_epochs", "min_steps", "max_steps", "n_scores"):
            check_integer(getattr(self, name), name, low=1)
        check_integer(self.max_cycles, "max_cycles", low=1)
        check_real(self.cycle_gain, "cycle_gain", low=0, high=1, open_low=True)
        if self.max_epochs is not None:
            check_integer(self.max_epochs, "max_epochs", low=1)
        check_integer(self.batch_size, "batch_size", low=2)
        check_real(self.learning_rate, "learning_rate", low=0, open_low=True)
        check_real(self.final_rate, "final_rate", low=0, high=1)
        check_integer(self.warmup_steps, "warmup_steps", low=0)
        check_real(self.weight_decay, "weight_decay", low=0)
        check_real(self.max_gradient_norm, "max_gradient_norm", low=0, open_low=True)
        check_real(self.average, "average", low=0, high=1, open_high=True)
        if self.time_limit_s is not None:
            check_real(self.time_limit_s, "time_limit_s", low=0, open_low=True)

    def resolve(self, n_rows: int) -> ResolvedSchedule:
        """Return the schedule of a table of ``n_rows`` rows.

        >>> [MemberSchedule().resolve(n).n_epochs for n in (100, 1_000, 1_000_000)]
        [150, 50, 10]
        """
        batch_size = max(1, min(self.batch_size, n_rows))
        per_epoch = max(1, n_rows // batch_size)
        n_epochs = max(self.epochs, math.ceil(self.min_steps / per_epoch))
        n_epochs = min(n_epochs, max(self.max_steps // per_epoch, self.min_epochs))
        n_most = self.max_cycles * self.max_steps // per_epoch
        if self.max_epochs is not None:
            n_epochs = min(n_epochs, self.max_epochs)
            n_most = min(n_most, self.max_epochs)
        return ResolvedSchedule(
            batch_size=batch_size,
            steps_per_epoch=per_epoch,
            n_epochs=n_epochs,
            n_cycles=max(1, min(self.max_cycles, n_most // n_epochs)),
            cycle_gain=self.cycle_gain,
            learning_rate=self.learning_rate,
            final_rate=self.final_rate,
            warmup_steps=self.warmup_steps,
            n_scores=self.n_scores,
        )
