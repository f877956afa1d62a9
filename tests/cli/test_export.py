"""`qclmixnet export` on the command line."""

import json
from pathlib import Path

import onnxruntime
import pytest

from qclmixnet.export import student
from tests.cli.conftest import Call


def test_export_writes_a_model_and_compares_it(
    call: Call, model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "m.onnx"
    customers = model.parent / "customers.csv"
    answer = json.loads(
        call("export", model, out, "--check", customers, "--json").stdout
    )
    assert answer["out"] == str(out)
    assert answer["bytes"] == out.stat().st_size
    assert answer["goes_for"] == "the best mean of macro-F1 and macro recall"
    assert answer["check"]["n_rows"] == 1000
    assert answer["check"]["n_other_labels"] == 0
    assert answer["check"]["largest_difference"] < 1e-5
    names = [i.name for i in onnxruntime.InferenceSession(out).get_inputs()]
    assert "age" in names
    assert "customer" not in names  # an id


def test_export_says_what_it_did(call: Call, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.onnx"
    said = call("export", model, out, "--check", model.parent / "customers.csv").stdout
    assert f"Wrote {out}" in said
    assert "Of 1000 rows, 0 get another label" in said
    assert "Wrote" in call("export", model, out).stdout


def test_export_of_a_student_says_how_near_it_is(
    call: Call, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_IN_ALL", 500), ("_N_STEPS", 50), ("LEAST_OF_A_CLASS", 0.0)):
        monkeypatch.setattr(student, name, value)
    monkeypatch.setattr(student, "LEAST_SAME", 0.0)
    out, customers = tmp_path / "m.onnx", model.parent / "customers.csv"
    said = call("export", model, out, "--distil", customers, "--check", customers)
    assert (
        "One small network is in it. Of 200 rows that it did not learn" in said.stdout
    )
    assert "Of 1000 rows, 0 get another label" in said.stdout  # than the student gives
    monkeypatch.setattr(student, "LEAST_SAME", 1.01)
    refused = call("export", model, tmp_path / "n.onnx", "--distil", customers, code=2)
    assert "One small network does not say what the classifier says" in refused.stderr
    assert not (tmp_path / "n.onnx").exists()


def test_a_folder_is_no_place_for_a_file(call: Call, model: Path) -> None:
    result = call("export", model, model, code=2)
    assert "is a folder; name a file" in result.stderr
