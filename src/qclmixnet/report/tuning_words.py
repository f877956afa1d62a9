"""What a nested evaluation says, in plain words that follow a test."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qclmixnet.benchmark import method_facts
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.single_table import PairedTest, corrected_t_test

__all__ = ["TuningVerdict", "tuned_against_tuned", "tuning_verdict"]

_ALPHA = 0.05
_NAMES = {
    "balanced": "mean of macro-F1 and macro recall",
    "macro_f1": "macro-F1",
    "macro_recall": "macro recall",
}


@dataclass(frozen=True)
class TuningVerdict:
    """What tuning brought one method on one table.

    Attributes:
        method: its stable name.
        title: its name for people.
        default: mean score as it is, on outer test rows.
        tuned: mean score tuned, on the same rows.
        seen: mean score that the searches saw for what they chose.
        test: of the difference, tuned less default.
        pays: whether the mean difference is above 0.
        text: all of this in sentences.
    """

    method: str
    title: str
    default: float
    tuned: float
    seen: float
    test: PairedTest
    pays: bool
    text: str


def tuning_verdict(rows: pd.DataFrame, method: str) -> TuningVerdict:
    """Say what tuning brought a method on a table.

    Args:
        rows: rows of a nested evaluation on one table.
        method: a method that they have.

    Returns:
        The verdict. A fit that failed counts 0.

    Raises:
        InputError: the rows lack the method.
    """
    score = _scoring(rows)
    folds = _by_variant(rows, method, score)
    difference = (folds["tuned"] - folds["default"]).tolist()
    part = rows[(rows["method"] == method) & (rows["variant"] == "tuned")]
    test = _test(difference, part)
    title = method_facts(method).title
    default, tuned = float(folds["default"].mean()), float(folds["tuned"].mean())
    seen = float(part["inner_best"].mean())
    text = (
        f"{title}: {default:.3f} as it is, {tuned:.3f} tuned ({_NAMES[score]} on "
        f"{len(folds)} test parts that the searches never saw). "
        f"{_effect(test, tuned == default)}"
    )
    if np.isfinite(seen):
        text += (
            f" The searches saw {seen:.3f} for what they chose, on their inner folds: "
            "the best of several trials, from fewer rows, and no score to expect."
        )
    failed = int((part["status"] != "ok").sum())
    if failed:
        text += f" {failed} tuned fits failed and count 0."
    return TuningVerdict(
        method, title, default, tuned, seen, test, pays=test.mean > 0, text=text
    )


def tuned_against_tuned(rows: pd.DataFrame, methods: Sequence[str]) -> str:
    """Compare the first method with each other one, both tuned at the same budget.

    Args:
        rows: rows of a nested evaluation on one table.
        methods: methods that they have, at least two.

    Returns:
        A sentence for each other method.

    Raises:
        InputError: the rows lack a method.
    """
    score = _scoring(rows)
    ours, *others = methods
    first = _by_variant(rows, ours, score)["tuned"]
    part = rows[(rows["method"] == ours) & (rows["variant"] == "tuned")]
    sentences = []
    for name in others:
        second = _by_variant(rows, name, score)["tuned"]
        test = _test((first - second).tolist(), part)
        word = "ahead of" if test.mean > 0 else "behind"
        gap = f"{abs(test.mean):.3f} {word}"
        if test.mean == 0:
            gap = "level with"
        sentences.append(
            f"Tuned against tuned, {method_facts(ours).title} is {gap} "
            f"{method_facts(name).title}{_interval(test)}: {_told(test)}."
        )
    return " ".join(sentences)


def _effect(test: PairedTest, is_same: bool) -> str:  # noqa: FBT001
    if is_same and test.low == test.high:
        return "Tuning changes nothing here."
    if test.mean > 0:
        return f"Tuning gains {test.mean:.3f}{_interval(test)}: {_told(test)}."
    return (
        f"Tuning does not pay here: it changes the score by {test.mean:+.3f}"
        f"{_interval(test)}, {_told(test)}; keep the default."
    )


def _interval(test: PairedTest) -> str:
    if not np.isfinite(test.low):
        return ""
    return f" (95 % interval {test.low:+.3f} to {test.high:+.3f})"


def _told(test: PairedTest) -> str:
    if np.isfinite(test.p_value) and test.p_value < _ALPHA:
        return "distinguishable from chance"
    return "not distinguishable from chance"


def _test(differences: list[float], part: pd.DataFrame) -> PairedTest:
    return corrected_t_test(
        differences,
        n_train=round(part["n_train"].mean()),
        n_test=round(part["n_test"].mean()),
    )


def _scoring(rows: pd.DataFrame) -> str:
    return str(rows["scoring"].iloc[0]) if len(rows) else "balanced"


def _by_variant(rows: pd.DataFrame, method: str, score: str) -> pd.DataFrame:
    """Return outer folds by variant, of the folds that have both."""
    part = rows[rows["method"] == method]
    values = part[score].where(part["status"] == "ok", 0.0)
    folds = pd.pivot_table(
        part.assign(value=values),
        index=["seed", "fold"],
        columns="variant",
        values="value",
    )
    if not {"default", "tuned"} <= set(folds.columns):
        raise InputError(f"There are no rows of {method!r}, default and tuned.")
    return folds.dropna(subset=["default", "tuned"])
