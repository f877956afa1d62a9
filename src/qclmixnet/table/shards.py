"""A table in one or many Parquet files, read in blocks and never as a whole."""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import InputError, InputTypeError, MissingExtraError
from qclmixnet.table.problems import quoted

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BLOCK_ROWS", "Block", "ParquetShards"]

BLOCK_ROWS = 65_536
"""Rows in a block. Blocks do not end where files do, so that the same rows in more or
fewer files give the same blocks."""


@dataclass(frozen=True)
class _Shard:
    """One file.

    Attributes:
        name: its address.
        file_system: where it is.
        path: its name there.
        n_rows: its rows.
    """

    name: str
    file_system: Any
    path: str
    n_rows: int


@dataclass(frozen=True)
class Block:
    """Some rows, and where they come from.

    Attributes:
        start: number of the first row in the table.
        rows: the rows, a pyarrow table.
        shards: the files that they are from.
    """

    start: int
    rows: "pa.Table"
    shards: tuple[str, ...]


@dataclass(frozen=True)
class ParquetShards:
    """Parquet files of one schema, as one table in the order of their names.

    Attributes:
        names: the columns.
        schema: their types.
        shards: the files that have rows.
        left_out: for each row of the files, whether it is skipped; None for no row.
    """

    names: tuple[str, ...]
    schema: "pa.Schema"
    shards: tuple[_Shard, ...]
    left_out: npt.NDArray[np.bool_] | None = None

    @classmethod
    def open(cls, source: object) -> "ParquetShards":
        """Find the files and compare their schemas; reads no rows.

        Args:
            source: a file, a folder (with all ``.parquet`` files in it and below,
                but those whose name starts with a dot or an underscore), a glob, any
                address that fsspec knows, or a list of these.

        Returns:
            The table; files without rows are skipped.

        Raises:
            InputError: there is no file, one is broken or of another schema, or there
                are no rows; the message names the file.
            MissingExtraError: pyarrow is not installed.
        """
        if find_spec("pyarrow") is None:
            raise MissingExtraError("pyarrow", extra="files", purpose="Parquet")
        found = _find(source)
        first: pa.Schema = None
        shards = []
        for name, file_system, path in found:
            schema, n_rows = _footer(name, file_system, path)
            if first is None:
                first = schema
            else:
                _compare(name, schema, found[0][0], first)
            if n_rows:
                shards.append(_Shard(name, file_system, path, n_rows))
        if not shards:
            raise InputError(f"{_shown(source)} has columns but no rows.")
        names = list(first.names)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(
                "Column names must differ, but these come more than once: "
                f"{quoted(twice)}; rename or drop the extra columns."
            )
        return cls(tuple(names), first, tuple(shards))

    @property
    def n_rows(self) -> int:
        """Rows, without those left out."""
        skipped = 0 if self.left_out is None else int(self.left_out.sum())
        return self._n_stored - skipped

    @property
    def _n_stored(self) -> int:
        return sum(shard.n_rows for shard in self.shards)

    def check_columns(self, names: Sequence[str]) -> None:
        """Refuse names that are not columns, all in one sentence.

        Args:
            names: columns that must be there.

        Raises:
            InputError: at least one is not there.
        """
        missing = [name for name in names if name not in self.names]
        if not missing:
            return
        close = difflib.get_close_matches(missing[0], self.names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        shown = ", ".join(self.names[:20])
        more = f" and {len(self.names) - 20} more" if len(self.names) > 20 else ""
        raise InputError(
            f"{self.shards[0].name} has no column {quoted(missing)}.{hint} Its "
            f"columns: {shown}{more}."
        )

    def without(self, rows: npt.NDArray[np.int64]) -> "ParquetShards":
        """Return the table without some of its rows, the others numbered anew.

        Args:
            rows: numbers of the rows to skip, of a table that skips none yet.

        Returns:
            The other rows.
        """
        assert self.left_out is None
        left_out = np.zeros(self._n_stored, dtype=bool)
        left_out[rows] = True
        return replace(self, left_out=left_out)

    def read(
        self, rows: npt.NDArray[np.int64], columns: Sequence[str] | None = None
    ) -> "pa.Table":
        """Read some rows into memory.

        Args:
            rows: their numbers, increasing, at least one.
            columns: the columns wanted; None for all.

        Returns:
            The rows, in that order.
        """
        import pyarrow as pa

        parts = []
        for block in self.blocks(columns):
            end = block.start + block.rows.num_rows
            low, high = np.searchsorted(rows, [block.start, end])
            if high > low:
                parts.append(block.rows.take(pa.array(rows[low:high] - block.start)))
        return pa.concat_tables(parts)

    def blocks(self, columns: Sequence[str] | None = None) -> Iterator[Block]:
        """Go through the rows once, some ten thousands at a time.

        Args:
            columns: the columns wanted, in that order; None for all.

        Yields:
            Blocks of `BLOCK_ROWS` rows, the last one with what is left.

        Raises:
            InputError: a file cannot be read further; the message names it.
        """
        import pyarrow as pa

        waiting: list[pa.Table] = []
        names: list[str] = []
        start = n_waiting = 0
        for name, part in self._parts(list(columns or self.names)):
            waiting.append(part)
            n_waiting += part.num_rows
            names = [*names, name] if name not in names else names
            while n_waiting >= BLOCK_ROWS:
                joined = pa.concat_tables(waiting)
                yield Block(start, joined.slice(0, BLOCK_ROWS), tuple(names))
                start += BLOCK_ROWS
                n_waiting -= BLOCK_ROWS
                waiting = [joined.slice(BLOCK_ROWS)] if n_waiting else []
                names = [name]
        if n_waiting:
            yield Block(start, pa.concat_tables(waiting), tuple(names))

    def _parts(self, columns: list[str]) -> Iterator[tuple[str, "pa.Table"]]:
        """Go through the files, rows left out skipped."""
        import pyarrow as pa

        done = 0
        for shard in self.shards:
            n_read = 0
            for table in _read_parts(shard, columns):
                part = table
                first, n_read = done + n_read, n_read + part.num_rows
                if self.left_out is not None:
                    kept = ~self.left_out[first : first + part.num_rows]
                    part = part.filter(pa.array(kept))
                if part.num_rows:
                    yield shard.name, part
            if n_read != shard.n_rows:
                raise InputError(
                    f"{shard.name!r} has {n_read} rows, but had {shard.n_rows} when it "
                    "was opened; do not write to the files during a fit."
                )
            done += n_read


def _read_parts(shard: _Shard, columns: list[str]) -> Iterator["pa.Table"]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _naming(shard.name), shard.file_system.open(shard.path, "rb") as opened:
        # Page by page: a row group may be as large as the file.
        file = pq.ParquetFile(
            opened,
            pre_buffer=False,
            buffer_size=1 << 20,
            page_checksum_verification=True,
        )
        for batch in file.iter_batches(BLOCK_ROWS // 2, columns=columns):
            yield pa.Table.from_batches([batch]).select(columns)


def _find(source: object) -> list[tuple[str, Any, str]]:
    """Return name, file system and path of each file, by name within each source."""
    from fsspec.core import has_magic, url_to_fs

    if not isinstance(source, str | PathLike):
        if not isinstance(source, Sequence) or not source:
            raise InputTypeError(
                "`source` must be a path, a glob, an address or a list of these, got "
                f"{source!r}."
            )
        return [found for each in source for found in _find(each)]
    text = str(source)
    try:
        file_system, path = url_to_fs(text)
        if file_system.isdir(path):
            paths = [p for p in file_system.find(path) if _is_shard(p, path)]
            where = f"{text!r} is a folder without a .parquet file."
        elif has_magic(path):
            paths = [p for p in file_system.glob(path) if file_system.isfile(p)]
            where = f"No file matches {text!r}."
        else:
            paths = [path] if file_system.exists(path) else []
            where = f"There is no file {text!r}."
    except (OSError, ValueError, ImportError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise InputError(f"{text!r} could not be opened: {first}.") from error
    if not paths:
        raise InputError(where)
    is_local = "file" in file_system.protocol
    return [
        (p if is_local else file_system.unstrip_protocol(p), file_system, p)
        for p in sorted(paths)
    ]


def _is_shard(path: str, folder: str) -> bool:
    below = path[len(folder) :].strip("/").split("/")
    hidden = any(part.startswith((".", "_")) for part in below)
    return path.endswith(".parquet") and not hidden


def _footer(name: str, file_system: Any, path: str) -> tuple["pa.Schema", int]:  # noqa: ANN401
    import pyarrow.parquet as pq

    with _naming(name), file_system.open(path, "rb") as opened:
        file = pq.ParquetFile(opened)
        return file.schema_arrow.remove_metadata(), file.metadata.num_rows


def _compare(name: str, found: "pa.Schema", first: str, wanted: "pa.Schema") -> None:
    lacking = [column for column in wanted.names if column not in found.names]
    extra = [column for column in found.names if column not in wanted.names]
    other = [
        f"{column!r} is {found.field(column).type} (there {wanted.field(column).type})"
        for column in wanted.names
        if column in found.names
        and found.names.count(column) == wanted.names.count(column) == 1
        and found.field(column).type != wanted.field(column).type
    ]
    said = []
    if lacking:
        said.append(f"it lacks {quoted(lacking)}")
    if extra:
        said.append(f"it also has {quoted(extra)}")
    said += other
    if said:
        raise InputError(
            f"{name!r} has another schema than {first!r}: {'; '.join(said)}. Write all "
            "files with the same columns and types, or name only those that belong "
            "together."
        )


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Turn what pyarrow and file systems raise into a sentence with the file's name."""
    try:
        yield
    except InputError:
        raise
    except (OSError, EOFError, ValueError, NotImplementedError, LookupError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise InputError(
            f"{name!r} could not be read: {first}. Write the file again, or leave it "
            "out."
        ) from error


def _shown(source: object) -> str:
    return repr(str(source)) if isinstance(source, str | PathLike) else "The list"
