"""What a fit notices about the table, before anything is learned.

Each signature is a small function over plain arrays. What was measured for a threshold
was measured on the 24 tables of `list_datasets()`.

References:
    Holte (1993), "Very simple classification rules perform well on most commonly used
    datasets", Machine Learning 11: the rule that looks up one column. We choose its
    intervals by quantiles of the classes, and its score is cross-validated.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from qclmixnet.estimators.diagnostics import (
    FEW_ROWS,
    MOST_ROWS,
    Diagnostic,
    listed,
    sample_rows,
)
from qclmixnet.estimators.neighbour_diagnostics import judge_neighbours
from qclmixnet.nn import OneHotInput
from qclmixnet.preprocessing import EncodedTable
from qclmixnet.table import Labels, Table

__all__ = [
    "Contradictions",
    "column_recalls",
    "count_contradictions",
    "diagnose_table",
    "judge_class_sizes",
    "judge_columns",
    "judge_contradictions",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_MOST_NUMBERS = 400_000  # of the rows whose neighbours are found; 2,000 rows by 200

_N_FOLDS = 3
_MOST_INTERVALS, _LEAST_IN_INTERVAL = 64, 10
_DECIDES, _AHEAD = 0.98, 0.2
_LEAK, _LEAST_FOR_LEAK = 0.995, 200

_REACHABLE, _UNREACHABLE = 0.98, 0.95


def diagnose_table(
    table: Table,
    encoded: EncodedTable,
    cardinalities: tuple[int, ...],
    labels: Labels,
    *,
    counts: IntArray | None = None,
) -> list[Diagnostic]:
    """Look at a training table; at most 2,000 rows but for equal rows.

    Costs 0.01 s of one core for newthyroid (215 rows by 5 columns), 0.05 s for german
    (1,000 by 20) and 0.3 s for sylva (13,086 by 216) and fars (100,968 by 27).

    Args:
        table: the columns that are learned from.
        encoded: the same rows encoded.
        cardinalities: codes of each category column.
        labels: their classes.
        counts: rows of each class, where these rows are a sample; None where they are
            all.

    Returns:
        What was found, empty if nothing was.
    """
    codes, classes = labels.codes, [str(label) for label in labels.classes]
    if counts is None:
        counts = np.bincount(codes, minlength=len(classes))
    copies = _number_copies(table)
    rows = sample_rows(codes, n_rows=MOST_ROWS)
    columns = {name: column[rows] for name, column in table.columns.items()}
    one_hot = OneHotInput(encoded.x_num.shape[1], cardinalities)
    n_rows = min(MOST_ROWS, _MOST_NUMBERS // one_hot.n_features)
    near = sample_rows(codes, n_rows=n_rows)
    part = encoded.take(near)
    x = one_hot(torch.from_numpy(part.x_num), torch.from_numpy(part.x_cat)).numpy()
    return [
        *judge_columns(column_recalls(columns, codes[rows]), n_rows=len(rows)),
        *judge_contradictions(count_contradictions(copies, codes)),
        *judge_class_sizes(counts, classes),
        *judge_neighbours(x, codes[near], classes),
    ]


def _number_copies(table: Table) -> npt.NDArray[np.uint64]:
    """Return a 64-bit hash of each row; equal rows have equal ones."""
    # Levels as numbers: pandas would first copy all texts into a type of its own.
    numbers = {
        name: pd.factorize(column)[0] if column.dtype == object else column
        for name, column in table.columns.items()
    }
    hashes = pd.util.hash_pandas_object(pd.DataFrame(numbers), index=False)
    return np.asarray(hashes, dtype=np.uint64)


def judge_class_sizes(counts: IntArray, classes: list[str]) -> list[Diagnostic]:
    """Name classes with fewer than 10 rows.

    Of fewer a decision rule learns nothing (`tune_tilt` says so in its note), and no
    score of theirs can be told from luck: with 9 rows a recall of 0.5 has a standard
    error of 0.17.

    Args:
        counts: rows of each class.
        classes: the labels as texts.

    Returns:
        At most one note.
    """
    named = [
        int(c) for c in np.argsort(counts, kind="stable") if 0 < counts[c] < FEW_ROWS
    ]
    if not named:
        return []
    names = listed([f"{classes[c]} ({counts[c]})" for c in named])
    return [
        Diagnostic(
            "few_rows",
            "note",
            f"Classes with fewer than {FEW_ROWS} rows: {names}.",
            float(counts[named].min()),
            float(FEW_ROWS),
            "Nothing can be tuned on so few, and their scores are luck: get more rows, "
            "merge classes, or leave them to a person.",
        )
    ]


def column_recalls(
    columns: Mapping[str, np.ndarray], codes: IntArray
) -> dict[str, float]:
    """Return how well each column alone tells the class.

    A column is cut into bins: each level is one, and each different number, or
    intervals that begin at quantiles of the classes if these are more than 64, or more
    than a tenth of its rows; missing is a bin of its own. Each bin predicts the class
    that has the largest share of its rows there. Classes of fewer than 10 rows are
    left out.

    Args:
        columns: numbers and dates, or objects for categories, of equal length.
        codes: class number of each row.

    Returns:
        Macro recall in 3-fold cross-validation by column; empty if fewer than two
        classes can be judged. Chance gives 1 / classes.

    >>> codes = np.tile([0, 1], 30)
    >>> column_recalls({"copy": codes.astype(float)}, codes)
    {'copy': 1.0}
    """
    large = np.bincount(codes)[codes] >= FEW_ROWS
    rows = np.random.default_rng(0).permutation(np.flatnonzero(large))
    _, kept = np.unique(codes[rows], return_inverse=True)
    if len(kept) == 0 or kept.max() == 0:
        return {}
    rows = rows[np.argsort(kept, kind="stable")]  # class by class, in random order
    kept = np.sort(kept)
    begins = _where_intervals_begin(np.bincount(kept))
    folds = np.arange(len(kept)) % _N_FOLDS
    return {
        name: _recall_of_bins(_bins(column[rows], kept, begins), kept, folds)
        for name, column in columns.items()
    }


def _where_intervals_begin(counts: IntArray) -> IntArray:
    """Return positions of quantiles among rows sorted by class, then by value."""
    step = np.maximum(_LEAST_IN_INTERVAL, -(-counts // _MOST_INTERVALS))
    first = np.cumsum(counts) - counts
    rank = np.arange(counts.sum()) - np.repeat(first, counts)
    begins: IntArray = np.flatnonzero(rank % np.repeat(step, counts) == 0)
    return begins


def _bins(column: np.ndarray, codes: IntArray, begins: IntArray) -> IntArray:
    if column.dtype == object:
        return np.asarray(pd.factorize(column)[0] + 1, dtype=np.int64)
    missing = np.isnat(column) if column.dtype.kind == "M" else np.isnan(column)
    edges = np.unique(column[~missing])
    n_levels = min(_MOST_INTERVALS, (~missing).sum() // _LEAST_IN_INTERVAL)
    if len(edges) > n_levels:
        order = np.lexsort((column, codes))[begins]
        edges = np.unique(column[order][~missing[order]])
    bins = np.searchsorted(edges, column, side="right")
    bins[missing] = len(edges) + 1
    return bins.astype(np.int64)


def _recall_of_bins(bins: IntArray, codes: IntArray, folds: IntArray) -> float:
    shape = (_N_FOLDS, int(bins.max()) + 1, int(codes.max()) + 1)
    place = np.ravel_multi_index((folds, bins, codes), shape)
    counts = np.bincount(place, minlength=np.prod(shape)).reshape(shape)
    others = counts.sum(axis=0) - counts  # rows of the other folds
    share = others / others.sum(axis=1, keepdims=True)
    chosen = share.argmax(axis=2)  # (fold, bin)
    right = np.take_along_axis(counts, chosen[:, :, None], axis=2)[:, :, 0]
    right[~others.any(axis=2)] = 0  # a bin without rows to learn from
    hits = np.bincount(chosen.ravel(), weights=right.ravel(), minlength=shape[2])
    return float((hits / np.bincount(codes)).mean())


def judge_columns(recalls: Mapping[str, float], *, n_rows: int) -> list[Diagnostic]:
    """Name columns that alone nearly decide the class, as a leak does.

    A column is named when its macro recall is at least 0.98, and at least 0.2 above
    the median of the others: where all columns tell the class, none is suspicious. It
    is a warning from 0.995 on in at least 200 rows; in smaller tables, and below, a
    good column can do that.

    Measured: the best columns of 24 tables reach 0.93 (FTI of hypothyroid, which is
    what doctors diagnose by), 0.92 (sylva) and 0.86 (newthyroid).

    Args:
        recalls: macro recall of each column alone, as from `column_recalls`.
        n_rows: rows that they were measured on.

    Returns:
        A warning or a note for each such column.
    """
    found = []
    for name, recall in recalls.items():
        others = [each for other, each in recalls.items() if other != name]
        if not others or recall < max(_DECIDES, float(np.median(others)) + _AHEAD):
            continue
        severe = recall >= _LEAK and n_rows >= _LEAST_FOR_LEAK
        found.append(
            Diagnostic(
                "leakage",
                "warning" if severe else "note",
                f"Column {name!r} alone tells the class with a macro recall of "
                f"{recall:.3f}; the others' median is {np.median(others):.3f}.",
                recall,
                _LEAK if severe else _DECIDES,
                "If it is filled in or computed after the class is known, drop it: "
                "scores with it will not hold on new rows.",
            )
        )
    return found


@dataclass(frozen=True)
class Contradictions:
    """Rows that are equal in all columns, but not of one class.

    Attributes:
        n_rows: rows that have an equal of another class.
        best_recall: the highest macro recall on these rows, 0 to 1, that anything can
            reach that gives equal rows equal classes.
        share_different: different rows per row, above 0 to 1.
    """

    n_rows: int
    best_recall: float
    share_different: float


def count_contradictions(
    copies: npt.NDArray[np.integer], codes: IntArray
) -> Contradictions:
    """Count rows that are equal in all columns, but not of one class.

    Args:
        copies: a number of each row, the same for equal rows.
        codes: class number of each row.

    Returns:
        How many there are, and what they leave to be reached.

    >>> count_contradictions(np.array([7, 7, 7, 8]), np.array([0, 0, 1, 1]))
    Contradictions(n_rows=3, best_recall=0.75, share_different=0.5)
    """
    _, kind = np.unique(copies, return_inverse=True)
    n_kinds, counts = int(kind.max()) + 1, np.bincount(codes)
    pairs, n_pair = np.unique(kind * len(counts) + codes, return_counts=True)
    kind_of, code_of = pairs // len(counts), pairs % len(counts)
    mixed = np.bincount(kind_of, minlength=n_kinds) > 1
    best = np.zeros(n_kinds)
    np.maximum.at(best, kind_of, n_pair / counts[code_of])
    return Contradictions(
        n_rows=int(n_pair[mixed[kind_of]].sum()),
        best_recall=float(best.sum() / (counts > 0).sum()),
        share_different=n_kinds / len(codes),
    )


def judge_contradictions(counted: Contradictions) -> list[Diagnostic]:
    """Say whether equal rows of different classes limit what can be reached.

    That is so when at least 10 rows have an equal of another class, and the best
    macro recall is below 0.98. Below 0.95 it is a warning, unless fewer than half of
    the rows differ: a table of few coarse columns repeats rows by nature.

    Measured: 0.988 to 1 on 22 of 24 tables. Noted are covid_testing, 0.9799 with 6 %
    of its rows, and fars, 0.966 with 11 %.

    Args:
        counted: as from `count_contradictions`.

    Returns:
        At most one warning or note.
    """
    best = counted.best_recall
    if counted.n_rows < FEW_ROWS or best >= _REACHABLE:
        return []
    severe = best < _UNREACHABLE and counted.share_different >= 0.5
    return [
        Diagnostic(
            "contradictions",
            "warning" if severe else "note",
            f"{counted.n_rows} rows are equal to rows of another class in all columns "
            "that are learned from; no classifier can reach a macro recall above "
            f"{best:.2f} on this table.",
            best,
            _UNREACHABLE if severe else _REACHABLE,
            "Look for rows entered twice with different labels, and for a column that "
            "would tell them apart.",
        )
    ]
