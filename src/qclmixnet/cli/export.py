"""`qclmixnet export`."""

from pathlib import Path

import pandas as pd

from qclmixnet.cli.console import show, show_json
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.export import (
    Likeness,
    Parity,
    compare_with_onnx,
    distil,
    export_onnx,
)
from qclmixnet.table.files import read_file

__all__ = ["run_export"]


def run_export(
    model: Path,
    out: Path,
    *,
    check: Path | None,
    distil_from: Path | None,
    as_json: bool,
) -> None:
    """Write a saved classifier as an ONNX file, and compare the two if asked."""
    clf = QCLMixNetClassifier.load(model, device="cpu")
    rows, likeness = _rows_of(clf, check), None
    if distil_from is not None:
        clf, likeness = distil(clf, _rows_of(clf, distil_from))
    export_onnx(clf, out)
    parity = None if rows is None else compare_with_onnx(clf, out, rows)
    decides_for = clf.state_.demand.in_words(clf.classes_)
    if as_json:
        show_json(
            {
                "model": str(model),
                "out": str(out),
                "bytes": out.stat().st_size,
                "goes_for": decides_for,
                "check": None if parity is None else vars(parity),
                "distilled": None if likeness is None else vars(likeness),
            }
        )
        return
    size = out.stat().st_size / 1e6
    show(f"Wrote {out}, {size:.1f} MB. Its labels go for {decides_for}.")
    if likeness is not None:
        show(_of_student(likeness))
    if parity is not None:
        show(_in_words(parity))


def _rows_of(clf: QCLMixNetClassifier, file: Path | None) -> pd.DataFrame | None:
    """Read the rows of a file, without their classes."""
    if file is None:
        return None
    return read_file(file).drop(columns=[clf.target_name_], errors="ignore")


def _of_student(likeness: Likeness) -> str:
    return (
        f"One small network is in it. Of {likeness.n_rows} rows that it did not learn "
        f"from it gives {likeness.same_labels:.1%} the label of the classifier, of the "
        f"worst class {likeness.least_of_a_class:.1%}; probabilities differ by "
        f"{likeness.mean_difference:.2g} on average."
    )


def _in_words(parity: Parity) -> str:
    return (
        f"Of {parity.n_rows} rows, {parity.n_other_labels} get another label than from "
        "the classifier; probabilities differ by at most "
        f"{parity.largest_difference:.1g}."
    )
