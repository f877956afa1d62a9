"""What a nested evaluation compares, and how its searches are made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from qclmixnet.benchmark import make_method
from qclmixnet.benchmark.methods import check_methods
from qclmixnet.core.checks import check_choice, check_integer, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.execution import RayCluster
from qclmixnet.tuning.scoring import SCORINGS
from qclmixnet.tuning.search import QCLMixNetSearchCV
from qclmixnet.tuning.spaces import TUNABLE
from qclmixnet.tuning.trial_loop import TrialProgress

__all__ = [
    "NestedPlan",
    "NestedProgress",
    "check_tunable",
    "make_search",
    "make_untuned",
    "study_name_of",
]


@dataclass(frozen=True)
class NestedPlan:
    """What is compared, and at what cost.

    Attributes:
        methods: names among `TUNABLE`.
        n_folds: outer folds.
        n_inner_folds: folds of each search.
        n_trials: trials of each search, the default among them.
        time_limit_s: seconds of each search; None is no limit.
        scoring: what searches go for, one of ``"balanced"`` (the mean of macro-F1 and
            macro recall), ``"macro_f1"`` and ``"macro_recall"``.
        min_gain: how much better than the default a trial must be on the inner folds
            to be chosen.
        seeds: seeds of the repeats.
        n_jobs: fits at a time; -1 for as many as there are cores.
        cluster: Ray cluster that the fits of searches run on; None for this machine.
    """

    methods: tuple[str, ...] = ("qclmixnet",)
    n_folds: int = 3
    n_inner_folds: int = 2
    n_trials: int = 12
    time_limit_s: float | None = None
    scoring: str = "balanced"
    min_gain: float = 0.0
    seeds: tuple[int, ...] = (0,)
    n_jobs: int = 1
    cluster: RayCluster | None = None

    def __post_init__(self) -> None:
        check_tunable(self.methods)
        check_integer(self.n_folds, "n_folds", low=2)
        check_integer(self.n_inner_folds, "n_inner_folds", low=2)
        check_integer(self.n_trials, "n_trials", low=1)
        if self.time_limit_s is not None:
            check_real(self.time_limit_s, "time_limit_s", low=0, open_low=True)
        check_choice(self.scoring, "scoring", SCORINGS)
        check_real(self.min_gain, "min_gain", low=0)


class NestedProgress(NamedTuple):
    """What a nested evaluation is at.

    Attributes:
        method: which method.
        fold: outer fold, counted from 0.
        n_folds: outer folds.
        search: how far the search is.
    """

    method: str
    fold: int
    n_folds: int
    search: TrialProgress


def check_tunable(names: tuple[str, ...]) -> None:
    """Check that all methods are known, different, installed and have a space.

    Args:
        names: names of methods.

    Raises:
        InputError: a name is unknown, comes twice, or has no search space.
        MissingExtraError: the library of a baseline is not installed.
    """
    unknown = [name for name in names if name not in TUNABLE]
    if unknown or not names:
        raise InputError(
            f"There is no search space for {', '.join(map(repr, unknown)) or 'nothing'}"
            f"; choose among {', '.join(TUNABLE)}."
        )
    check_methods(names)


def make_search(
    plan: NestedPlan,
    method: str,
    *,
    seed: int,
    storage: Path | None,
    study_name: str,
    on_progress: Callable[[TrialProgress], None] | None = None,
) -> QCLMixNetSearchCV:
    """Return the unfitted search of a method with the plan's budget.

    Args:
        plan: what is compared.
        method: one of `TUNABLE`.
        seed: of the search and of the method.
        storage: SQLite file of the trials.
        study_name: of the search in that file.
        on_progress: called whenever a trial is over.

    Returns:
        The search.
    """
    return QCLMixNetSearchCV(
        make_untuned(method, seed),
        n_trials=plan.n_trials,
        time_limit_s=plan.time_limit_s,
        cv=plan.n_inner_folds,
        scoring=plan.scoring,
        min_gain=plan.min_gain,
        storage=storage,
        study_name=study_name,
        n_jobs=plan.n_jobs,
        cluster=plan.cluster,
        refit=False,
        random_state=seed,
        on_progress=on_progress,
    )


def study_name_of(table: str, method: str, *, fold: int | None, seed: int) -> str:
    """Return the name under which the trials of a search are kept.

    Args:
        table: name of the table.
        method: name of the method.
        fold: outer fold, counted from 0; None for a search on the whole table.
        seed: of the search.

    Returns:
        The name.

    >>> study_name_of("glass", "catboost", fold=2, seed=0)
    'glass-catboost-2-0'
    """
    return f"{table}-{method}-{'all' if fold is None else fold}-{seed}"


def make_untuned(method: str, seed: int) -> Any:  # noqa: ANN401
    """Return a method as it is, unfitted, with one thread.

    Args:
        method: one of `TUNABLE`.
        seed: of the method.

    Returns:
        The classifier.
    """
    return make_method(method, random_state=seed, n_threads=1, time_limit_s=None)
