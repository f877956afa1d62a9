"""Loading a table by its name, from a file, or from OpenML."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

import pandas as pd

from qclmixnet.core.errors import InputError, InputTypeError
from qclmixnet.datasets.cards import DatasetCard
from qclmixnet.datasets.integrity import measure_table, verify_table
from qclmixnet.datasets.openml import PREFIX, load_openml
from qclmixnet.datasets.packages import require_package
from qclmixnet.datasets.registry import CARDS, find_card
from qclmixnet.datasets.sources import READERS

__all__ = ["Dataset", "load_dataset"]

# A string that ends in one of these is meant as a path, even if no file is there.
FILE_ENDINGS = (
    ".csv",
    ".tsv",
    ".csv.gz",
    ".tsv.gz",
    ".parquet",
    ".arrow",
    ".feather",
    ".jsonl",
    ".ndjson",
)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A table ready for a classifier, with what is known about it.

    Attributes:
        name: the name it was loaded by.
        frame: the features; categories as pandas categories of text, missing cells
            as NaN.
        target: the labels, named after their column.
        description: source, licence, citation, dropped columns and notes.
    """

    name: str
    frame: pd.DataFrame
    target: pd.Series
    description: DatasetCard

    @property
    def n_rows(self) -> int:
        """Rows of the table."""
        return len(self.frame)

    @property
    def classes(self) -> tuple[object, ...]:
        """The distinct labels, sorted."""
        return tuple(sorted(self.target.dropna().unique().tolist()))

    @property
    def imbalance_ratio(self) -> float:
        """Rows of the largest class per row of the smallest one."""
        counts = self.target.value_counts()
        return float(counts.max() / counts[counts > 0].min())

    def __repr__(self) -> str:
        numbers = self.description.numbers
        kinds = [f"{numbers.n_num} numeric", f"{numbers.n_cat} categorical"]
        if numbers.n_date:
            kinds.append(f"{numbers.n_date} date")
        lines = [
            f"Dataset {self.name!r}: {self.description.task}",
            f"  rows      {self.n_rows:,} ({numbers.n_missing:,} missing cells)",
            f"  features  {' + '.join(kinds)}",
            f"  target    {self.target.name!r}, {len(self.classes)} classes, "
            f"imbalance {self.imbalance_ratio:.1f} : 1",
            f"  source    {self.description.source}",
            f"  licence   {self.description.licence}",
        ]
        return "\n".join(lines)


@overload
def load_dataset(
    name_or_path: str | Path,
    *,
    target: str | None = ...,
    return_X_y: Literal[False] = ...,
) -> Dataset: ...


@overload
def load_dataset(
    name_or_path: str | Path,
    *,
    target: str | None = ...,
    return_X_y: Literal[True],
) -> tuple[pd.DataFrame, pd.Series]: ...


def load_dataset(
    name_or_path: object,
    *,
    target: str | None = None,
    return_X_y: bool = False,
) -> Dataset | tuple[pd.DataFrame, pd.Series]:
    """Load a table of the registry, a local file, or a table from OpenML.

    A table of the registry is read from the installed data packages and checked
    against its stored checksum; nothing is downloaded, imputed or encoded.

    Args:
        name_or_path: a name from `list_datasets`, the path of a CSV, TSV, Parquet,
            Arrow or JSON-lines file, or ``"openml:<name or id>"``.
        target: the label column; needed for a file, optional for OpenML, and
            fixed for a table of the registry.
        return_X_y: return the features and the labels alone, as scikit-learn does.

    Returns:
        A `Dataset`, or the pair of its frame and its target.

    Raises:
        InputError: an unknown name, a missing file or column, OpenML out of reach,
            or a data package of another version.
        InputTypeError: `name_or_path` is neither text nor a path.
        MissingExtraError: the data package is not installed.

    >>> load_dataset("car").classes
    ('acc', 'good', 'unacc', 'vgood')
    """
    if not isinstance(name_or_path, str | Path):
        raise InputTypeError(
            f"`name_or_path` must be a name or a path, got {name_or_path!r}."
        )
    frame, labels, card = _load(name_or_path, target)
    if return_X_y:
        return frame, labels
    return Dataset(card.name, frame, labels, card)


def _load(
    wanted: str | Path, target: str | None
) -> tuple[pd.DataFrame, pd.Series, DatasetCard]:
    if isinstance(wanted, Path) or _looks_like_path(wanted):
        return _load_file(Path(wanted), target)
    if wanted.startswith(PREFIX):
        return load_openml(wanted.removeprefix(PREFIX).strip(), target=target)
    card = find_card(wanted)
    if target not in (None, card.target):
        raise InputError(
            f"The target of dataset {wanted!r} is {card.target!r}, got `target` "
            f"{target!r}; leave it out."
        )
    require_package(card.package, purpose=f"Dataset {wanted!r}")
    frame, labels = READERS[card.name]()
    labels = labels.rename(card.target)
    verify_table(frame, labels, card)
    return frame, labels, card


def _looks_like_path(wanted: str) -> bool:
    if wanted in CARDS or wanted.startswith(PREFIX):
        return False
    return wanted.lower().endswith(FILE_ENDINGS) or Path(wanted).is_file()


def _load_file(
    path: Path, target: str | None
) -> tuple[pd.DataFrame, pd.Series, DatasetCard]:
    from qclmixnet.table.files import read_file

    frame = read_file(path)
    columns = ", ".join(map(str, frame.columns))
    if target is None:
        raise InputError(
            f"`target` must name the label column of {str(path)!r}; columns are "
            f"{columns}."
        )
    if target not in frame.columns:
        raise InputError(
            f"`target` {target!r} is not a column of {str(path)!r}; columns are "
            f"{columns}."
        )
    labels = frame[target]
    features = frame.drop(columns=target)
    card = DatasetCard(
        name=path.name,
        group="file",
        task=f"Predict {target!r}.",
        target=target,
        source="a local file",
        location=str(path),
        licence="not stated",
        citation="not stated",
        numbers=measure_table(features, labels),
    )
    return features, labels, card
