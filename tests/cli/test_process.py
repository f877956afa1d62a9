"""The command as a user starts it, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from qclmixnet import load_dataset

START = "from qclmixnet.cli.main import run; run()"
HEAVY = ("torch", "pandas", "sklearn", "numpy", "scipy", "matplotlib", "narwhals")


def start(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['qclmixnet', '--help']\n"
        "from qclmixnet.cli.main import run\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "evaluate" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_error_is_one_line_on_stderr() -> None:
    done = start("train", "none.csv", "--target", "y", "--out", "m")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "Error: There is no file 'none.csv'.\n"


@pytest.mark.slow
def test_train_predict_and_evaluate(tmp_path: Path) -> None:
    table, model = tmp_path / "t.csv", tmp_path / "m"
    data = load_dataset("newthyroid")
    data.frame.assign(**{"class": data.target}).to_csv(table, index=False)
    done = start(
        *("train", table, "--target", "class", "--out", model, "--max-epochs", 2)
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert start("predict", model, table, "--out", tmp_path / "o.csv").returncode == 0
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 216
    done = start("evaluate", model, table, "--json")
    assert json.loads(done.stdout)["rows"] == 215
    assert done.stderr == ""
