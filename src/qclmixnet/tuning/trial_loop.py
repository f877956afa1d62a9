"""Running trials fold by fold, one fit or several at a time."""

import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from qclmixnet.core.errors import DataWarning, FitWarning
from qclmixnet.evaluation import Fold
from qclmixnet.execution import Outcome, Runner, Task, Workers, error_in_words
from qclmixnet.tuning.scoring import Scorer
from qclmixnet.tuning.trial_book import Reached, TrialBook

if TYPE_CHECKING:
    from optuna.trial import Trial

__all__ = ["Budget", "FoldFit", "TrialProgress", "fit_fold", "run_trials"]


@dataclass(frozen=True)
class Budget:
    """When a search is over.

    Attributes:
        n_trials: trials in all, those of an earlier call among them.
        time_limit_s: seconds after which no further trial begins; None is no limit.
    """

    n_trials: int
    time_limit_s: float | None


@dataclass(frozen=True)
class TrialProgress:
    """How far a search is.

    Attributes:
        done: trials that are over.
        total: trials in all, should time allow.
        score: of the trial that was over last; None if it was stopped or failed.
        best: score of the best trial so far; None as long as none is finished.
    """

    done: int
    total: int
    score: float | None
    best: float | None


@dataclass(frozen=True)
class FoldFit:
    """One fit of a trial: rows to learn from, rows to score on."""

    estimator: Any
    X_train: Any
    y_train: Any
    X_test: Any
    y_test: Any
    scorer: Scorer


def fit_fold(job: FoldFit) -> tuple[float, float, float]:
    """Fit and score.

    Args:
        job: what to fit.

    Returns:
        The score, and the seconds it took: by the clock, and of processors.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        # What is to be said about a table is said when it is fitted as a whole.
        warnings.simplefilter("ignore", DataWarning)
        warnings.simplefilter("ignore", FitWarning)
        fitted = job.estimator.fit(job.X_train, job.y_train)
        score = float(job.scorer(fitted, job.X_test, job.y_test))
    if score != score:
        raise ValueError("The score is not a number.")
    seconds = time.perf_counter() - started
    return score, seconds, time.process_time() - cpu_started


class _Here(Runner):
    """Runs tasks in this process, one after the other."""

    def __init__(self) -> None:
        super().__init__(1)
        self._begun: deque[Task] = deque()

    def __enter__(self) -> "_Here":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._begun.clear()
        self._waiting.clear()

    @property
    def n_running(self) -> int:
        return len(self._begun)

    def _start(self, task: Task) -> None:
        self._begun.append(task)

    def next_outcome(self) -> Outcome:
        task = self._begun.popleft()
        self._start_waiting()
        try:
            value = task.call(*task.arguments)
        except Exception as error:  # noqa: BLE001  (any failure of a fit is a result)
            message = error_in_words(error)
            return Outcome(task.key, "failed", None, message, 0.0, 0.0)
        return Outcome(task.key, "ok", value, "", 0.0, 0.0)


@dataclass
class _Open:
    """A trial that is at work."""

    trial: "Trial"
    params: dict[str, object]
    estimator: Any
    scores: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    note: str = ""

    @property
    def reached(self) -> Reached:
        return Reached(
            self.scores, self.params, self.seconds, self.cpu_seconds, self.note
        )


def run_trials(
    book: TrialBook,
    folds: Sequence[Fold],
    *,
    make: Callable[[dict[str, object]], Any],
    job_of: Callable[[Any, Fold], FoldFit],
    budget: Budget,
    workers: Workers,
    preload: Sequence[str] = (),
    on_progress: Callable[[TrialProgress], None] | None = None,
) -> None:
    """Run trials until the budget is spent; all that is reached is in the book.

    Args:
        book: the trials so far.
        folds: inner folds.
        make: from values to an unfitted estimator.
        job_of: from an estimator and a fold to its fit.
        budget: when to end.
        workers: fits at a time, and where they run.
        preload: modules that each process of a fit would import, see `ProcessRunner`.
        on_progress: called whenever a trial is over.
    """
    limit = float("inf") if budget.time_limit_s is None else budget.time_limit_s
    at_work: dict[int, _Open] = {}
    with _runner(workers, preload) as runner:
        deadline = time.monotonic() + limit - book.seconds / runner.n_workers

        def may_start() -> bool:
            started = len(book.trials)
            in_time = started == 0 or time.monotonic() < deadline
            return runner.n_free > 0 and started < budget.n_trials and in_time

        while True:
            while may_start():
                trial, params = book.start()
                try:
                    item = _Open(trial, params, make(params))
                except (TypeError, ValueError) as error:
                    message = f"{type(error).__name__}: {error}"
                    book.fail(trial, Reached([], params), message=message)
                    continue
                at_work[trial.number] = item
                _submit(runner, item, folds, job_of)
            if not at_work:
                return
            outcome = runner.next_outcome()
            item = at_work[int(str(outcome.key))]
            if _goes_on(book, item, outcome, len(folds)):
                _submit(runner, item, folds, job_of)
                continue
            del at_work[item.trial.number]
            if on_progress is not None:
                on_progress(_progress(book, item, budget, len(at_work), len(folds)))


def _submit(
    runner: Runner,
    item: _Open,
    folds: Sequence[Fold],
    job_of: Callable[[Any, Fold], FoldFit],
) -> None:
    job = job_of(item.estimator, folds[len(item.scores)])
    runner.submit(Task(item.trial.number, fit_fold, (job,)))


def _goes_on(book: TrialBook, item: _Open, outcome: Outcome, n_folds: int) -> bool:
    """Note what came of a fit; say whether the trial has another one."""
    if outcome.status != "ok":
        book.fail(item.trial, item.reached, message=outcome.message)
        item.scores.clear()
        return False
    reached: Any = outcome.value
    score, seconds, cpu_seconds = reached
    item.scores.append(score)
    item.seconds += seconds
    item.cpu_seconds += cpu_seconds
    item.note = outcome.message or item.note
    hopeless = book.report(item.trial, item.scores)
    over = len(item.scores) == n_folds
    if over or hopeless:
        book.finish(item.trial, item.reached, pruned=not over)
    return not (over or hopeless)


def _progress(
    book: TrialBook, item: _Open, budget: Budget, n_at_work: int, n_folds: int
) -> TrialProgress:
    whole = [
        sum(scores) / n_folds
        for trial in book.trials
        if len(scores := trial.user_attrs.get("scores", [])) == n_folds
    ]
    finished = len(item.scores) == n_folds
    return TrialProgress(
        done=len(book.trials) - n_at_work,
        total=budget.n_trials,
        score=sum(item.scores) / n_folds if finished else None,
        best=max(whole, default=None),
    )


def _runner(workers: Workers, preload: Sequence[str]) -> Runner:
    if workers.cluster is None and workers.n_workers == 1:
        return _Here()
    return workers.runner(preload=("qclmixnet.tuning.trial_loop", *preload))
