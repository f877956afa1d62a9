"""`qclmixnet train`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.fitting import score_classifier, split_by_time, split_rows
from qclmixnet.cli.noticing import as_json as as_plain
from qclmixnet.cli.noticing import noticed_lines
from qclmixnet.cli.score_tables import class_table, confusion_table
from qclmixnet.cli.tables import read_own_table
from qclmixnet.core.errors import InputError
from qclmixnet.core.seeding import spawn_seeds
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.estimators.persistence import check_destination
from qclmixnet.execution import Workers
from qclmixnet.table import ParquetShards, read_labels

__all__ = ["Wanted", "is_streamed", "run_train", "run_train_streamed"]

_MOST_TESTED = 100_000


@dataclass(frozen=True)
class Wanted:
    """What `train` is asked for, whatever it learns from.

    Attributes:
        target: column of the class.
        out: folder for the model.
        drop: columns to leave out.
        time_column: column of times to split by.
        test_fraction: share of the rows to keep aside.
        report: where a page on these goes, if anywhere.
        checkpoint: folder where the fit is written down while it runs, if any.
        workers: who trains, of files that are read in parts; None for this process.
        settings: arguments of the classifier.
        as_json: print one JSON object.
    """

    target: str
    out: Path
    drop: Sequence[str]
    time_column: str | None
    test_fraction: float
    report: Path | None
    checkpoint: Path | None
    workers: Workers | None
    settings: Mapping[str, Any]
    as_json: bool

    def classifier(self) -> QCLMixNetClassifier:
        """Return the classifier that is to be fitted."""
        return QCLMixNetClassifier(**self.settings, verbose=0 if self.as_json else 1)


@dataclass(frozen=True)
class _KeptAside:
    """Rows that were not learned from, and what they are called."""

    X: pd.DataFrame
    y: pd.Series
    classes: np.ndarray
    title: str


def is_streamed(source: str) -> bool:
    """Say whether a source is a folder, a glob or an address, not one local file.

    >>> [is_streamed(s) for s in ("a.parquet", "data/*.parquet", "s3://b/a.parquet")]
    [False, True, True]
    """
    path = Path(source)
    has_magic = any(sign in source for sign in "*?[") and not path.exists()
    return "://" in source or has_magic or path.is_dir()


def run_train(file: Path, wanted: Wanted) -> None:
    """Fit on a file, print the scores on the part kept aside, save the classifier."""
    check_destination(wanted.out)
    if wanted.report is not None:
        _check_report(wanted.report, file, wanted.test_fraction)
    own = read_own_table(
        file, target=wanted.target, drop=wanted.drop, time_column=wanted.time_column
    )
    fraction = wanted.test_fraction
    if own.time is None:
        seed = wanted.settings["random_state"]
        split = split_rows(own.X, own.y, test_fraction=fraction, seed=seed)
    else:
        split = split_by_time(own.X, own.y, own.time, test_fraction=fraction)
    clf = wanted.classifier()
    clf.fit(split.X_train, split.y_train, checkpoint_dir=wanted.checkpoint)
    which = "rows" if own.time is None else "last rows in time"
    kept = _KeptAside(
        split.X_test,
        split.y_test,
        read_labels(own.y, n_rows=len(own.y)).classes,
        f"On {len(split.y_test)} {which} of {file.name} kept aside",
    )
    _finish(clf, wanted, kept, file=file, n_train=len(split.y_train))


def run_train_streamed(source: str, wanted: Wanted) -> None:
    """Fit on Parquet files without loading them, else like `run_train`."""
    check_destination(wanted.out)
    if wanted.report is not None:
        _check_report(wanted.report, Path(source), wanted.test_fraction)
    if wanted.time_column is not None:
        raise InputError(
            "--time-column sorts all rows by time, which needs the table in memory. "
            "Give one file without --stream, or write the last rows in time to a file "
            "of their own and use --test-fraction 0 and `qclmixnet evaluate`."
        )
    if wanted.workers is not None and Path(source).is_file():
        _check_parquet(Path(source))
    shards = ParquetShards.open(source)
    shards.check_columns([wanted.target, *wanted.drop])
    n_test = min(round(wanted.test_fraction * shards.n_rows), _MOST_TESTED)
    seed = spawn_seeds(wanted.settings["random_state"], 1)[0]
    drawn = np.random.default_rng(seed).choice(shards.n_rows, n_test, replace=False)
    rows = np.sort(drawn)
    clf = wanted.classifier()
    clf.fit_parquet(
        shards.without(rows) if n_test else shards,
        target=wanted.target,
        drop=wanted.drop,
        checkpoint_dir=wanted.checkpoint,
        workers=wanted.workers,
    )
    tested = shards.read(rows).to_pandas() if n_test else pd.DataFrame()
    labels = tested.get(wanted.target, pd.Series(dtype=object))
    both = [*clf.classes_.tolist(), *labels.tolist()]
    kept = _KeptAside(
        tested.drop(columns=[wanted.target, *wanted.drop]) if n_test else tested,
        labels,
        read_labels(both, n_rows=len(both)).classes,
        f"On {n_test} rows of {source} kept aside",
    )
    n_train = shards.n_rows - n_test
    _finish(clf, wanted, kept, file=Path(source), n_train=n_train)


def _finish(
    clf: QCLMixNetClassifier,
    wanted: Wanted,
    kept: _KeptAside,
    *,
    file: Path,
    n_train: int,
) -> None:
    """Score, save and report a fitted classifier."""
    noticed = as_plain(clf.diagnostics_)
    scores = None
    if len(kept.y):
        scores = score_classifier(clf, kept.X, kept.y, classes=kept.classes)
    clf.save(wanted.out)
    if wanted.report is not None:
        from qclmixnet.cli.model_report import report_held_back

        report_held_back(
            clf,
            kept.X,
            kept.y,
            file=file,
            target=wanted.target,
            n_train=n_train,
            out=wanted.report,
        )
    if wanted.as_json:
        show_json(
            {
                "model": str(wanted.out),
                "n_train": n_train,
                "n_test": len(kept.y),
                "columns": {c.name: c.kind for c in clf.schema_.columns},
                "best_epoch": clf.best_epoch_,
                "stop_reason": clf.stop_reason_,
                "scores": scores.to_dict() if scores else None,
                "diagnostics": noticed,
                "report": None if wanted.report is None else str(wanted.report),
            }
        )
        return
    show(_describe_schema(clf, n_train), *noticed_lines(noticed))
    if scores is None:
        show("No rows were kept aside, so there are no scores (--test-fraction 0).")
    else:
        show(class_table(scores, title=kept.title), confusion_table(scores))
    if wanted.report is not None:
        show(f"Page on the rows kept aside in {wanted.report}")
    out = wanted.out
    show(f"Model saved in {out}. Next: qclmixnet predict {out} FILE --out preds.csv")


def _check_parquet(file: Path) -> None:
    if file.suffix != ".parquet":
        raise InputError(
            f"With --ray rows are read in parts, from Parquet files, and {str(file)!r} "
            "is none by its name. Write it as Parquet, or leave out --ray."
        )


def _check_report(report: Path, file: Path, test_fraction: float) -> None:
    """Refuse before the fit what could not be written after it."""
    from qclmixnet.cli.model_report import check_page

    check_page(report, file)
    if test_fraction == 0:
        raise InputError(
            "--report is about the rows kept aside, and --test-fraction 0 keeps none. "
            "Use a larger one, or `qclmixnet report MODEL FILE` with new rows."
        )


def _describe_schema(clf: QCLMixNetClassifier, n_rows: int) -> str:
    """Say in a sentence or two what the table was taken to be."""
    counts: dict[str, int] = {}
    for column in clf.schema_.columns:
        counts[column.kind] = counts.get(column.kind, 0) + 1
    kinds = ", ".join(f"{n} {kind}" for kind, n in counts.items())
    line = f"Learned from {n_rows} rows; columns: {kinds}."
    left_out = [
        f"{column.name} ({column.kind})"
        for column in clf.schema_.columns
        if column.kind in ("constant", "id")
    ]
    if left_out:
        line += f" Left out: {', '.join(left_out)}."
    return f"{line} Kept epoch {clf.best_epoch_} of {clf.n_iter_}."
