"""Does an exported model say what the classifier says, where there is no classifier?

    python benchmarks/onnx_parity.py [--tables german,yeast] [--max-epochs 2]

Fits the default preset on the first of five folds of every table of the suite, exports
it, and scores the rows left out with `benchmarks/onnx_alone.py` in an environment that
holds onnxruntime and what that brings, no torch and no scikit-learn. A row for each
table goes to `benchmarks/results/onnx_parity.csv`; tables that have one are not fitted
again. How long a model was trained does not matter to how it is exported, so
`--max-epochs` may cut the fits of large tables short; the rows say so.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from rows import append_row, stored_rows

from qclmixnet import QCLMixNetClassifier
from qclmixnet.benchmark import RunDescription
from qclmixnet.benchmark.folded_tables import FoldedTables
from qclmixnet.datasets import list_datasets
from qclmixnet.export import export_onnx
from qclmixnet.table import read_table

HERE = Path(__file__).parent
ROWS = HERE / "results" / "onnx_parity.csv"
COLUMNS = (
    *("table", "fold", "max_epochs", "n_train", "n_test", "n_columns", "n_classes"),
    *("n_other_labels", "largest_difference", "file_kb", "environment"),
)
FOREIGN = {"torch", "scikit-learn", "scipy", "pandas", "onnx", "qclmixnet"}
SUITE = tuple(list_datasets("suite").sort_values("rows")["name"])


def make_environment(folder: Path) -> tuple[Path, str]:
    """Return the Python of an environment with onnxruntime alone, and what is in it."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet"]
        pins = HERE.parent / "constraints.txt"
        subprocess.run([*pip, "-c", pins, "onnxruntime"], check=True)
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    names = {line.split("==")[0].lower() for line in listed}
    assert not names & FOREIGN, names & FOREIGN
    kept = [line for line in listed if line.split("==")[0] in ("numpy", "onnxruntime")]
    return python, " ".join(sorted(kept))


def write_rows(clf: QCLMixNetClassifier, X: pd.DataFrame, path: Path) -> None:
    """Write rows as texts: numbers to the last digit, missing cells empty."""
    table = read_table(X, clf.schema_)
    pd.DataFrame(dict(table.columns)).to_csv(path, index=False)


def compare(
    name: str, python: Path, folder: Path, max_epochs: int | None
) -> dict[str, object]:
    """Fit, export, score elsewhere, and say how the two differ."""
    tables = FoldedTables(RunDescription(SUITE, ("qclmixnet",), n_folds=5), None)
    table, fold = tables.get(name), tables.folds(name, 0)[0]
    labels = np.asarray(table.classes)[table.codes]
    clf = QCLMixNetClassifier(max_epochs=max_epochs, random_state=0, device="cpu")
    clf.fit(table.frame.iloc[fold.train], labels[fold.train])
    X = table.frame.iloc[fold.test]
    model, rows, scored = (folder / n for n in ("m.onnx", "rows.csv", "scored.csv"))
    export_onnx(clf, model)
    write_rows(clf, X, rows)
    command = [python, "-I", HERE / "onnx_alone.py", model, rows, scored]
    subprocess.run(command, check=True)
    found = pd.read_csv(scored, header=None, dtype={0: str}, keep_default_na=False)
    proba = clf.predict_proba(X)
    said = [str(label) for label in clf.decide(proba).tolist()]
    difference = np.abs(found.iloc[:, 1:].to_numpy(dtype=np.float64) - proba)
    return {
        "table": name,
        "fold": 0,
        "max_epochs": max_epochs,
        "n_train": len(fold.train),
        "n_test": len(fold.test),
        "n_columns": len(clf.schema_.used),
        "n_classes": len(clf.classes_),
        "n_other_labels": int((found[0].to_numpy() != np.array(said)).sum()),
        "largest_difference": f"{difference.max():.2g}",
        "file_kb": round(model.stat().st_size / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=",".join(SUITE))
    parser.add_argument("--max-epochs", type=int, help="to cut the fits short")
    parser.add_argument(
        "--environment",
        type=Path,
        default=Path(tempfile.gettempdir()) / "qclmixnet-onnx-alone",
    )
    arguments = parser.parse_args()
    python, packages = make_environment(arguments.environment)
    for name in arguments.tables.split(","):
        if name in {row["table"] for row in stored_rows(ROWS)}:
            continue
        with tempfile.TemporaryDirectory() as folder:
            row = compare(name, python, Path(folder), arguments.max_epochs)
            row["environment"] = packages
        append_row(ROWS, row, COLUMNS)


if __name__ == "__main__":
    main()
