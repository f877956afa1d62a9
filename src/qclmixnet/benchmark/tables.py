"""The tables of a benchmark: those of the package, or the user's own file."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from qclmixnet.benchmark.record import TableFacts
from qclmixnet.benchmark.split_by import SplitBy
from qclmixnet.datasets import list_datasets, load_dataset
from qclmixnet.evaluation.protocol import duplicate_groups
from qclmixnet.table import read_labels

__all__ = [
    "QUICK_TABLES",
    "LabelledTable",
    "labelled_table",
    "load_table",
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
        split_by: how rows are split; None for by class, equal rows together.
    """

    name: str
    frame: pd.DataFrame
    codes: npt.NDArray[np.int64]
    classes: npt.NDArray[np.generic]
    split_by: SplitBy | None = None

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
        counts = np.bincount(self.codes)
        return TableFacts(
            name=self.name,
            n_rows=len(self.frame),
            n_columns=self.frame.shape[1],
            n_classes=len(self.classes),
            imbalance_ratio=round(float(counts.max() / counts.min()), 1),
            smallest_class=int(counts.min()),
        )


def suite_tables() -> tuple[str, ...]:
    """Return the names of the 18 tables of the full suite."""
    return tuple(list_datasets("suite")["name"])


def load_table(name: str) -> LabelledTable:
    """Load a table of the package.

    Args:
        name: any name that `load_dataset` understands.

    Returns:
        The table with its labels as class numbers.

    Raises:
        InputError: there is no dataset of that name.
        MissingExtraError: the package that carries it is not installed.
    """
    data = load_dataset(name)
    return labelled_table(data.name, data.frame, data.target)


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
