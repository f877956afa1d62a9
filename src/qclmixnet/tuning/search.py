"""A search for hyper-parameters as a scikit-learn meta-estimator.

References:
    Bergstra, Bardenet, Bengio, Kegl (2011), "Algorithms for Hyper-Parameter
    Optimization", section 4 (TPE). Akiba, Sano, Yanase, Ohta, Koyama (2019), "Optuna:
    A Next-generation Hyperparameter Optimization Framework", arXiv 1907.10902, whose
    implementation is used.
"""

import hashlib
import time
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import check_cv
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if

from qclmixnet.baselines import Peer
from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.core.seeding import spawn_seeds
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.evaluation import Fold, stratified_folds
from qclmixnet.execution import RayCluster, Workers
from qclmixnet.table import Labels, read_labels
from qclmixnet.tuning.parameters import check_space, default_values, with_parameters
from qclmixnet.tuning.results import chosen_trial, results_of
from qclmixnet.tuning.rows import groups_of, opened, take_rows
from qclmixnet.tuning.scoring import Scorer, scorer_of
from qclmixnet.tuning.space import Space
from qclmixnet.tuning.spaces import default_space
from qclmixnet.tuning.trial_book import open_book, require_optuna
from qclmixnet.tuning.trial_loop import Budget, FoldFit, TrialProgress, run_trials

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["QCLMixNetSearchCV"]


def _has_proba(search: "QCLMixNetSearchCV") -> bool:
    inner = getattr(search, "best_estimator_", None) or search._estimator()
    return hasattr(inner, "predict_proba")


