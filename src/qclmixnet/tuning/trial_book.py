"""The trials of one search, in memory or in a SQLite file that outlives the process.

Optuna proposes the values, keeps the trials and says when one is hopeless. What is
added here: a search that was killed goes on as if nothing had happened. Each trial has
a seed of its own, so that its values follow from the trials before it and not from
what the process has drawn; a trial that was at work when the process died is marked
and tried again.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.tuning.space import Choice, Space, Whole

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

__all__ = ["Reached", "TrialBook", "load_studies", "open_book", "require_optuna"]

N_STARTUP = 5
"""Trials before Optuna's model of good values is used; the first is the default."""

_KEEP_SHARE = 0.6
_PRUNE_FROM = 4


def require_optuna() -> None:
    """Refuse now what a search would refuse later.

    Raises:
        MissingExtraError: Optuna or filelock is not installed.
    """
    for library in ("optuna", "filelock"):
        try:
            __import__(library)
        except ImportError as error:
            raise MissingExtraError(
                library, extra="tuning", purpose="A search for hyper-parameters"
            ) from error


@dataclass(frozen=True)
class Reached:
    """What came of a trial.

    Attributes:
        scores: of its folds.
        params: the values that were set.
        seconds: that its fits took by the clock.
        cpu_seconds: that its fits took of processors.
        note: what to know about its fits, such as a second attempt.
    """

    scores: list[float]
    params: Mapping[str, object]
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    note: str = ""


class TrialBook:
    """The trials of one study, as a search needs them.

    Args:
        study: Optuna's study.
        seed: of the search.
        space: what is searched.
        defaults: values of the first trial.
    """

    def __init__(
        self,
        study: "Study",
        *,
        seed: int,
        space: Space,
        defaults: Mapping[str, object],
    ) -> None:
        from optuna.trial import TrialState

        self.seed = seed
        self._study = study
        self._space = space
        self._defaults = dict(defaults)
        for trial in study.get_trials(states=(TrialState.RUNNING,)):
            # It was at work when its process died; `trials` leaves it out.
            study.tell(trial.number, state=TrialState.FAIL)

    @property
    def trials(self) -> "list[FrozenTrial]":
        """All trials but those that died with their process, in order."""
        return _counted(self._study)

    @property
    def seconds(self) -> float:
        """Seconds that all finished trials took together."""
        return sum(float(trial.user_attrs.get("seconds", 0)) for trial in self.trials)

    def start(self) -> "tuple[Trial, dict[str, object]]":
        """Begin the next trial.

        Returns:
            The trial, and the values to set; none for the first, which is the default.
        """
        from optuna.samplers import TPESampler
        from optuna.trial import TrialState

        index = len(self.trials)
        draw = np.random.default_rng([self.seed, index])
        sampler_seed = int(draw.integers(2**31))
        if not self._study.get_trials(states=(TrialState.WAITING,)):
            self._enqueue(index, draw)
        self._study.sampler = TPESampler(
            seed=sampler_seed, n_startup_trials=N_STARTUP, multivariate=False
        )
        trial = self._study.ask()
        trial.set_user_attr("index", index)
        if index == 0:
            # A default that the space does not hold has no value to write down.
            for name in self._defaults:
                self._suggest(trial, name)
            return trial, {}
        return trial, {name: self._suggest(trial, name) for name in self._space}

    def report(self, trial: "Trial", scores: list[float]) -> bool:
        """Note the score of one more fold, and say whether the trial is hopeless.

        Args:
            trial: the trial.
            scores: of its folds so far.

        Returns:
            Whether to stop it; the default is never stopped.
        """
        trial.report(float(np.mean(scores)), step=len(scores) - 1)
        return trial.number > 0 and bool(trial.should_prune())

    def finish(self, trial: "Trial", reached: Reached, *, pruned: bool) -> None:
        """Close a trial with the scores that it reached.

        Args:
            trial: the trial.
            reached: scores and cost.
            pruned: whether folds are missing because it was hopeless.
        """
        from optuna.trial import TrialState

        _note(trial, reached)
        if pruned:
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, float(np.mean(reached.scores)))

    def fail(self, trial: "Trial", reached: Reached, *, message: str) -> None:
        """Close a trial of which a fit failed.

        Args:
            trial: the trial.
            reached: scores of the folds before, and cost.
            message: why it failed.
        """
        from optuna.trial import TrialState

        _note(trial, reached)
        trial.set_user_attr("error", message)
        self._study.tell(trial, state=TrialState.FAIL)

    def copy_to_memory(self) -> "Study":
        """Return a study in memory with the trials that count, for the report."""
        return _in_memory(self._study)

    def _enqueue(self, index: int, draw: np.random.Generator) -> None:
        """Fix the default's values: all at first, then a random part of them.

        The default is a good place to search around, better than the middle of every
        range, and a trial that changes few things says what they do.
        """
        if index == 0:
            self._study.enqueue_trial(self._defaults)
        elif index < N_STARTUP:
            kept = {
                n: v for n, v in self._defaults.items() if draw.random() < _KEEP_SHARE
            }
            self._study.enqueue_trial(kept)

    def _suggest(self, trial: "Trial", name: str) -> object:
        entry = self._space[name]
        if isinstance(entry, Choice):
            return trial.suggest_categorical(name, entry.values)
        if isinstance(entry, Whole):
            return trial.suggest_int(name, entry.low, entry.high, log=entry.log)
        return trial.suggest_float(name, entry.low, entry.high, log=entry.log)


