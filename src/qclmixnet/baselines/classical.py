"""Scikit-learn's classical models, on dense columns."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from qclmixnet.baselines.encoded_model import DenseModel
from qclmixnet.baselines.peer import BaselineCard, Library, PeerSettings

__all__ = ["CLASSICAL", "SCIKIT_LEARN"]

SCIKIT_LEARN = Library("scikit-learn", "sklearn")

_MAX_FOLDS = 5


def _logistic_regression(settings: PeerSettings) -> DenseModel:
    own = {"class_weight": "balanced", "max_iter": 2000}
    model = LogisticRegression(
        **{**own, **settings.params}, random_state=settings.random_state
    )
    return DenseModel(settings.schema, model, scale=True)


def _knn(settings: PeerSettings) -> DenseModel:
    model = KNeighborsClassifier(n_jobs=settings.n_threads)
    return DenseModel(settings.schema, model, scale=True)


def _svm_rbf(settings: PeerSettings) -> DenseModel:
    return DenseModel(settings.schema, _ProbabilitySVC(settings), scale=True)


def _random_forest(settings: PeerSettings) -> DenseModel:
    model = RandomForestClassifier(
        **settings.params,
        random_state=settings.random_state,
        n_jobs=settings.n_threads,
    )
    return DenseModel(settings.schema, model, scale=False)


class _ProbabilitySVC:
    """A balanced RBF SVM on all rows, its margins made probabilities by temperature.

    One temperature for all classes keeps the order of the margins, so the most probable
    class is the one that the SVM itself decides for. Platt's sigmoids would shift the
    balanced decision back towards the frequent classes.
    """

    def __init__(self, settings: PeerSettings) -> None:
        self.settings = settings

    def fit(self, x: npt.NDArray[np.float64], codes: npt.NDArray[np.int64]) -> None:
        """Fit the SVM, and the temperature on its out-of-fold margins."""
        counts = np.bincount(codes)
        # A class needs a row in every training part: a single row is written twice.
        lone = np.flatnonzero(counts[codes] == 1)
        rows = np.concatenate([np.arange(len(codes)), lone])
        svm = SVC(
            class_weight="balanced",
            break_ties=True,
            random_state=self.settings.random_state,
        )
        self._calibrated = CalibratedClassifierCV(
            svm,
            method="temperature",
            cv=int(np.clip(counts.min(), 2, _MAX_FOLDS)),
            n_jobs=self.settings.n_threads,
            ensemble=False,
        ).fit(x[rows], codes[rows])

    def predict_proba(
        self, x: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities, rows by classes."""
        return np.asarray(self._calibrated.predict_proba(x))


CLASSICAL = (
    BaselineCard(
        name="logistic_regression",
        title="Logistic regression",
        family="classical",
        description=(
            "sklearn LogisticRegression(class_weight='balanced', max_iter=2000); "
            "median-filled and scaled numbers, one-hot categories"
        ),
        needs=(SCIKIT_LEARN,),
        build=_logistic_regression,
        seconds_per_1k=0.02,
        parameters=("C", "class_weight", "l1_ratio", "solver", "max_iter"),
    ),
    BaselineCard(
        name="knn",
        title="k-nearest neighbours",
        family="classical",
        description=(
            "sklearn KNeighborsClassifier(); median-filled and scaled numbers, one-hot "
            "categories"
        ),
        needs=(SCIKIT_LEARN,),
        build=_knn,
        seconds_per_1k=0.01,
    ),
    BaselineCard(
        name="svm_rbf",
        title="RBF SVM",
        family="classical",
        description=(
            "sklearn SVC(class_weight='balanced', break_ties=True) in "
            "CalibratedClassifierCV(method='temperature', ensemble=False), at most 5 "
            "folds and no more than the rarest class has rows (at least 2): the most "
            "probable class is the SVM's own decision; median-filled and scaled "
            "numbers, one-hot categories"
        ),
        needs=(SCIKIT_LEARN,),
        build=_svm_rbf,
        seconds_per_1k=0.5,
    ),
    BaselineCard(
        name="random_forest",
        title="Random forest",
        family="classical",
        description=(
            "sklearn RandomForestClassifier(); median-filled numbers, one-hot "
            "categories"
        ),
        needs=(SCIKIT_LEARN,),
        build=_random_forest,
        seconds_per_1k=0.2,
        parameters=(
            *("n_estimators", "criterion", "max_depth", "max_features", "max_samples"),
            *("min_samples_leaf", "min_samples_split", "class_weight"),
        ),
    ),
)
"""Cards of the classical baselines."""
