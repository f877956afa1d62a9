"""What a running fit shows, and where it is written down."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike

import numpy as np
import numpy.typing as npt
import torch

import qclmixnet
from qclmixnet.core.errors import InputError
from qclmixnet.estimators.member_learning import Learned, Lesson, Trainer, learn
from qclmixnet.estimators.progress import epoch_progress, rows_progress
from qclmixnet.preprocessing import RowSource
from qclmixnet.training import CrossFitRecipe, EpochRecord, Recipe
from qclmixnet.training.checkpoint import Checkpoints, digest_of_rows
from qclmixnet.training.member_schedule import ResolvedSchedule

__all__ = ["FitRun", "check_repeatable"]

# Above this many rows in an epoch, epochs are too long to be the unit of progress.
_MANY_ROWS = 100_000

Heard = tuple[Callable[[EpochRecord], None] | None, Callable[[int], None] | None]


@dataclass(frozen=True)
class FitRun:
    """How a fit runs, which changes nothing about what it finds.

    Attributes:
        show_progress: if True a bar is shown.
        checkpoint_dir: where the fit is written down; None for nowhere.
        trainer: has it learned by workers; None for this process.
    """

    show_progress: bool = False
    checkpoint_dir: str | PathLike[str] | None = None
    trainer: Trainer | None = None

    @contextmanager
    def learning(self, schedule: ResolvedSchedule) -> Iterator[Heard]:
        """Show how the training goes on while the block runs.

        Args:
            schedule: how long it is.

        Yields:
            What to call after each scored epoch, and after each step.
        """
        per_epoch = schedule.batch_size * schedule.steps_per_epoch
        if not self.show_progress or per_epoch < _MANY_ROWS:
            with epoch_progress(
                schedule.n_epochs, shown=self.show_progress
            ) as on_epoch:
                yield on_epoch, None
            return
        n_rows = per_epoch * schedule.n_epochs
        with rows_progress("learn", n_rows, shown=True) as progress:
            yield progress.on_epoch, progress.on_rows

    def checkpoints_of(
        self,
        encoded: RowSource,
        codes: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float64],
        arguments: object,
    ) -> Checkpoints | None:
        """Open the folder for checkpoints of this very fit.

        Args:
            encoded: the rows.
            codes: their classes.
            weights: how much each counts.
            arguments: everything else that the fit depends on, fit for JSON.

        Returns:
            The folder; None if nothing shall be written down.
        """
        if self.checkpoint_dir is None:
            return None
        digest = hashlib.sha256(digest_of_rows(encoded).encode())
        digest.update(codes.tobytes())
        digest.update(weights.tobytes())
        versions = [qclmixnet.__version__, torch.__version__, np.__version__]
        digest.update(json.dumps([arguments, versions], sort_keys=True).encode())
        return Checkpoints(self.checkpoint_dir, fit=digest.hexdigest())

    def have_learned(self, lesson: Lesson, checkpoints: Checkpoints | None) -> Learned:
        """Have a lesson learned here or by the workers, and show how it goes on.

        Args:
            lesson: what is to be learned.
            checkpoints: where it is written down; None for nowhere.

        Returns:
            What was learned.
        """
        schedule = lesson.recipe.schedule.resolve(len(lesson.codes))
        have = learn if self.trainer is None else self.trainer
        with self.learning(schedule) as (on_epoch, on_rows):
            return have(
                lesson, checkpoints=checkpoints, on_epoch=on_epoch, on_rows=on_rows
            )


def check_repeatable(random_state: object, recipe: Recipe | CrossFitRecipe) -> None:
    """Refuse what could not be taken up where it was stopped.

    Args:
        random_state: the estimator's argument.
        recipe: what training follows.

    Raises:
        InputError: the seed is no whole number, or the recipe fits one network.
    """
    if isinstance(recipe, Recipe):
        raise InputError(
            "Checkpoints are written of cross-fitted members only; the recipe fits one "
            'network. Take `preset="default"`, or leave the checkpoints out.'
        )
    if not isinstance(random_state, int | np.integer):
        raise InputError(
            "With checkpoints `random_state` must be a whole number, so that the fit "
            f"can be taken up where it was stopped, got {random_state!r}."
        )
