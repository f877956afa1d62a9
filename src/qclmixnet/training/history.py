"""What happened while fitting."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["EpochRecord", "StopReason", "TrainingResult"]

StopReason = Literal["finished", "patience", "time_limit", "interrupted", "diverged"]


@dataclass(frozen=True)
class EpochRecord:
    """One pass over the training part.

    Attributes:
        epoch: counted from 1.
        loss: mean training loss over real and mixed rows.
        terms: mean of each term of the loss, unweighted.
        learning_rate: at the end of the epoch.
        macro_f1: on the held-out part, 0 to 1; None when nothing is held out.
        macro_recall: the same for the mean recall.
        log_loss: the same for the log-loss, in nats.
        seconds: wall-clock time since the start of the fit.
        mixup_seconds: wall-clock time spent on neighbours and mixing so far.
    """

    epoch: int
    loss: float
    terms: dict[str, float]
    learning_rate: float
    macro_f1: float | None
    macro_recall: float | None
    log_loss: float | None
    seconds: float
    mixup_seconds: float


@dataclass(frozen=True)
class TrainingResult:
    """The outcome of a fit; the network itself holds the weights of the best epoch.

    Attributes:
        best_epoch: counted from 1; the last one when nothing is held out.
        history: one record per epoch that was scored.
        stop_reason: why the loop ended.
    """

    best_epoch: int
    history: tuple[EpochRecord, ...]
    stop_reason: StopReason

    @property
    def n_epochs(self) -> int:
        """Epochs run."""
        return self.history[-1].epoch
