"""The tables of a benchmark: those of the package, or the user's own file."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.benchmark.record import TableFacts
from qclmixnet.benchmark.split_by import SplitBy
from qclmixnet.core.errors import InputError
from qclmixnet.datasets import list_datasets, load_dataset
from qclmixnet.evaluation.labelled_split import LabelledSplit
from qclmixnet.evaluation.protocol import Fold, duplicate_groups
from qclmixnet.evaluation.stress import STRESS_KINDS, Stress, read_stressed_name
from qclmixnet.table import read_labels

__all__ = [
    "QUICK_TABLES",
    "LabelledTable",
    "labelled_table",
    "load_table",
    "stressed",
    "suite_tables",
]

QUICK_TABLES = ("newthyroid", "glass", "spectf", "german", "yeast", "wine_red")
"""Tables of the quick suite, all of them small."""


@dataclass(frozen=True)
class LabelledTable:
    """Features and labels of a whole table.

    Attributes:
        name: its name in the rows.
        frame: the features.
        codes: class number of each row.
        classes: what the class numbers stand for.
        stress: what its training and test parts are put through, if anything.
        split_by: how rows are split; None for by class, equal rows together.
    """

    name: str
    frame: pd.DataFrame
    codes: npt.NDArray[np.int64]
    classes: npt.NDArray[np.generic]
    stress: Stress | None = None
    split_by: SplitBy | None = None

    def split(self, fold: Fold, *, seed: tuple[int, ...]) -> LabelledSplit:
        """Return what is learned from and scored on in a fold, under the stress.

        Args:
            fold: row numbers of the table.
            seed: of the stress.

        Returns:
            Rows and labels of both parts.
        """
        plain = LabelledSplit(
            self.frame.iloc[fold.train],
            self.codes[fold.train],
            self.frame.iloc[fold.test],
            self.codes[fold.test],
        )
        return plain if self.stress is None else self.stress.apply(plain, seed=seed)

    @cached_property
    def groups(self) -> npt.NDArray[np.uint64]:
        """Number of each row, the same for rows with the same features."""
        return duplicate_groups(self.frame)

    @property
    def checksum(self) -> str:
        """SHA-256 of features and labels, row by row, in 64-bit hashes."""
        digest = hashlib.sha256(self.groups.tobytes())
        digest.update(self.codes.tobytes())
        if self.split_by is not None:
            digest.update(self.split_by.content)
        digest.update("\n".join(map(str, [*self.frame, *self.classes])).encode())
        return digest.hexdigest()

    @property
    def facts(self) -> TableFacts:
        """Size and imbalance."""
        return self.facts_of(self.frame, self.codes)

    def facts_of(self, frame: pd.DataFrame, codes: npt.NDArray[np.int64]) -> TableFacts:
        """Return size and imbalance of these rows, a part of the table."""
        counts = np.bincount(codes, minlength=len(self.classes))
        present = counts[counts > 0]
        return TableFacts(
            name=self.name,
            n_rows=len(frame),
            n_columns=frame.shape[1],
            n_classes=len(self.classes),
            imbalance_ratio=round(float(present.max() / present.min()), 1),
            smallest_class=int(present.min()),
        )


def suite_tables() -> tuple[str, ...]:
    """Return the names of the 18 tables of the full suite."""
    return tuple(list_datasets("suite")["name"])


def load_table(name: str) -> LabelledTable:
    """Load a table of the package.

    Args:
        name: any name that `load_dataset` understands, or that of a stressed table
            such as ``"yeast~missing~0.4"``.

    Returns:
        The table with its labels as class numbers.

    Raises:
        InputError: there is no dataset of that name.
        MissingExtraError: the package that carries it is not installed.
    """
    base, stress = read_stressed_name(name)
    data = load_dataset(base)
    table = labelled_table(data.name, data.frame, data.target)
    return table if stress is None else stressed(table, stress)


def stressed(table: LabelledTable, stress: Stress) -> LabelledTable:
    """Return a table under stress.

    Args:
        table: the table as it is.
        stress: kind and level.

    Returns:
        The same rows, but for classes that the kind leaves out as too small; the
        stress itself comes with each split.

    Raises:
        InputError: the table has fewer than two classes that are large enough.
    """
    smallest = STRESS_KINDS[stress.kind].min_class_rows
    counts = np.bincount(table.codes, minlength=len(table.classes))
    large = counts >= smallest
    if large.sum() < 2:
        raise InputError(
            f"{stress.kind!r} needs two classes of at least {smallest} rows; the table "
            f"{table.name!r} has {large.sum()}. Name another table (--tables) or kind "
            "(--kinds)."
        )
    rows = np.flatnonzero(large[table.codes])
    renumbered = np.cumsum(large) - 1
    return replace(
        table,
        name=table.name + stress.suffix,
        frame=table.frame if large.all() else table.frame.iloc[rows],
        codes=renumbered[table.codes[rows]].astype(np.int64),
        classes=table.classes[large],
        stress=stress,
    )


def labelled_table(
    name: str,
    frame: pd.DataFrame,
    target: pd.Series,
    *,
    split_by: SplitBy | None = None,
) -> LabelledTable:
    """Put a frame and its labels together.

    Args:
        name: name of the table in the rows.
        frame: the features.
        target: one label per row.
        split_by: how rows are split; None for by class, equal rows together.

    Returns:
        The table with its labels as class numbers.

    Raises:
        InputError: the labels cannot be used.
    """
    labels = read_labels(target, n_rows=len(frame))
    return LabelledTable(name, frame, labels.codes, labels.classes, split_by=split_by)