class QCLMixNetSearchCV(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Search hyper-parameters by cross-validation, in the manner of GridSearchCV.

    Optuna's TPE proposes values, and a trial whose first folds fall behind the median
    is stopped. The first trial is always the estimator as it is, so the choice is
    never worse than the default on the inner folds. That inner score is optimistic:
    the best of many noisy scores. Cross-validate the search itself to know what it
    brings; ``qclmixnet tune`` does.

    With a `storage` a search that was stopped or killed goes on: its trials are in a
    SQLite file. One fit at a time, it then ends as if it had never been stopped.

    Args:
        estimator: any classifier; None for a `QCLMixNetClassifier`.
        n_trials: trials in all, those of an earlier call among them.
        time_limit_s: seconds of search after which no further trial begins, those of
            an earlier call among them.
        cv: number of folds, with equal rows kept together and tiny classes in every
            training part; or a splitter or splits, as in scikit-learn.
        scoring: "balanced" (the mean of macro-F1 and macro recall), "macro_f1",
            "macro_recall", or a scorer of scikit-learn.
        min_gain: how much better than the default the best trial must be on the inner
            folds to be chosen; else the default is. The best of many noisy scores
            flatters itself, and with 0 the choice follows the noise.
        storage: SQLite file of the trials; None keeps them in memory.
        study_name: of the search in that file, which may hold several.
        n_jobs: fits at a time, each in a process of its own with one thread; -1 for
            all cores. With more than one the order of trials depends on the clock,
            and a script must search under ``if __name__ == "__main__":``.
        cluster: Ray cluster that the fits run on; None for this machine.
        refit: fit the best values on all rows at the end.
        random_state: of folds and proposals, and of an estimator that has no seed of
            its own.
        space: `Fraction`, `Whole` or `Choice` by name of hyper-parameter; None for
            the one of `default_space`.
        on_progress: called with a `TrialProgress` whenever a trial is over.

    Attributes:
        best_params_: the values of the chosen trial; empty when that is the default.
        best_score_: its mean score over the folds.
        best_index_: its place in `cv_results_`; 0 is the default.
        best_estimator_: fitted on all rows with these values.
        unfitted_: the estimator with these values, unfitted.
        default_score_: the mean score of the default; NaN if it failed.
        cv_results_: a dictionary of equally long lists, one entry per trial; make a
            table of it with ``pandas.DataFrame``.
        study_: the trials as an Optuna study in memory.
        trials_: the same as a list.
        seed_: of the folds and proposals.
        n_splits_: inner folds.
        refit_time_: seconds of the last fit.

    >>> from sklearn.linear_model import LogisticRegression
    >>> from qclmixnet.tuning import Fraction
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 2))
    >>> y = (X[:, 0] > 0).astype(int)
    >>> space = {"C": Fraction(0.01, 100.0, log=True)}
    >>> search = QCLMixNetSearchCV(
    ...     LogisticRegression(), space=space, n_trials=3, random_state=0
    ... ).fit(X, y)
    >>> search.best_score_ >= search.default_score_
    True
    """

    def __init__(
        self,
        estimator: Any = None,  # noqa: ANN401
        *,
        n_trials: int = 30,
        time_limit_s: float | None = None,
        cv: Any = 3,  # noqa: ANN401
        scoring: Any = "balanced",  # noqa: ANN401
        min_gain: float = 0.0,
        storage: str | PathLike[str] | None = None,
        study_name: str = "search",
        n_jobs: int = 1,
        cluster: RayCluster | None = None,
        refit: bool = True,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        space: Space | None = None,
        on_progress: Callable[[TrialProgress], None] | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_trials = n_trials
        self.time_limit_s = time_limit_s
        self.cv = cv
        self.scoring = scoring
        self.min_gain = min_gain
        self.storage = storage
        self.study_name = study_name
        self.n_jobs = n_jobs
        self.cluster = cluster
        self.refit = refit
        self.random_state = random_state
        self.space = space
        self.on_progress = on_progress

    def fit(self, X: Any, y: Any) -> "QCLMixNetSearchCV":  # noqa: ANN401
        """Search, and fit the best values on all rows.

        Args:
            X: the table.
            y: one label per row.

        Returns:
            The fitted search.

        Raises:
            InputError: an argument is out of range, a name of the space is unknown,
                the labels cannot be used, or every trial failed.
            MissingExtraError: Optuna is not installed.
        """
        require_optuna()
        budget, workers = self._budget(), self._workers()
        given, name = X, getattr(y, "name", None)
        X, n_rows = opened(X)
        labels = read_labels(y, n_rows=n_rows)
        y = labels.classes[labels.codes]
        groups = groups_of(X)
        fresh = spawn_seeds(self.random_state, 1)[0] % 2**31
        is_given = isinstance(self.random_state, int | np.integer)
        estimator = self._seeded(self._estimator(), fresh)
        space = (
            default_space(estimator, n_rows=n_rows)
            if self.space is None
            else self.space
        )
        space = check_space(estimator, space)
        scorer = scorer_of(self.scoring, estimator)
        with open_book(
            None if self.storage is None else Path(self.storage),
            name=self.study_name,
            asked=self._asked(estimator, space, groups, labels),
            seed=fresh if is_given else None,
            fresh_seed=fresh,
            space=space,
            defaults=default_values(estimator, space),
        ) as book:
            folds = self._folds(X, y, labels, groups, book.seed)
            run_trials(
                book,
                folds,
                make=lambda params: with_parameters(estimator, params),
                job_of=lambda clf, fold: _job(clf, fold, X, y, scorer),
                budget=budget,
                workers=workers,
                preload=_modules_of(estimator),
                on_progress=self.on_progress,
            )
            self.study_, self.seed_ = book.copy_to_memory(), book.seed
        self._conclude(estimator, len(folds))
        self.scorer_, self.classes_ = scorer, labels.classes
        self._refit(given, pd.Series(y, name=name) if isinstance(name, str) else y)
        return self

    @property
    def trials_(self) -> "list[FrozenTrial]":
        """The trials, in order; the first is the default."""
        self._check_searched()
        return list(self.study_.trials)

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: ANN401
        """Return what the best estimator predicts.

        Args:
            X: rows with the columns of `fit`.

        Returns:
            One label per row.
        """
        return np.asarray(self._best().predict(X))

    @available_if(_has_proba)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: ANN401
        """Return the probabilities of the best estimator.

        Args:
            X: rows with the columns of `fit`.

        Returns:
            Rows by ``classes_``.
        """
        return np.asarray(self._best().predict_proba(X))

    def score(self, X: Any, y: Any) -> float:  # noqa: ANN401
        """Return the score that the search went for, on other rows.

        Args:
            X: rows with the columns of `fit`.
            y: their labels.

        Returns:
            The score.
        """
        best = self._best()
        return float(self.scorer_(best, X, np.asarray(y)))

    @property
    def n_features_in_(self) -> int:
        """Columns of the training table."""
        if not hasattr(self, "best_estimator_"):
            raise AttributeError("The search is not fitted.")
        return int(self.best_estimator_.n_features_in_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self._estimator()).input_tags
        tags.input_tags.sparse = False
        return tags

    def _estimator(self) -> Any:  # noqa: ANN401
        return QCLMixNetClassifier() if self.estimator is None else self.estimator

    def _seeded(self, estimator: Any, seed: int) -> Any:  # noqa: ANN401
        """Give a copy of the estimator the seed, if both lack and have one."""
        out = clone(estimator)
        params = out.get_params(deep=False)
        if self.random_state is not None and params.get("random_state", 0) is None:
            out.set_params(random_state=seed)
        return out

    def _budget(self) -> Budget:
        n_trials = check_integer(self.n_trials, "n_trials", low=1)
        if self.time_limit_s is not None:
            check_real(self.time_limit_s, "time_limit_s", low=0, open_low=True)
        check_real(self.min_gain, "min_gain", low=0)
        return Budget(n_trials, self.time_limit_s)

    def _workers(self) -> Workers:
        every = self.n_jobs == -1
        n_jobs = None if every else check_integer(self.n_jobs, "n_jobs", low=1)
        return Workers(n_jobs, cluster=self.cluster)

    def _asked(
        self,
        estimator: object,
        space: Space,
        groups: npt.NDArray[np.uint64],
        labels: Labels,
    ) -> dict[str, object]:
        """Describe the search, to tell whether an earlier one is the same."""
        digest = hashlib.sha256(groups.tobytes())
        digest.update(labels.codes.tobytes())
        scoring = self.scoring if isinstance(self.scoring, str) else "own"
        seedless = estimator.__repr__(10_000)  # type: ignore[call-arg]
        if not isinstance(self.random_state, int | np.integer):
            seedless = type(estimator).__name__  # its seed is drawn anew in each call
        return {
            "table": digest.hexdigest()[:16],
            "estimator": hashlib.sha256(seedless.encode()).hexdigest()[:16],
            "space": {name: repr(entry) for name, entry in space.items()},
            "scoring": scoring,
            "number of folds": self.cv if isinstance(self.cv, int) else "own",
        }

    def _folds(
        self,
        X: Any,  # noqa: ANN401
        y: npt.NDArray[Any],
        labels: Labels,
        groups: npt.NDArray[np.uint64],
        seed: int,
    ) -> tuple[Fold, ...]:
        if isinstance(self.cv, int | np.integer) and not isinstance(self.cv, bool):
            return stratified_folds(
                labels.codes,
                groups,
                n_folds=check_integer(self.cv, "cv", low=2),
                seed=seed,
            )
        if not (hasattr(self.cv, "split") or isinstance(self.cv, Iterable)):
            raise InputError(
                "`cv` must be a number of folds, a splitter or splits, got "
                f"{self.cv!r}."
            )
        splits = check_cv(self.cv, y, classifier=True).split(X, y)
        return tuple(Fold(np.asarray(a), np.asarray(b)) for a, b in splits)

    def _conclude(self, estimator: Any, n_folds: int) -> None:  # noqa: ANN401
        trials = self.trials_
        best = chosen_trial(trials, min_gain=self.min_gain)
        self.cv_results_ = results_of(trials, n_folds)
        self.n_splits_ = n_folds
        self.best_index_ = best.number
        self.best_params_: dict[str, Any] = dict(best.user_attrs["params"])
        self.best_score_ = float(best.value or 0.0)
        self.default_score_ = float(self.cv_results_["mean_test_score"][0])
        self.unfitted_ = with_parameters(estimator, self.best_params_)

    def _refit(self, X: Any, y: Any) -> None:  # noqa: ANN401
        for name in ("best_estimator_", "refit_time_", "feature_names_in_"):
            self.__dict__.pop(name, None)
        if not self.refit:
            return
        started = time.perf_counter()
        self.best_estimator_ = clone(self.unfitted_).fit(X, y)
        self.refit_time_ = time.perf_counter() - started
        names = getattr(self.best_estimator_, "feature_names_in_", None)
        if names is not None:
            self.feature_names_in_ = names

    def _best(self) -> Any:  # noqa: ANN401
        self._check_searched()
        if not hasattr(self, "best_estimator_"):
            raise NotFittedError(
                "This search was fitted with `refit=False` and cannot predict; fit an "
                "estimator with `best_params_`, or search with `refit=True`."
            )
        return self.best_estimator_

    def _check_searched(self) -> None:
        if not hasattr(self, "study_"):
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet; call 'fit' "
                "first."
            )


def _modules_of(estimator: object) -> tuple[str, ...]:
    if isinstance(estimator, Peer):
        return tuple(library.module for library in estimator.card.needs)
    if isinstance(estimator, QCLMixNetClassifier):
        # An optimizer imports these at its first step: a second of work.
        return ("torch._dynamo", "torch.profiler")
    return ()


def _job(
    clf: Any,  # noqa: ANN401
    fold: Fold,
    X: Any,  # noqa: ANN401
    y: npt.NDArray[Any],
    scorer: Scorer,
) -> FoldFit:
    return FoldFit(
        estimator=clone(clf),
        X_train=take_rows(X, fold.train),
        y_train=y[fold.train],
        X_test=take_rows(X, fold.test),
        y_test=y[fold.test],
        scorer=scorer,
    )
