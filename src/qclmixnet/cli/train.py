"""`qclmixnet train`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.fitting import score_classifier, split_by_time, split_rows
from qclmixnet.cli.noticing import as_json as as_plain
from qclmixnet.cli.noticing import noticed_lines
from qclmixnet.cli.score_tables import class_table, confusion_table
from qclmixnet.cli.tables import read_own_table
from qclmixnet.core.errors import InputError
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.estimators.persistence import check_destination
from qclmixnet.table import read_labels

__all__ = ["run_train"]


def run_train(
    file: Path,
    *,
    target: str,
    out: Path,
    drop: Sequence[str],
    time_column: str | None,
    test_fraction: float,
    report: Path | None,
    settings: Mapping[str, Any],
    as_json: bool,
) -> None:
    """Fit on a file, print the scores on the part kept aside, save the classifier."""
    check_destination(out)
    if report is not None:
        _check_report(report, file, test_fraction)
    own = read_own_table(file, target=target, drop=drop, time_column=time_column)
    if own.time is None:
        split = split_rows(
            own.X, own.y, test_fraction=test_fraction, seed=settings["random_state"]
        )
    else:
        split = split_by_time(own.X, own.y, own.time, test_fraction=test_fraction)
    clf = QCLMixNetClassifier(**settings, verbose=0 if as_json else 1)
    clf.fit(split.X_train, split.y_train)
    noticed = as_plain(clf.diagnostics_)
    has_test = len(split.y_test) > 0
    scores = None
    if has_test:
        classes = read_labels(own.y, n_rows=len(own.y)).classes
        scores = score_classifier(clf, split.X_test, split.y_test, classes=classes)
    clf.save(out)
    if report is not None:
        from qclmixnet.cli.model_report import report_held_back

        report_held_back(
            clf,
            split.X_test,
            split.y_test,
            file=file,
            target=target,
            n_train=len(split.y_train),
            out=report,
        )
    if as_json:
        show_json(
            {
                "model": str(out),
                "n_train": len(split.y_train),
                "n_test": len(split.y_test),
                "columns": {c.name: c.kind for c in clf.schema_.columns},
                "best_epoch": clf.best_epoch_,
                "stop_reason": clf.stop_reason_,
                "scores": scores.to_dict() if scores else None,
                "diagnostics": noticed,
                "report": None if report is None else str(report),
            }
        )
        return
    show(_describe_schema(clf, len(split.y_train)), *noticed_lines(noticed))
    if scores is None:
        show("No rows were kept aside, so there are no scores (--test-fraction 0).")
    else:
        which = "rows" if own.time is None else "last rows in time"
        title = f"On {len(split.y_test)} {which} of {file.name} kept aside"
        show(class_table(scores, title=title), confusion_table(scores))
    if report is not None:
        show(f"Page on the rows kept aside in {report}")
    show(f"Model saved in {out}. Next: qclmixnet predict {out} FILE --out preds.csv")


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
