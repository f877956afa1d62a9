"""Rows of Parquet files through a pool of Ray actors, in their order."""

import logging
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from qclmixnet.core.errors import InputError
from qclmixnet.execution.ray_cluster import RayCluster
from qclmixnet.execution.ray_tasks import count_places

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["map_parquet"]

_REFUSED = "qclmixnet: refused"


def map_parquet(
    cluster: RayCluster,
    files: Sequence[Path],
    *,
    columns: Sequence[str],
    mapped: Callable[["pa.Table"], "pa.Table"],
) -> Iterator["pa.Table"]:
    """Map the rows of files on a cluster and yield what comes of them, in order.

    Each actor has a core and reads the row groups that it maps. Ray's own reader would
    need further cores beside them, and wait for ever where there are none.

    Args:
        cluster: where.
        files: Parquet files that every node can read under the same path.
        columns: those to read.
        mapped: called with one row group at a time, in one actor for each core; must
            pickle.

    Yields:
        Tables, in the order of the files and of the rows in each.

    Raises:
        InputError: `mapped` refused a row, or a file cannot be read.
    """
    with cluster.connected():
        import ray
        from ray.data import ActorPoolStrategy, DataContext

        # It has just given itself a log on the terminal.
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        groups = _row_groups(files)
        rows = ray.data.from_items(groups, override_num_blocks=len(groups)).map_batches(
            _Mapper,
            fn_constructor_args=(pickle.dumps(mapped), list(columns)),
            batch_size=1,
            batch_format="pyarrow",
            compute=ActorPoolStrategy(size=min(count_places(1), len(groups))),
            num_cpus=1,
        )
        batches = rows.iter_batches(batch_size=None, batch_format="pyarrow")
        for batch in cast("Iterable[pa.Table]", batches):
            if batch.column_names == [_REFUSED]:
                raise InputError(batch.column(_REFUSED)[0].as_py())
            yield batch


class _Mapper:
    """Lives in an actor, with a copy of what rows are mapped with."""

    def __init__(self, mapped: bytes, columns: list[str]) -> None:
        # What `map_parquet` has pickled.
        self._mapped = pickle.loads(mapped)  # noqa: S301
        self._columns = columns

    def __call__(self, batch: "pa.Table") -> "pa.Table":
        import pyarrow as pa
        import pyarrow.parquet as pq

        (place,) = batch.to_pylist()
        with pq.ParquetFile(place["file"]) as file:
            rows = file.read_row_group(place["group"], columns=self._columns)
        try:
            return cast("pa.Table", self._mapped(rows))
        except InputError as error:
            # Ray would take an exception apart; what it says gets through as a row.
            return pa.table({_REFUSED: [str(error)]})


def _row_groups(files: Sequence[Path]) -> list[dict[str, object]]:
    """Return where each row group is, empty ones left out."""
    import pyarrow.parquet as pq

    found: list[dict[str, object]] = []
    for path in files:
        try:
            about = pq.read_metadata(path)
        except (OSError, ValueError) as error:
            raise InputError(f"{str(path)!r} is no Parquet file: {error}.") from error
        found += [
            {"file": str(path.resolve()), "group": group}
            for group in range(about.num_row_groups)
            if about.row_group(group).num_rows
        ]
    if not found:
        raise InputError(f"The Parquet files have no rows: {files[0]} and on.")
    return found
