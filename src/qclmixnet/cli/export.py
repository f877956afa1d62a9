"""`qclmixnet export`."""

from pathlib import Path

from qclmixnet.cli.console import show, show_json
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.export import Parity, compare_with_onnx, export_onnx
from qclmixnet.table.files import read_file

__all__ = ["run_export"]


def run_export(model: Path, out: Path, *, check: Path | None, as_json: bool) -> None:
    """Write a saved classifier as an ONNX file, and compare the two if asked."""
    clf = QCLMixNetClassifier.load(model, device="cpu")
    rows = None if check is None else read_file(check)
    if rows is not None:
        rows = rows.drop(columns=[clf.target_name_], errors="ignore")
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
            }
        )
        return
    size = out.stat().st_size / 1e6
    show(f"Wrote {out}, {size:.1f} MB. Its labels go for {decides_for}.")
    if parity is not None:
        show(_in_words(parity))


def _in_words(parity: Parity) -> str:
    return (
        f"Of {parity.n_rows} rows, {parity.n_other_labels} get another label than from "
        "the classifier; probabilities differ by at most "
        f"{parity.largest_difference:.1g}."
    )
