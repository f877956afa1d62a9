"""The page on one model: `qclmixnet report MODEL FILE` and `train --report`."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.tables import check_columns
from qclmixnet.core.errors import InputError
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.report import describe_model, write_model_page
from qclmixnet.report.page import require_page
from qclmixnet.table import class_codes, read_file

__all__ = ["check_page", "report_held_back", "run_any_report"]

_ENDINGS = (".html", ".htm")


def run_any_report(
    folder: Path,
    file: Path | None,
    *,
    target: str | None,
    out: Path | None,
    ours: str | None,
    as_json: bool,
) -> None:
    """Write the page of a model or of a run, by what the folder holds."""
    if (folder / "model.json").exists():
        if ours is not None:
            raise InputError("--ours is for runs; the page of a model has one method.")
        if file is None:
            raise InputError(
                f"{str(folder)!r} is a model, so the page needs a FILE with rows to "
                f"look at: qclmixnet report {folder} FILE. Use rows that it was not "
                "fitted on."
            )
        page = out or Path(f"{folder.resolve().name}-report.html")
        _report_model(folder, file, target=target, out=page, as_json=as_json)
        return
    if not (folder / "run.json").exists():
        raise InputError(
            f"{str(folder)!r} is neither a model nor a run: expected a folder with "
            "model.json, as `qclmixnet train` writes it, or with run.json, as "
            "`qclmixnet benchmark` does."
        )
    extra = [
        name
        for name, value in (("FILE", file), ("--target", target))
        if value is not None
    ]
    if extra:
        raise InputError(
            f"{str(folder)!r} is a run, whose report needs no {' and no '.join(extra)}."
        )
    from qclmixnet.cli.benchmark import run_report

    run_report(folder, out=out, ours=ours, as_json=as_json)


def check_page(out: Path, *others: Path) -> None:
    """Refuse a place for the page before any work is done.

    Args:
        out: where the page shall be written.
        *others: files that it must not replace.

    Raises:
        InputError: it is no name of a page, a folder, or one of the others.
        MissingExtraError: jinja2 is not installed.
    """
    require_page()
    if out.suffix.lower() not in _ENDINGS:
        raise InputError(
            f"The page must end in {' or '.join(_ENDINGS)}, got {str(out)!r}."
        )
    if out.is_dir():
        raise InputError(f"{str(out)!r} is a folder; name a file for the page.")
    for other in others:
        if out.resolve() == other.resolve():
            raise InputError(f"The page would overwrite {str(other)!r}.")


def _report_model(
    model: Path, file: Path, *, target: str | None, out: Path, as_json: bool
) -> None:
    check_page(out, file)
    clf = QCLMixNetClassifier.load(model)
    frame = read_file(file)
    if target is not None:
        check_columns(frame, [target], source=str(file))
    # A file without classes has a page as well, so the usual name is only looked for.
    name = target or clf.target_name_
    has_classes = name is not None and name in frame.columns
    y = frame[name] if has_classes else None
    X = frame.drop(columns=[name]) if has_classes else frame
    page = describe_model(
        clf,
        X,
        y,
        name=file.name,
        card={"Model": str(model), **_card_of(file)},
    )
    write_model_page(page, out)
    scores = None if page.scored is None else page.scored.scores.to_dict()
    if as_json:
        show_json({"page": str(out), "rows": page.n_rows, "scores": scores})
        return
    if scores is None:
        wanted = f"column {name!r}" if name else "--target"
        show(f"{file} has no classes (no {wanted}): the page has no scores.")
    show(*page.summary[:1], f"Page in {out}")


def report_held_back(
    clf: QCLMixNetClassifier,
    X: pd.DataFrame,
    y: pd.Series,
    *,
    file: Path,
    target: str,
    n_train: int,
    out: Path,
) -> None:
    """Write the page for the rows that `train` kept aside.

    Args:
        clf: fitted on the other rows.
        X: the rows kept aside, with their places in the file as index.
        y: their classes.
        file: the file.
        target: its column of classes.
        n_train: rows that were learned from.
        out: where the page shall be written.
    """
    known = _rows_of_known_classes(clf, y)
    notes = []
    if not known.all():
        notes.append(
            f"{int((~known).sum())} rows are left out here: their classes came up in "
            "no row that was learned from, so the model gets all of them wrong."
        )
    X, y = X[known], y[known]
    page = describe_model(
        clf,
        X,
        y,
        name=f"rows of {file.name} kept aside",
        title=f"Model of {target}, on rows of {file.name} kept aside",
        row_numbers=X.index.to_numpy(dtype=np.int64) + 1,
        card={"Rows learned from": f"{n_train:,}", **_card_of(file)},
        notes=tuple(notes),
    )
    write_model_page(page, out)


def _rows_of_known_classes(clf: QCLMixNetClassifier, y: pd.Series) -> "pd.Series[bool]":
    def is_known(label: object) -> bool:
        try:
            class_codes(pd.Series([label]), clf.classes_)
        except InputError:
            return False
        return True

    known = {label: is_known(label) for label in pd.unique(y)}
    return y.map(known).astype(bool)


def _card_of(file: Path) -> dict[str, str]:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {"File": file.name, "SHA-256 of the file": digest}
