"""`stress`: what it leaves, says and refuses."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import Result

Call = Callable[..., Result]
TINY = (
    *("stress", "--tables", "newthyroid", "--kinds", "rows"),
    *("--methods", "logistic_regression,balanced_random_forest", "--jobs", 1),
)


@pytest.mark.slow
def test_a_study_leaves_rows_curves_and_tables_and_goes_on(
    call: Call, tmp_path: Path
) -> None:
    out = tmp_path / "study"
    text = call(*TINY, "--out", out).stdout
    assert "Where macro recall works, degrades and fails" in text
    assert f"Curves and tables in {out / 'report'}; rows in {out}" in text
    before = (out / "rows.parquet").read_bytes()
    said = json.loads(call(*TINY, "--out", out, "--json").stdout)
    assert (out / "rows.parquet").read_bytes() == before
    assert said["tables"] == [
        "newthyroid",
        "newthyroid~rows~50",
    ]
    assert said["rows"] == 2 * 2 * 2
    assert (said["failed"], said["timeout"], said["left_out"]) == (0, 0, {})
    assert said["report"] == str(out / "report")
    rows = pd.read_parquet(out / "rows.parquet")
    assert set(rows["rule"]) == {"as_is"}
    few = rows["table"] == "newthyroid~rows~50"
    assert set(rows[few]["n_train"]) == {50}
    assert (rows[few]["n_test"].to_numpy() == rows[~few]["n_test"].to_numpy()).all()
    names = {path.name for path in (out / "report").iterdir()}
    assert {"stress_macro_f1.svg", "stress_rare_recall.png"} <= names
    assert {"stress_macro_recall.md", "stress_levels.csv"} <= names


BAD: dict[str, tuple[tuple[object, ...], str]] = {
    "kind": (("--kinds", "hunger"), "`--kinds` must be one of 'imbalance'"),
    "kind twice": (("--kinds", "rows,rows"), "named twice"),
    "method": (("--methods", "knnn"), "There is no method 'knnn'"),
    "table": (("--tables", "newtyroid"), "Did you mean 'newthyroid'"),
    "nothing left": (
        ("--kinds", "imbalance", "--tables", "glass"),
        "No stressed table can be made. glass~imbalance~10",
    ),
    "no kinds": (("--kinds", ","), "list of names is empty"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_study_is_refused_and_leaves_nothing(
    case: str, call: Call, tmp_path: Path
) -> None:
    arguments, words = BAD[case]
    result = call("stress", *arguments, "--out", tmp_path / "study", code=2)
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert len(errors) == 1
    assert words in errors[0]
    assert not list(tmp_path.iterdir())


def test_what_draws_is_missed_before_the_fits(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = call(*TINY, "--out", tmp_path / "study", code=2)
    assert "qclmixnet[report]" in result.stderr
    assert not list(tmp_path.iterdir())
