"""`qclmixnet evaluate`."""

from pathlib import Path

from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.fitting import score_classifier
from qclmixnet.cli.score_tables import class_table, confusion_table
from qclmixnet.cli.tables import read_features_and_target
from qclmixnet.core.errors import InputError
from qclmixnet.estimators import QCLMixNetClassifier

__all__ = ["run_evaluate"]


def run_evaluate(
    model: Path, file: Path, *, target: str | None, device: str, as_json: bool
) -> None:
    """Print how a saved classifier does on a file with known classes."""
    clf = QCLMixNetClassifier.load(model, device=device)
    name = target or clf.target_name_
    if name is None:
        raise InputError(
            "The model was fitted on labels without a name; say which column holds "
            "the class with --target."
        )
    X, y = read_features_and_target(file, target=name, drop=[])
    scores = score_classifier(clf, X, y)
    if as_json:
        show_json({"model": str(model), "rows": len(y), **scores.to_dict()})
        return
    title = f"{model} on the {len(y)} rows of {file.name}"
    show(class_table(scores, title=title), confusion_table(scores))
