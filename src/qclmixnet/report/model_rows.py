"""Rows on the page of one model: those it is least sure of, and those it gets wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qclmixnet.report.describe_table import cell_text
from qclmixnet.report.model_data import ListedRow, Reason
from qclmixnet.table import Table

if TYPE_CHECKING:
    from qclmixnet.estimators.explanation import Explanation

__all__ = [
    "MOST_ROWS",
    "PredictedRows",
    "list_rows",
    "reasons_of",
    "unsure_rows",
    "with_reasons",
    "wrong_rows",
]

MOST_ROWS = 50
"""Rows of one list at most."""

_MOST_REASONS = 3
_TINY = float(np.finfo(np.float64).tiny)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PredictedRows:
    """All rows of a table, and what was said about them.

    Attributes:
        table: their cells, checked.
        numbers: of the rows, as the reader counts them.
        labels: the classes, as text.
        codes: class number of each row; None when it is not known.
        y_pred: the class number that was chosen for each.
        proba: probabilities, rows by classes.
        offsets: of the rule on the log-probabilities; None for the most probable class.
    """

    table: Table
    numbers: IntArray
    labels: Sequence[str]
    codes: IntArray | None
    y_pred: IntArray
    proba: FloatArray
    offsets: FloatArray | None


def unsure_rows(
    proba: FloatArray, offsets: FloatArray | None, *, most: int = MOST_ROWS
) -> IntArray:
    """Return the rows that are nearest to getting another class by the model's rule.

    Args:
        proba: probabilities, rows by classes.
        offsets: of the rule on the log-probabilities; None for the most probable class.
        most: rows to return.

    Returns:
        Row numbers, the nearest first.

    >>> proba = np.array([[0.9, 0.1], [0.55, 0.45], [0.3, 0.7]])
    >>> unsure_rows(proba, None).tolist()
    [1, 2, 0]
    """
    weighed = _weighed(proba, offsets)
    top = np.sort(weighed, axis=1)
    rows: IntArray = np.argsort(top[:, -1] - top[:, -2], kind="stable")[:most]
    return rows


def wrong_rows(
    codes: IntArray, y_pred: IntArray, proba: FloatArray, *, most: int = MOST_ROWS
) -> IntArray:
    """Return the rows with a wrong class, those with the surest mistakes first.

    Args:
        codes: class number of each row.
        y_pred: the class that was chosen.
        proba: probabilities, rows by classes.
        most: rows to return.

    Returns:
        Row numbers, by how much more probable the chosen class is than the true one.

    >>> proba = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> wrong_rows(np.array([1, 1, 1]), np.array([0, 0, 1]), proba).tolist()
    [0, 1]
    """
    wrong = np.flatnonzero(codes != y_pred)
    log_p = np.log(np.maximum(proba[wrong], _TINY))
    place = np.arange(len(wrong))
    surer = log_p[place, y_pred[wrong]] - log_p[place, codes[wrong]]
    rows: IntArray = wrong[np.argsort(-surer, kind="stable")[:most]]
    return rows


def list_rows(
    rows: IntArray, predicted: PredictedRows, columns: Sequence[str]
) -> tuple[ListedRow, ...]:
    """Write rows down for people.

    Args:
        rows: which, in the order of the list.
        predicted: all rows.
        columns: those whose cells are shown.

    Returns:
        One entry per row.
    """
    out = []
    labels, proba = predicted.labels, predicted.proba
    weighed = _weighed(proba[rows], predicted.offsets)
    weighed[np.arange(len(rows)), predicted.y_pred[rows]] = -1.0
    for row, other in zip(rows, weighed.argmax(axis=1), strict=True):
        chosen = int(predicted.y_pred[row])
        codes = predicted.codes
        out.append(
            ListedRow(
                number=int(predicted.numbers[row]),
                truth=None if codes is None else labels[int(codes[row])],
                predicted=labels[chosen],
                probability=float(proba[row, chosen]),
                other=labels[int(other)],
                other_probability=float(proba[row, other]),
                cells={
                    name: cell_text(predicted.table.columns[name][row])
                    for name in columns
                },
            )
        )
    return tuple(out)


def _weighed(proba: FloatArray, offsets: FloatArray | None) -> FloatArray:
    """Return probabilities whose largest is what the rule chooses."""
    if offsets is None:
        return proba.copy()
    logs = np.log(np.maximum(proba, _TINY)) + offsets
    out: FloatArray = np.exp(logs - logs.max(axis=1, keepdims=True))
    out /= out.sum(axis=1, keepdims=True)
    return out


def reasons_of(
    found: "Explanation",
    *,
    chosen: IntArray,
    cells: Callable[[int, str], str],
) -> tuple[tuple[Reason, ...], ...]:
    """Return what spoke most for and against the class that was chosen for each row.

    Args:
        found: the explanation of the rows, for all classes.
        chosen: class number that was chosen for each of them.
        cells: gives the text of a cell by its row, from 0, and its column.

    Returns:
        For each row the three columns that weigh most.
    """
    names, values = found.columns, np.asarray(found.values, dtype=np.float64)
    out = []
    for row, k in enumerate(chosen):
        weights = values[row, :, k]
        order = np.argsort(-np.abs(weights), kind="stable")[:_MOST_REASONS]
        out.append(
            tuple(
                Reason(names[c], cells(row, names[c]), float(weights[c]))
                for c in order
                if weights[c] != 0
            )
        )
    return tuple(out)


def with_reasons(
    rows: Sequence[ListedRow], reasons: Sequence[Sequence[Reason]]
) -> tuple[ListedRow, ...]:
    """Return the rows with the reasons beside them.

    Args:
        rows: as listed.
        reasons: of each row, in the same order.

    Returns:
        As many rows.
    """
    return tuple(
        replace(row, reasons=tuple(why)) for row, why in zip(rows, reasons, strict=True)
    )
