"""`qclmixnet export` on the command line."""

import json
from pathlib import Path

import onnxruntime

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


def test_a_folder_is_no_place_for_a_file(call: Call, model: Path) -> None:
    result = call("export", model, model, code=2)
    assert "is a folder; name a file" in result.stderr
