"""`qclmixnet predict --ray`: many Parquet files, one Parquet file of predictions."""

import glob
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qclmixnet.cli.predicted_columns import Extras, kept_columns, predictions_of
from qclmixnet.cli.tables import check_columns
from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.decision.alerts import BudgetRule
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.execution import RayCluster
from qclmixnet.execution.ray_rows import map_parquet

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["parquet_files", "predict_on_ray"]


def predict_on_ray(
    clf: QCLMixNetClassifier,
    source: Path,
    out: Path,
    keep: Sequence[str],
    extras: Extras,
    cluster: RayCluster,
) -> Counter[Any]:
    """Predict the rows of Parquet files on a cluster and write them in their order.

    Args:
        clf: a fitted classifier; a copy of it goes to each actor.
        source: a file, a folder or a glob.
        out: the Parquet file to write; it appears whole or not at all.
        keep: columns to copy.
        extras: what else to write.
        cluster: where.

    Returns:
        Rows by predicted label.

    Raises:
        InputError: the files, the columns or the rule do not allow it.
        MissingExtraError: Ray or pyarrow is not installed.
    """
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(
            "pyarrow", extra="ray", purpose="Prediction on Ray"
        ) from error

    if out.suffix != ".parquet":
        raise InputError(f"With --ray, --out must end in .parquet, got {str(out)!r}.")
    if isinstance(clf.state_.rule, BudgetRule):
        raise InputError(
            "A rule that ranks the rows of a file (--top, or a model that is saved "
            "with it) needs all rows at once, and Ray hands them out in parts; leave "
            "out --ray."
        )
    files = parquet_files(source)
    if out.resolve() in [file.resolve() for file in files]:
        raise InputError(f"--out would overwrite {str(out)!r}; choose another name.")
    columns = _columns_to_read(clf, files[0], keep)
    counts: Counter[Any] = Counter(dict.fromkeys(clf.classes_.tolist(), 0))
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    writer = None
    try:
        for rows in map_parquet(
            cluster, files, columns=columns, mapped=_Predicting(clf, keep, extras)
        ):
            if writer is None:
                out.parent.mkdir(parents=True, exist_ok=True)
                writer = pq.ParquetWriter(partial, rows.schema)
            writer.write_table(rows.cast(writer.schema))
            counts.update(rows.column("predicted").to_pylist())
        assert writer is not None
        writer.close()
        os.replace(partial, out)  # noqa: PTH105 - replace must not follow a link
    finally:
        if writer is not None:
            writer.close()
        partial.unlink(missing_ok=True)
    return counts


class _Predicting:
    """From rows of the files to rows of the result."""

    def __init__(
        self, clf: QCLMixNetClassifier, keep: Sequence[str], extras: Extras
    ) -> None:
        self._clf, self._keep, self._extras = clf, tuple(keep), extras

    def __call__(self, rows: "pa.Table") -> "pa.Table":
        import pyarrow as pa

        made = predictions_of(self._clf, rows.to_pandas(), self._keep, self._extras)
        kept = kept_columns(self._clf, rows.column_names, self._keep)
        table = pa.Table.from_pandas(made, preserve_index=False)
        for place, name in enumerate(kept):
            # What is copied keeps the type that the file gives it.
            table = table.set_column(place, rows.schema.field(name), rows.column(name))
        return table.replace_schema_metadata(None)


def parquet_files(source: Path) -> list[Path]:
    """Return the Parquet files that a path stands for.

    Args:
        source: a file, a folder whose files are meant, or a glob.

    Returns:
        The files, sorted by name.

    Raises:
        InputError: there is none.
    """
    if source.is_dir():
        found = sorted(source.glob("*.parquet"))
    elif source.is_file():
        found = [source] if source.suffix == ".parquet" else []
    else:
        found = sorted(Path(name) for name in glob.glob(str(source)))  # noqa: PTH207
        found = [file for file in found if file.suffix == ".parquet"]
    if not found:
        raise InputError(
            f"With --ray, FILE must be Parquet: a file that ends in .parquet, a folder "
            f"of such files, or a glob in quotes; {str(source)!r} is none of these."
        )
    return found


def _columns_to_read(
    clf: QCLMixNetClassifier, file: Path, keep: Sequence[str]
) -> list[str]:
    """Return the columns that are needed, after a look at the first file."""
    import pyarrow.parquet as pq

    try:
        nothing = pq.read_schema(file).empty_table().to_pandas()
    except (OSError, ValueError) as error:
        raise InputError(f"{str(file)!r} is no Parquet file: {error}.") from error
    check_columns(nothing, keep, source=str(file))
    there = [str(name) for name in nothing.columns]
    needed = [name for name in clf.schema_.names if name in there]
    return list(dict.fromkeys([*needed, *kept_columns(clf, there, keep)]))
