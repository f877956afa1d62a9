"""`qclmixnet decide`."""

from pathlib import Path

from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.decisions import Wish, apply_wish, outlook_table
from qclmixnet.estimators import QCLMixNetClassifier

__all__ = ["run_decide"]


def run_decide(model: Path, *, wish: Wish, save: bool, as_json: bool) -> None:
    """Print what to expect of a rule, and keep it in the model if asked."""
    clf = QCLMixNetClassifier.load(model, device="cpu")
    apply_wish(clf, wish)
    outlook = clf.outlook()
    if save:
        clf.save(model)
    if as_json:
        show_json(
            {
                "model": str(model),
                "saved": save,
                "goes_for": clf.state_.demand.in_words(clf.classes_),
                "classes": [str(label) for label in clf.classes_],
                "outlook": outlook.to_dict(),
            }
        )
        return
    show(outlook_table(outlook, clf))
    if save:
        show(f"{model} now decides so.")
