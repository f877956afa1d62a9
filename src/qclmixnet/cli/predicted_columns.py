"""What `qclmixnet predict` writes for each row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qclmixnet.core.errors import InputError
from qclmixnet.decision import abstains
from qclmixnet.estimators import QCLMixNetClassifier

__all__ = ["Extras", "kept_columns", "predictions_of"]


@dataclass(frozen=True)
class Extras:
    """What else to write for each row.

    Attributes:
        coverage: share of each class whose own class is among those not ruled out;
            None leaves these away.
        n_reasons: columns that speak most for or against the label.
    """

    coverage: float | None = None
    n_reasons: int = 0


def predictions_of(
    clf: QCLMixNetClassifier,
    frame: pd.DataFrame,
    keep: Sequence[str],
    extras: Extras,
) -> pd.DataFrame:
    """Return what is written for each row of a table.

    Args:
        clf: a fitted classifier.
        frame: the rows.
        keep: columns to copy.
        extras: what else to write.

    Returns:
        One row for each: columns of kind id, those to keep, and what is predicted.

    Raises:
        InputError: the rows cannot be read, or a column to keep has a name that the
            result needs itself.
    """
    kept = kept_columns(clf, list(frame.columns), keep)
    # The columns asked for and the class itself are no surprise: no warning of extras.
    known = set(clf.schema_.names)
    quiet = [
        name
        for name in frame.columns
        if name not in known and (name in kept or name == clf.target_name_)
    ]
    features = frame.drop(columns=quiet)
    proba = clf.predict_proba(features)
    made = {"predicted": clf.decide(proba)}
    made |= {
        f"probability_{label}": column
        for label, column in zip(clf.classes_, proba.T, strict=True)
    }
    if extras.coverage is not None:
        made |= _sets(clf, proba, extras.coverage)
    if extras.n_reasons:
        made |= _reasons(clf, features, extras.n_reasons)
    taken = sorted(set(kept) & set(made))
    if taken:
        raise InputError(
            f"Columns to keep have names that the result needs itself: {taken}. "
            "Rename them in the file."
        )
    return pd.concat([frame[kept], pd.DataFrame(made, index=frame.index)], axis=1)


def kept_columns(
    clf: QCLMixNetClassifier, names: Sequence[str], keep: Sequence[str]
) -> list[str]:
    """Return the columns that are copied: of kind id, and those asked for.

    Args:
        clf: a fitted classifier.
        names: columns of the file.
        keep: columns asked for.

    Returns:
        Their names, each once.
    """
    ids = [name for name in clf.schema_.of_kind("id") if name in names]
    return list(dict.fromkeys([*ids, *keep]))


def _sets(
    clf: QCLMixNetClassifier, proba: np.ndarray, coverage: float
) -> dict[str, np.ndarray]:
    """Name the classes not ruled out, and say which rows a person should see."""
    found = clf.sets_of(proba, coverage=coverage)
    labels = [str(label) for label in clf.classes_]
    texts = [
        " | ".join(name for name, is_in in zip(labels, row, strict=True) if is_in)
        for row in found
    ]
    return {
        "not_ruled_out": np.array(texts, dtype=object),
        "for_review": abstains(found),
    }


def _reasons(
    clf: QCLMixNetClassifier, features: pd.DataFrame, n_reasons: int
) -> dict[str, np.ndarray]:
    """Name the columns that moved the log-odds of the label most, and how far."""
    found = clf.explain(features)
    rows = np.arange(len(found.log_odds))
    moved = found.values[rows, :, found.predicted]  # noqa: PD011 - no frame
    order = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :n_reasons]
    out = {}
    for rank, columns in enumerate(order.T, start=1):
        texts = [
            f"{found.columns[k]} = {_cell(found.cells[found.columns[k]][row])} "
            f"({moved[row, k]:+.2f})"
            for row, k in zip(rows, columns, strict=True)
        ]
        out[f"reason_{rank}"] = np.array(texts, dtype=object)
    return out


def _cell(value: Any) -> str:  # noqa: ANN401 - a cell of any column
    if pd.isna(value):
        return "missing"
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)
