"""`qclmixnet predict`."""

from collections.abc import Sequence
from pathlib import Path

from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.decisions import Wish, apply_wish
from qclmixnet.cli.predict_on_ray import predict_on_ray
from qclmixnet.cli.predicted_columns import Extras, predictions_of
from qclmixnet.cli.tables import check_columns
from qclmixnet.core.errors import InputError
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.execution import RayCluster
from qclmixnet.table.files import read_file, write_file

__all__ = ["run_predict"]


def run_predict(
    model: Path,
    file: Path,
    *,
    out: Path,
    keep: Sequence[str],
    wish: Wish,
    extras: Extras,
    device: str,
    cluster: RayCluster | None,
    as_json: bool,
) -> None:
    """Write the columns kept, the label, the probabilities and more, row by row."""
    if out.resolve() == file.resolve():
        raise InputError(f"--out would overwrite {str(file)!r}; choose another name.")
    clf = QCLMixNetClassifier.load(model, device=device if cluster is None else "cpu")
    apply_wish(clf, wish)
    if cluster is None:
        frame = read_file(file)
        check_columns(frame, keep, source=str(file))
        result = predictions_of(clf, frame, keep, extras)
        write_file(result, out)
        counts = {
            label: int((result["predicted"] == label).sum()) for label in clf.classes_
        }
    else:
        counts = predict_on_ray(clf, file, out, keep, extras, cluster)
    n_rows = sum(counts.values())
    by_text = {str(label): n for label, n in counts.items()}
    if as_json:
        show_json({"out": str(out), "rows": n_rows, "predicted": by_text})
        return
    listed = ", ".join(f"{n} x {label}" for label, n in by_text.items())
    show(f"Wrote {n_rows} rows to {out}: {listed}.")
