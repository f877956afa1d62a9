"""What is written down about a dataset: its provenance and its numbers."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "KEEL_CITATION",
    "UCI_LICENCE",
    "DatasetCard",
    "DatasetGroup",
    "DroppedColumn",
    "TableNumbers",
]

UCI_LICENCE = (
    "not stated in the package; the UCI repository lists the original under CC BY 4.0"
)
KEEL_CITATION = "Alcala-Fdez et al. (2011), KEEL Data-Mining Software Tool, JMVLSC 17"

DatasetGroup = Literal["suite", "extreme", "large", "file", "openml"]


@dataclass(frozen=True, kw_only=True)
class TableNumbers:
    """The counts that tell one table from another at a glance.

    Attributes:
        n_rows: rows of the table.
        n_num: columns of numbers (booleans count as numbers).
        n_cat: columns of categories.
        n_date: columns of dates and times.
        n_classes: distinct labels.
        imbalance_ratio: rows of the largest class per row of the smallest one,
            rounded to one decimal.
        smallest_class: rows of the smallest class.
        n_missing: missing cells of the features.
        n_duplicates: rows that repeat an earlier row, label included; splits should
            keep them together.
    """

    n_rows: int
    n_num: int
    n_cat: int
    n_date: int = 0
    n_classes: int
    imbalance_ratio: float
    smallest_class: int
    n_missing: int = 0
    n_duplicates: int = 0


@dataclass(frozen=True)
class DroppedColumn:
    """Columns of the source that the loaded table leaves out, and why.

    Attributes:
        names: the columns as the source calls them.
        reason: why a classifier must not see them.
    """

    names: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """Where a dataset comes from and what to know before using it.

    Attributes:
        name: the name that `load_dataset` understands, or the file or OpenML name.
        group: ``"suite"`` for the benchmark, ``"extreme"`` and ``"large"`` beyond
            it, ``"file"`` and ``"openml"`` for tables that are not in the registry.
        task: what is predicted from what, in one sentence.
        target: the name of the label column.
        source: who published the data.
        location: the file inside that distribution, a path, or an address.
        licence: the licence as far as it is known, else ``"not stated"``.
        citation: what to cite when using the data.
        numbers: rows, columns, classes and imbalance.
        package: the Python distribution that carries the data; empty for files
            and OpenML.
        checksum: SHA-256 of the canonical form of the table; empty outside the
            registry.
        dropped: columns of the source that are left out.
        notes: duplicates, rule-determined labels, changes of order, odd codes.
        time_column: the column that orders the rows, or None.
    """

    name: str
    group: DatasetGroup
    task: str
    target: str
    source: str
    location: str
    licence: str
    citation: str
    numbers: TableNumbers
    package: str = ""
    checksum: str = field(default="", repr=False)
    dropped: tuple[DroppedColumn, ...] = ()
    notes: tuple[str, ...] = ()
    time_column: str | None = None
