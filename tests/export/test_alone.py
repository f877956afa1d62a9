"""An exported model is scored where there is nothing but onnxruntime."""

import csv
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from qclmixnet import QCLMixNetClassifier
from qclmixnet.export import export_onnx

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "onnx_alone.py"
PACKAGES = ("onnxruntime", "numpy", "flatbuffers", "google", "packaging")
ALONE = """
import importlib.util, runpy, sys
sys.path.append(sys.argv[1])
for name in ("torch", "sklearn", "pandas", "scipy", "qclmixnet", "onnx"):
    assert importlib.util.find_spec(name) is None, name
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def bare_environment(folder: Path) -> Path:
    """Make a folder of packages that holds onnxruntime and what it needs."""
    folder.mkdir()
    for name in PACKAGES:
        spec = find_spec(name)
        assert spec is not None
        assert spec.submodule_search_locations is not None
        place = Path(next(iter(spec.submodule_search_locations)))
        (folder / name).symlink_to(place)
        libraries = place.with_name(f"{name}.libs")
        if libraries.exists():
            (folder / libraries.name).symlink_to(libraries)
    return folder


def test_a_csv_file_gets_the_labels_of_the_classifier(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "x": np.where(np.arange(80) % 5 == 0, np.nan, rng.normal(size=80)),
            "city": rng.choice(["Ulm", "Bonn", "Köln, Süd"], 80),
            "member": rng.random(80) < 0.5,
            "since": np.datetime64("2020-01-01", "us")
            + rng.integers(0, 90_000_000_000_000, 80),
        }
    )
    y = np.where(np.nan_to_num(table["x"]) + table["member"] > 0.8, "ja", "nein")
    clf = QCLMixNetClassifier(max_epochs=2, random_state=0).fit(table, y)
    export_onnx(clf, tmp_path / "m.onnx")
    table.loc[3, "city"] = None
    table.to_csv(tmp_path / "rows.csv", index=False)
    packages = bare_environment(tmp_path / "packages")
    names = ("m.onnx", "rows.csv", "scored.csv")
    subprocess.run(
        [
            *(sys.executable, "-I", "-S", "-c", ALONE, packages, SCRIPT),
            *(tmp_path / name for name in names),
        ],
        check=True,
    )
    with (tmp_path / "scored.csv").open(newline="", encoding="utf-8") as file:
        scored = list(csv.reader(file))
    assert [row[0] for row in scored] == clf.predict(table).tolist()
    proba = np.array([row[1:] for row in scored], dtype=np.float64)
    np.testing.assert_allclose(proba, clf.predict_proba(table), atol=1e-5)
