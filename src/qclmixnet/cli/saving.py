"""Saving a fitted classifier, ours or a peer, where nothing else is lost."""

from pathlib import Path
from typing import Any

from qclmixnet.benchmark import OURS
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.estimators.persistence import check_destination

__all__ = ["check_place", "how_to_load", "save_classifier"]

_PEER_FILE = "classifier.joblib"
_MODEL_FILES = ("model.json", "model.safetensors")  # as `QCLMixNetClassifier.save`


def check_place(folder: Path) -> None:
    """Refuse a folder that holds something else than an earlier classifier.

    Args:
        folder: where a classifier shall be saved.

    Raises:
        InputError: it holds something else.
    """
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if names != [_PEER_FILE]:
        check_destination(folder)


def save_classifier(clf: Any, out: Path) -> None:  # noqa: ANN401
    """Save a fitted classifier: ours without pickle, a peer as a joblib file.

    Args:
        clf: the classifier.
        out: the folder, see `check_place`.
    """
    # The classifier of an earlier call goes: two in one folder would be mistaken.
    for name in (_PEER_FILE, *_MODEL_FILES):
        (out / name).unlink(missing_ok=True)
    if isinstance(clf, QCLMixNetClassifier):
        clf.save(out)
        return
    import joblib

    out.mkdir(parents=True, exist_ok=True)
    joblib.dump(clf, out / _PEER_FILE)


def how_to_load(method: str, out: Path) -> str:
    """Say where a saved classifier is and how it is used.

    Args:
        method: its stable name.
        out: the folder.

    Returns:
        The path and a sentence.
    """
    if method in OURS:
        return f"{out}. Next: qclmixnet predict {out} FILE --out preds.csv"
    return (
        f"{out / _PEER_FILE}. Use it with joblib.load(...).predict(frame) and the same "
        "versions of the libraries; load such files only from people you trust."
    )
