"""What a search goes for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import check_scoring

from qclmixnet.core.errors import InputError
from qclmixnet.metrics.by_class import confusion_matrix, macro_f1, macro_recall

__all__ = ["SCORINGS", "Scorer", "mean_of_both", "scorer_of"]

Scorer = Callable[[Any, Any, Any], float]
"""From a fitted classifier, rows and their labels to a score; more is better."""

SCORINGS = ("balanced", "macro_f1", "macro_recall")
"""Our own scorings; ``"balanced"`` is the mean of the two others."""


def scorer_of(scoring: object, estimator: object) -> Scorer:
    """Return the score that goes by a name.

    Args:
        scoring: one of `SCORINGS`, a name that scikit-learn knows, or a callable of
            its kind.
        estimator: what will be scored.

    Returns:
        The score.

    Raises:
        InputError: there is no score of that name.
    """
    if isinstance(scoring, str) and scoring in SCORINGS:
        return _OwnScore(scoring)
    try:
        found: Scorer = check_scoring(estimator, scoring=scoring)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"`scoring` must be one of {', '.join(map(repr, SCORINGS))}, or a scorer "
            f"of scikit-learn, got {scoring!r}."
        ) from error
    return found


def mean_of_both(confusion: npt.NDArray[np.number]) -> float:
    """Return the mean of macro-F1 and macro recall.

    Args:
        confusion: counts, true class by predicted class.

    Returns:
        A number from 0 to 1.

    >>> mean_of_both(np.array([[2, 0], [0, 2]]))
    1.0
    """
    return (macro_f1(confusion) + macro_recall(confusion)) / 2


class _OwnScore:
    """One of our scores of what a classifier decides; it can be pickled."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, clf: Any, X: Any, y: Any) -> float:  # noqa: ANN401
        truth, predicted = np.asarray(y), np.asarray(clf.predict(X))
        _, codes = np.unique(np.concatenate([truth, predicted]), return_inverse=True)
        n_classes = int(codes.max()) + 1
        matrix = confusion_matrix(
            codes[: len(truth)].astype(np.int64),
            codes[len(truth) :].astype(np.int64),
            n_classes,
        )
        if self.name == "macro_f1":
            return macro_f1(matrix)
        return (
            macro_recall(matrix)
            if self.name == "macro_recall"
            else mean_of_both(matrix)
        )
