"""Fit on one part of a table, score on the other: what `demo` and `train` share."""

import time
import warnings
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.core.caller import warn_caller
from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.core.seeding import spawn_seeds
from qclmixnet.evaluation import time_ordered_folds
from qclmixnet.metrics import Scores, score_predictions
from qclmixnet.preprocessing.event_times import read_times
from qclmixnet.table import class_codes, read_labels, stratified_holdout

__all__ = [
    "FittedOn",
    "Split",
    "fit_and_score",
    "score_classifier",
    "split_by_time",
    "split_rows",
]


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


def split_by_time(
    X: pd.DataFrame, y: pd.Series, time: pd.Series, *, test_fraction: float
) -> Split:
    """Keep the last rows in time aside; rows of equal time stay together.

    Args:
        X: the features.
        y: the labels.
        time: when each row happened.
        test_fraction: share of the rows to keep aside at most; 0 keeps nothing.

    Returns:
        The two parts.

    Raises:
        InputError: the labels or times cannot be used, there are too few different
            times, or the rows to learn from are of one class.

    Warns:
        DataWarning: classes come up only in the rows kept aside.
    """
    name = f"The time column {str(time.name)!r}"
    labels = read_labels(y, n_rows=len(X))
    moments = read_times(time, name).moments
    if test_fraction == 0:
        return Split(X, y, X.iloc[:0], y.iloc[:0])
    try:
        (fold,) = time_ordered_folds(
            moments, n_folds=1, min_train_share=1 - test_fraction
        )
    except InputError as error:
        raise InputError(
            f"{name} has too few different values ({len(np.unique(moments))}) to keep "
            f"the last {test_fraction:g} of the rows aside, as rows of equal time stay "
            "together. Use a larger --test-fraction, or 0 to learn from all of them."
        ) from error
    learned, tested = (np.unique(labels.codes[r]) for r in (fold.train, fold.test))
    if len(learned) == 1:
        raise InputError(
            f"The {len(fold.train)} rows to learn from, the first in time, hold one "
            f"class only, {str(labels.classes[learned[0]])!r}. Use a smaller "
            "--test-fraction, or 0 to learn from all rows."
        )
    new = labels.classes[np.setdiff1d(tested, learned)]
    if len(new):
        warn_caller(
            "Classes that come up only in the last rows, which are kept aside: "
            f"{', '.join(repr(str(label)) for label in new)}. The model does not know "
            "them, and they count as not recognised.",
            DataWarning,
        )
    return Split(
        X.iloc[fold.train], y.iloc[fold.train], X.iloc[fold.test], y.iloc[fold.test]
    )


def fit_and_score(clf: Learner, split: Split) -> FittedOn:
    """Fit on the training part and score on the test part."""
    started = time.perf_counter()
    fitted = clf.fit(split.X_train, split.y_train)
    seconds = time.perf_counter() - started
    return FittedOn(score_classifier(fitted, split.X_test, split.y_test), seconds)


def score_classifier(
    clf: FittedClassifier,
    X: pd.DataFrame,
    y: pd.Series,
    *,
    classes: npt.NDArray[Any] | None = None,
) -> Scores:
    """Score what a classifier predicts, and its probabilities.

    Args:
        clf: a fitted classifier.
        X: rows to predict.
        y: their classes.
        classes: classes that may come up, those of the classifier among them; None
            for the classifier's own. One that it does not know has probability 0.

    Returns:
        All scores.

    Raises:
        InputError: a row has a class that the classifier does not know.
    """
    classes = clf.classes_ if classes is None else classes
    codes = class_codes(y, classes)
    predicted = class_codes(clf.predict(X), classes)
    with warnings.catch_warnings():  # which the line above has given
        warnings.simplefilter("ignore", DataWarning)
        known = clf.predict_proba(X)
    proba = np.zeros((len(codes), len(classes)))
    proba[:, class_codes(clf.classes_, classes)] = known
    return score_predictions(codes, predicted, proba, labels=classes.tolist())
