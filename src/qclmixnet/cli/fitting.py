"""Fit on one part of a table, score on the other: what `demo` and `train` share."""

import time
import warnings
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.core.seeding import spawn_seeds
from qclmixnet.metrics import Scores, score_predictions
from qclmixnet.table import class_codes, read_labels, stratified_holdout

__all__ = ["FittedOn", "Split", "fit_and_score", "score_classifier", "split_rows"]


@runtime_checkable
class FittedClassifier(Protocol):
    """What is needed of a classifier to score it."""

    classes_: npt.NDArray[Any]

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Give labels."""

    def predict_proba(self, X: object) -> npt.NDArray[np.float64]:
        """Give probabilities, rows by ``classes_``."""


@runtime_checkable
class Learner(Protocol):
    """What is needed of a classifier before it is fitted."""

    def fit(self, X: object, y: object) -> FittedClassifier:
        """Learn."""


@dataclass(frozen=True)
class Split:
    """A table in two parts with their labels."""

    X_train: pd.DataFrame
    y_train: pd.Series
    X_test: pd.DataFrame
    y_test: pd.Series


@dataclass(frozen=True)
class FittedOn:
    """Scores of one classifier on the test part, and what it cost."""

    scores: Scores
    fit_seconds: float


def split_rows(
    X: pd.DataFrame, y: pd.Series, *, test_fraction: float, seed: int
) -> Split:
    """Keep a share of each class aside; classes of one row stay with the training.

    Args:
        X: the features.
        y: the labels.
        test_fraction: share of each class to keep aside; 0 keeps nothing.
        seed: of the draw.

    Returns:
        The two parts.

    Raises:
        InputError: the labels cannot be used, or a wanted test part would be empty.
    """
    labels = read_labels(y, n_rows=len(X))
    if test_fraction == 0:
        return Split(X, y, X.iloc[:0], y.iloc[:0])
    generator = np.random.default_rng(spawn_seeds(seed, 1)[0])
    train, test = stratified_holdout(
        labels.codes, fraction=test_fraction, generator=generator
    )
    if len(test) == 0:
        raise InputError(
            f"The table has too few rows per class ({len(X)} rows in all) to keep some "
            "aside for scoring; use --test-fraction 0 to learn from all of them."
        )
    return Split(X.iloc[train], y.iloc[train], X.iloc[test], y.iloc[test])


def fit_and_score(clf: Learner, split: Split) -> FittedOn:
    """Fit on the training part and score on the test part."""
    started = time.perf_counter()
    fitted = clf.fit(split.X_train, split.y_train)
    seconds = time.perf_counter() - started
    return FittedOn(score_classifier(fitted, split.X_test, split.y_test), seconds)


def score_classifier(clf: FittedClassifier, X: pd.DataFrame, y: pd.Series) -> Scores:
    """Score what a classifier predicts, and its probabilities.

    Args:
        clf: a fitted classifier.
        X: rows to predict.
        y: their classes.

    Returns:
        All scores.

    Raises:
        InputError: a row has a class that the classifier does not know.
    """
    codes = class_codes(y, clf.classes_)
    predicted = class_codes(clf.predict(X), clf.classes_)
    with warnings.catch_warnings():  # which the line above has given
        warnings.simplefilter("ignore", DataWarning)
        proba = clf.predict_proba(X)
    return score_predictions(codes, predicted, proba, labels=clf.classes_.tolist())