def _counted(study: "Study") -> "list[FrozenTrial]":
    from optuna.trial import TrialState

    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state != TrialState.WAITING
        and (trial.state != TrialState.FAIL or "error" in trial.user_attrs)
    ]


def _in_memory(study: "Study") -> "Study":
    import optuna

    out = optuna.create_study(study_name=study.study_name, direction="maximize")
    out.add_trials(_counted(study))
    return out


def _note(trial: "Trial", reached: Reached) -> None:
    trial.set_user_attr("scores", [float(score) for score in reached.scores])
    trial.set_user_attr("params", dict(reached.params))
    trial.set_user_attr("seconds", round(reached.seconds, 3))
    trial.set_user_attr("cpu_seconds", round(reached.cpu_seconds, 3))
    if reached.note:
        trial.set_user_attr("note", reached.note)


@contextmanager
def open_book(
    storage: Path | None,
    *,
    name: str,
    asked: Mapping[str, object],
    seed: int | None,
    fresh_seed: int,
    space: Space,
    defaults: Mapping[str, object],
) -> Iterator[TrialBook]:
    """Open a search, or go on with it.

    Args:
        storage: SQLite file; None keeps the trials in memory.
        name: of the search in that file.
        asked: what the search was asked for; an earlier one under this name must have
            been asked for the same.
        seed: of the search; None takes up that of the earlier one.
        fresh_seed: seed of a new search that was given none.
        space: what is searched.
        defaults: values of the first trial.

    Yields:
        The trials.

    Raises:
        InputError: the file is at work elsewhere, is no database of Optuna, or holds
            another search under this name.
    """
    require_optuna()
    import optuna
    from filelock import FileLock, Timeout

    with ExitStack() as stack:
        stack.enter_context(_silent())
        backend: Any = None
        if storage is not None:
            storage = Path(storage)
            storage.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(f"{storage}.lock", timeout=0)
            try:
                stack.enter_context(lock)
            except Timeout as error:
                raise InputError(
                    f"Another search is at work with {storage}; wait for it, or name "
                    "another file."
                ) from error
            backend = _backend(storage)
            stack.callback(backend.engine.dispose)
            stack.callback(backend.remove_session)
        study = optuna.create_study(
            study_name=name,
            storage=backend,
            direction="maximize",
            load_if_exists=True,
            pruner=_pruner(),
        )
        chosen = _check_same(study, {**asked, "seed": seed}, storage, fresh_seed)
        yield TrialBook(study, seed=chosen, space=space, defaults=defaults)


def load_studies(storage: Path, names: Iterable[str]) -> "list[Study]":
    """Return searches of a file as studies in memory.

    Args:
        storage: SQLite file of a nested evaluation.
        names: of the searches; those that the file lacks are left out.

    Returns:
        The studies, without trials that died with their process.
    """
    require_optuna()
    import optuna

    with ExitStack() as stack:
        stack.enter_context(_silent())
        backend = _backend(storage)
        stack.callback(backend.engine.dispose)
        stack.callback(backend.remove_session)
        known = {study.study_name for study in backend.get_all_studies()}
        out = []
        for name in names:
            if name in known:
                study = optuna.load_study(study_name=name, storage=backend)
                out.append(_in_memory(study))
        return out


def _pruner() -> "BasePruner":
    from optuna.pruners import MedianPruner

    return MedianPruner(n_startup_trials=_PRUNE_FROM, n_warmup_steps=0)


def _backend(storage: Path) -> Any:  # noqa: ANN401
    from optuna.storages import RDBStorage
    from sqlalchemy import event
    from sqlalchemy.exc import DatabaseError

    try:
        # Seconds to wait for a reader of the file to be done.
        out = RDBStorage(
            f"sqlite:///{storage}", engine_kwargs={"connect_args": {"timeout": 60}}
        )
    except (DatabaseError, RuntimeError) as error:
        raise InputError(
            f"{storage} is no file of an earlier search; name another file."
        ) from error
    event.listen(out.engine, "connect", _use_log)
    out.engine.dispose()  # the next connection is told
    return out


def _use_log(connection: Any, record: object) -> None:  # noqa: ANN401
    """Let SQLite append to a log, which a kill cannot tear and which waits less."""
    del record
    connection.execute("PRAGMA journal_mode=WAL").close()
    connection.execute("PRAGMA synchronous=NORMAL").close()


def _check_same(
    study: "Study",
    asked: Mapping[str, object],
    storage: Path | None,
    fresh_seed: int,
) -> int:
    """Note what a new search was asked for, or compare; return the seed."""
    before: dict[str, object] | None = study.user_attrs.get("asked")
    if before is None:
        seed = asked["seed"] if asked["seed"] is not None else fresh_seed
        study.set_user_attr("asked", {**asked, "seed": seed})
        return int(seed)  # type: ignore[call-overload, no-any-return]
    wanted = {k: v for k, v in asked.items() if k != "seed" or v is not None}
    other = [name for name, value in wanted.items() if before.get(name) != value]
    if other:
        raise InputError(
            f"{storage} holds a search {study.study_name!r} with another "
            f"{', another '.join(other)}. Name another file or another `study_name`."
        )
    return int(before["seed"])  # type: ignore[call-overload, no-any-return]


@contextmanager
def _silent() -> Iterator[None]:
    """Keep Optuna's log and its notes on experimental features from the terminal."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)
