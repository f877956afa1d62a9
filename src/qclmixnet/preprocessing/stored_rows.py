"""Encoded rows in files of their own, read by number in bounded memory."""

import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import InputError
from qclmixnet.preprocessing.encoded import EncodedTable
from qclmixnet.preprocessing.encoder import TableEncoder
from qclmixnet.table import Schema, read_table
from qclmixnet.table.shards import ParquetShards

__all__ = ["MOST_KEPT_BYTES", "RowFile", "StoredRows", "store_encoded"]

MOST_KEPT_BYTES = 64 * 2**20
"""Memory for rows of rare classes, which are drawn by number again and again."""

# Linux maps 16 pages around the one that was asked for: 128 MB after so many reads.
_READS_AT_ONCE = 128 * 2**20 // (16 * mmap.PAGESIZE)

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RowFile:
    """A file that holds an array row after row, and nothing else.

    Attributes:
        path: where it is.
        dtype: name of the numbers' type.
        shape: rows and columns; without columns no file is needed.
    """

    path: Path
    dtype: str
    shape: tuple[int, int]

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        return self.shape[0] * self.shape[1] * np.dtype(self.dtype).itemsize

    def mapped(self) -> np.ndarray:
        """Map the file."""
        if self.n_bytes == 0:
            return np.zeros(self.shape, dtype=self.dtype)
        return np.memmap(self.path, dtype=self.dtype, mode="r", shape=self.shape)


@dataclass
class _Mapped:
    """One array in a file, of which no more than a limit stays mapped."""

    array: np.ndarray

    def __post_init__(self) -> None:
        self._n_read = 0

    def take(self, rows: IntArray) -> np.ndarray:
        taken = np.empty((len(rows), self.array.shape[1]), dtype=self.array.dtype)
        for start in range(0, len(rows), _READS_AT_ONCE):
            part = slice(start, start + _READS_AT_ONCE)
            taken[part] = self.array[rows[part]]
            self._n_read += len(taken[part])
            if self._n_read >= _READS_AT_ONCE:
                self._release()
        return taken

    def _release(self) -> None:
        """Give the pages back; the system keeps them as long as it has room."""
        self._n_read = 0
        mapped = getattr(self.array, "_mmap", None)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


class StoredRows:
    """Encoded rows in two files, numbers in one and category codes in the other.

    What is read by number is mapped memory, of which at most 128 MB stay with the
    process, for each of the two; rows that are `keep`-ed are in memory for good.

    Args:
        x_num: the numbers.
        x_cat: the category codes.
    """

    def __init__(self, x_num: RowFile, x_cat: RowFile) -> None:
        self.files = (x_num, x_cat)
        """Where the rows are."""
        self._num, self._cat = _Mapped(x_num.mapped()), _Mapped(x_cat.mapped())
        self._kept_rows = np.zeros(0, dtype=np.int64)
        self._kept: EncodedTable | None = None

    @property
    def n_rows(self) -> int:
        """Rows there are."""
        return len(self._num.array)

    @property
    def n_num(self) -> int:
        """Numbers of a row."""
        return int(self._num.array.shape[1])

    @property
    def n_cat(self) -> int:
        """Category codes of a row."""
        return int(self._cat.array.shape[1])

    @property
    def bytes_per_row(self) -> int:
        """What a row takes in memory."""
        return 4 * self.n_num + 8 * self.n_cat

    @property
    def kept_rows(self) -> IntArray:
        """The rows that are held in memory."""
        return self._kept_rows

    def keep(self, rows: IntArray) -> None:
        """Hold some rows in memory from now on.

        Args:
            rows: their numbers, increasing.
        """
        self._kept, self._kept_rows = self._from_files(rows), rows

    def take(self, rows: IntArray) -> EncodedTable:
        """Return the named rows, in that order, in memory."""
        if self._kept is None or not len(self._kept_rows):
            return self._from_files(rows)
        place = np.searchsorted(self._kept_rows, rows)
        place[place == len(self._kept_rows)] = 0
        is_kept = self._kept_rows[place] == rows
        x_num = np.empty((len(rows), self.n_num), dtype=np.float32)
        x_cat = np.empty((len(rows), self.n_cat), dtype=np.int64)
        kept = self._kept.take(place[is_kept])
        x_num[is_kept], x_cat[is_kept] = kept.x_num, kept.x_cat
        read = self._from_files(rows[~is_kept])
        x_num[~is_kept], x_cat[~is_kept] = read.x_num, read.x_cat
        return EncodedTable(x_num, x_cat, {})

    def _from_files(self, rows: IntArray) -> EncodedTable:
        x_num, x_cat = self._num.take(rows), self._cat.take(rows)
        return EncodedTable(x_num, x_cat.astype(np.int64), {})


def store_encoded(
    shards: ParquetShards,
    encoder: TableEncoder,
    schema: Schema,
    *,
    columns: Sequence[str],
    folder: Path,
    on_rows: Callable[[int], None] | None = None,
) -> StoredRows:
    """Encode a table in files, block by block, into files that are read by number.

    Args:
        shards: the table.
        encoder: a fitted encoder.
        schema: what it was fitted by.
        columns: the columns of the schema.
        folder: where the two files go; it exists.
        on_rows: called with the number of rows after each block.

    Returns:
        The rows.

    Raises:
        InputError: the files changed since they were scanned, or there is no room.
    """
    n_rows, n_num = shards.n_rows, len(encoder.numeric_names)
    n_cat = len(encoder.cardinalities)
    small = max(encoder.cardinalities, default=0) < np.iinfo(np.int16).max
    paths = folder / "x_num.bin", folder / "x_cat.bin"
    try:
        with paths[0].open("wb") as num, paths[1].open("wb") as cat:
            for block in shards.blocks(columns):
                part = encoder.encode(read_table(block.rows, schema))
                part.x_num.tofile(num)
                part.x_cat.astype(np.int16 if small else np.int32).tofile(cat)
                if on_rows is not None:
                    on_rows(part.n_rows)
    except OSError as error:
        needed = n_rows * (4 * n_num + (2 if small else 4) * n_cat) / 2**20
        raise InputError(
            f"The encoded rows could not be written to {str(folder)!r} ({error}); they "
            f"take {needed:,.0f} MB. Choose another folder with the environment "
            "variable TMPDIR."
        ) from error
    codes = "int16" if small else "int32"
    return StoredRows(
        RowFile(paths[0], "float32", (n_rows, n_num)),
        RowFile(paths[1], codes, (n_rows, n_cat)),
    )
