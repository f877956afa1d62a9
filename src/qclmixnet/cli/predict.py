"""`qclmixnet predict`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.decisions import Wish, apply_wish
from qclmixnet.cli.tables import check_columns
from qclmixnet.core.errors import InputError
from qclmixnet.decision import abstains
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.table.files import read_file, write_file

__all__ = ["Extras", "run_predict"]


@dataclass(frozen=True)
class Extras:
    """What else to write for each row.

    Attributes:
        coverage: share of each class whose own class is among those not ruled out;
            None leaves these away.
        n_reasons: columns that speak most for or against the label.
    """

    coverage: float | None = None
    n_reasons: int = 0


def run_predict(
    model: Path,
    file: Path,
    *,
    out: Path,
    keep: Sequence[str],
    wish: Wish,
    extras: Extras,
    device: str,
    as_json: bool,
) -> None:
    """Write the columns kept, the label, the probabilities and more, row by row."""
    if out.resolve() == file.resolve():
        raise InputError(f"--out would overwrite {str(file)!r}; choose another name.")
    clf = QCLMixNetClassifier.load(model, device=device)
    apply_wish(clf, wish)
    frame = read_file(file)
    check_columns(frame, keep, source=str(file))
    result = _predictions(clf, frame, keep, extras)
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
    clf: QCLMixNetClassifier,
    frame: pd.DataFrame,
    keep: Sequence[str],
    extras: Extras,
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
    features = frame.drop(columns=quiet)
    proba = clf.predict_proba(features)
    made = {"predicted": clf.decide(proba)}
    made |= {
        f"probability_{label}": column
        for label, column in zip(clf.classes_, proba.T, strict=True)
    }
    if extras.coverage is not None:
        made |= _sets(clf, proba, extras.coverage)
    if extras.n_reasons:
        made |= _reasons(clf, features, extras.n_reasons)
    taken = sorted(set(kept) & set(made))
    if taken:
        raise InputError(
            f"Columns to keep have names that the result needs itself: {taken}. "
            "Rename them in the file."
        )
    return pd.concat([frame[kept], pd.DataFrame(made, index=frame.index)], axis=1)


def _sets(
    clf: QCLMixNetClassifier, proba: np.ndarray, coverage: float
) -> dict[str, np.ndarray]:
    """Name the classes not ruled out, and say which rows a person should see."""
    found = clf.sets_of(proba, coverage=coverage)
    labels = [str(label) for label in clf.classes_]
    texts = [
        " | ".join(name for name, is_in in zip(labels, row, strict=True) if is_in)
        for row in found
    ]
    return {
        "not_ruled_out": np.array(texts, dtype=object),
        "for_review": abstains(found),
    }


def _reasons(
    clf: QCLMixNetClassifier, features: pd.DataFrame, n_reasons: int
) -> dict[str, np.ndarray]:
    """Name the columns that moved the log-odds of the label most, and how far."""
    found = clf.explain(features)
    rows = np.arange(len(found.log_odds))
    moved = found.values[rows, :, found.predicted]  # noqa: PD011 - no frame
    order = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :n_reasons]
    out = {}
    for rank, columns in enumerate(order.T, start=1):
        texts = [
            f"{found.columns[k]} = {_cell(found.cells[found.columns[k]][row])} "
            f"({moved[row, k]:+.2f})"
            for row, k in zip(rows, columns, strict=True)
        ]
        out[f"reason_{rank}"] = np.array(texts, dtype=object)
    return out


def _cell(value: Any) -> str:  # noqa: ANN401 - a cell of any column
    if pd.isna(value):
        return "missing"
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)
