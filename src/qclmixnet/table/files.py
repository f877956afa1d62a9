"""Tables in files: CSV, TSV, Parquet, Arrow and JSON lines, told by the ending."""

import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.table.delimited import MISSING_MARKERS, read_delimited
from qclmixnet.table.json_lines import read_json_lines, write_json_lines

__all__ = ["MISSING_MARKERS", "read_file", "write_file"]

_ENDINGS = {
    ".csv": "delimited",
    ".csv.gz": "delimited",
    ".tsv": "delimited",
    ".tsv.gz": "delimited",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
}

# What pandas, pyarrow, gzip and the system raise for a file or a frame they refuse.
_FOREIGN = (
    OSError,
    EOFError,
    zlib.error,
    ValueError,
    TypeError,
    LookupError,
    NotImplementedError,
)


def read_file(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table from a file; the ending tells the format.

    CSV is UTF-8 with one header line; the delimiter is told from the header (comma,
    semicolon, tab or bar). Missing in CSV are the markers in ``MISSING_MARKERS``. CSV
    has no types: codes such as ``007`` come back as the number 7.

    Args:
        path: ends in .csv, .tsv (both also .gz), .parquet, .arrow, .feather, .jsonl
            or .ndjson.

    Returns:
        The table, with at least one row.

    Raises:
        InputError: the file is absent, empty, broken, or of an unknown ending.
        MissingExtraError: the format needs pyarrow, which is not installed.
    """
    path = Path(path)
    form = _format_of(path)
    if path.is_dir():
        raise InputError(f"{str(path)!r} is a folder, not a file.")
    if not path.exists():
        raise InputError(f"There is no file {str(path)!r}.")
    with _one_sentence(path, "read"):
        if not path.stat().st_size:
            raise InputError(f"{path.name!r} is empty.")
        readers: dict[str, Callable[[Path], pd.DataFrame]] = {
            "delimited": read_delimited,
            "parquet": _read_parquet,
            "arrow": _read_arrow,
            "json lines": read_json_lines,
        }
        frame = readers[form](path)
    if not len(frame):
        raise InputError(f"{path.name!r} has columns but no rows.")
    return frame


def write_file(frame: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write a table without its index; the ending tells the format.

    The file appears whole or not at all: it is written beside its place, then moved.

    Args:
        frame: the table; its column names must differ as text.
        path: ends as for ``read_file``.

    Raises:
        InputError: the ending is unknown, a name comes twice, or writing failed.
        MissingExtraError: the format needs pyarrow, which is not installed.
    """
    path = Path(path)
    form = _format_of(path)
    frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    if not frame.columns.is_unique:
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise InputError(f"Column names must differ, but come twice: {twice}.")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with _one_sentence(path, "written"):
            _write(frame, partial, form, tab=".tsv" in path.suffixes)
            os.replace(partial, path)  # noqa: PTH105 - replace must not follow a link
    finally:
        partial.unlink(missing_ok=True)


def _write(frame: pd.DataFrame, partial: Path, form: str, *, tab: bool) -> None:
    if form == "delimited":
        zipped = ".gz" in partial.suffixes
        frame.to_csv(
            partial,
            index=False,
            sep="\t" if tab else ",",
            compression={"method": "gzip", "mtime": 0} if zipped else None,
            lineterminator="\n",
        )
    elif form == "parquet":
        _need_pyarrow("A Parquet file")
        frame.to_parquet(partial, index=False, engine="pyarrow")
    elif form == "arrow":
        _need_pyarrow("An Arrow file")
        import pyarrow.feather

        pyarrow.feather.write_feather(
            frame.reset_index(drop=True), str(partial), compression="uncompressed"
        )
    else:
        write_json_lines(frame, partial)


def _format_of(path: Path) -> str:
    name = path.name.lower()
    for ending, form in _ENDINGS.items():
        if name.endswith(ending):
            return form
    raise InputError(
        f"{path.name!r} has an unknown ending; known are {', '.join(_ENDINGS)}."
    )


@contextmanager
def _one_sentence(path: Path, verb: str) -> Iterator[None]:
    """Turn what a reader or writer raises into one sentence with the file's name."""
    try:
        yield
    except (InputError, MissingExtraError):
        raise
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name!r} is not UTF-8 text (byte {error.object[error.start]:#x}); "
            "save it as UTF-8."
        ) from error
    except _FOREIGN as error:
        first_line = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise InputError(f"{path.name!r} could not be {verb}: {first_line}.") from error


def _need_pyarrow(purpose: str) -> None:
    if find_spec("pyarrow") is None:
        raise MissingExtraError("pyarrow", extra="files", purpose=purpose)


def _read_parquet(path: Path) -> pd.DataFrame:
    _need_pyarrow("A Parquet file")
    return pd.read_parquet(path, engine="pyarrow")


def _read_arrow(path: Path) -> pd.DataFrame:
    """Read the file format, the older Feather format, or a stream."""
    _need_pyarrow("An Arrow file")
    import pyarrow.feather
    import pyarrow.ipc

    with path.open("rb") as opened:
        magic = opened.read(6)
    if magic == b"ARROW1" or magic[:4] == b"FEA1":
        frame = pyarrow.feather.read_table(str(path)).to_pandas()
    else:
        with pyarrow.ipc.open_stream(str(path)) as stream:
            frame = stream.read_all().to_pandas()
    assert isinstance(frame, pd.DataFrame)
    return frame
