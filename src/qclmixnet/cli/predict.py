"""`qclmixnet predict`."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.tables import check_columns
from qclmixnet.core.errors import InputError
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.table.files import read_file, write_file

__all__ = ["run_predict"]


def run_predict(
    model: Path,
    file: Path,
    *,
    out: Path,
    keep: Sequence[str],
    device: str,
    as_json: bool,
) -> None:
    """Write the columns kept, the label and the probabilities, row by row."""
    if out.resolve() == file.resolve():
        raise InputError(f"--out would overwrite {str(file)!r}; choose another name.")
    clf = QCLMixNetClassifier.load(model, device=device)
    frame = read_file(file)
    check_columns(frame, keep, source=str(file))
    result = _predictions(clf, frame, keep)
    write_file(result, out)
    counts = {
        str(label): int((result["predicted"] == label).sum()) for label in clf.classes_
    }
    if as_json:
        show_json({"out": str(out), "rows": len(result), "predicted": counts})
        return
    listed = ", ".join(f"{n} x {label}" for label, n in counts.items())
    show(f"Wrote {len(result)} rows to {out}: {listed}.")


def _predictions(
    clf: QCLMixNetClassifier, frame: pd.DataFrame, keep: Sequence[str]
) -> pd.DataFrame:
    ids = [name for name in clf.schema_.of_kind("id") if name in frame.columns]
    kept = list(dict.fromkeys([*ids, *keep]))
    # The columns asked for and the class itself are no surprise: no warning of extras.
    known = set(clf.schema_.names)
    quiet = [
        name
        for name in frame.columns
        if name not in known and (name in kept or name == clf.target_name_)
    ]
    proba = clf.predict_proba(frame.drop(columns=quiet))
    names = [f"probability_{label}" for label in clf.classes_]
    taken = sorted(set(kept) & {"predicted", *names})
    if taken:
        raise InputError(
            f"Columns to keep have names that the result needs itself: {taken}. "
            "Rename them in the file."
        )
    out = frame[kept].copy()
    out["predicted"] = clf.decide(proba)
    out[names] = proba
    return out
