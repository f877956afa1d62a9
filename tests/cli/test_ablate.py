"""`ablate`: rows of a few variants, what is printed, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from qclmixnet.benchmark import load_run
from qclmixnet.report import ablation_changes

Call = Callable[..., Result]
SMALL = ("--tables", "newthyroid", "--variants", "no_mixup,focal_only")


@pytest.fixture(scope="module")
def finished(call: Call, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ablation") / "run"
    said = json.loads(call("ablate", *SMALL, "--out", out, "--json").stdout)
    assert said["run"] == str(out)
    assert Path(said["page"]).exists()
    variants = [change["variant"] for change in said["changes"]]
    assert variants == ["paper.no_mixup", "paper.focal_only"]
    return out


def test_every_variant_is_fitted_on_every_fold(finished: Path) -> None:
    rows = load_run(finished).rows
    assert sorted(zip(rows["method"], rows["fold"], strict=True)) == [
        (name, fold)
        for name in ("paper.focal_only", "paper.full", "paper.no_mixup")
        for fold in (0, 1)
    ]
    assert set(rows["rule"]) == {"as_is"}
    assert set(rows["status"]) == {"ok"}


def test_a_finished_run_is_only_drawn_again(call: Call, finished: Path) -> None:
    before = (finished / "rows.parquet").read_bytes()
    result = call("ablate", *SMALL, "--out", finished)
    assert (finished / "rows.parquet").read_bytes() == before
    data = ablation_changes(load_run(finished), "paper").data
    for title, change in zip(data["title"], data["macro_f1"], strict=True):
        line = next(text for text in result.stdout.splitlines() if title in text)
        assert f"{change:+.1f}" in line


def test_the_other_preset_needs_another_folder(call: Call, finished: Path) -> None:
    result = call("ablate", "--variants", "no_cat", "--out", finished, code=2)
    assert "no variant 'paper.no_cat' of the preset 'paper'" in result.stderr
    assert "choose among no_entanglement" in result.stderr
    assert "Traceback" not in result.output
