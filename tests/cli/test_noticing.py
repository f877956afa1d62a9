"""What the fit noticed reaches the terminal, the JSON, the report and the folder."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from typer.testing import Result

from qclmixnet import QCLMixNetClassifier
from qclmixnet.benchmark import BenchmarkRun, labelled_table
from qclmixnet.cli import noticing
from qclmixnet.core.errors import InputError
from qclmixnet.estimators.diagnostics import Diagnostic
from qclmixnet.report.noticed import read_noticed
from tests.report.made_up_runs import make_row, make_run

Call = Callable[..., Result]


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a table whose column `treatment` follows from the class."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(size=300), "dose": rng.normal(size=300)})
    frame["ill"] = np.where(frame["age"] + rng.normal(size=300) > 1.2, "yes", "no")
    frame["treatment"] = np.where(frame["ill"] == "yes", "pills", "none")
    file = tmp_path_factory.mktemp("leaky") / "leaky.csv"
    frame.to_csv(file, index=False)
    return file


def test_train_prints_it_and_lists_it(call: Call, leaky: Path, tmp_path: Path) -> None:
    arguments = ("train", leaky, "--target", "ill", "--max-epochs", 2)
    said = json.loads(call(*arguments, "--out", tmp_path / "m", "--json").stdout)
    leak = next(each for each in said["diagnostics"] if each["name"] == "leakage")
    assert leak["severity"] == "warning"
    assert leak["value"] == 1.0
    assert "'treatment'" in leak["message"]
    kept = QCLMixNetClassifier.load(tmp_path / "m").diagnostics_
    assert [each.message for each in kept] == [
        each["message"] for each in said["diagnostics"]
    ]
    text = call(*arguments, "--out", tmp_path / "n").stdout
    assert f"Noticed (leakage, warning): {leak['message']} {leak['action']}" in text


class _Fit:
    """Stands in for the classifier: counts its fits, notices nothing or fails."""

    sizes: list[int] = []  # noqa: RUF012 - shared on purpose
    error: InputError | None = None
    diagnostics_: tuple[Diagnostic, ...] = ()

    def __init__(self, **settings: object) -> None:
        assert settings["random_state"] == 0

    def fit(self, X: pd.DataFrame, y: npt.NDArray[np.generic]) -> None:
        assert len(X) == len(y)
        self.sizes.append(len(X))
        if self.error is not None:
            raise self.error


def test_one_fit_on_few_rows_is_made_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noticing, "QCLMixNetClassifier", _Fit)
    monkeypatch.setattr(_Fit, "sizes", [])
    frame = pd.DataFrame({"a": np.arange(5_000.0)})
    target = pd.Series(np.where(np.arange(5_000) % 100 == 0, "rare", "common"))
    table = labelled_table("own", frame, target)
    first = noticing.notice(table, tmp_path, time_limit_s=60)
    again = noticing.notice(table, tmp_path, time_limit_s=60)
    assert first == again == read_noticed(tmp_path)
    # 50 rows of the rare class are fewer than 100 and all kept.
    assert _Fit.sizes == [2_000]
    assert (first.n_rows, first.n_all, first.found) == (2_000, 5_000, ())


def test_a_fit_that_fails_is_no_end_of_a_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noticing, "QCLMixNetClassifier", _Fit)
    monkeypatch.setattr(_Fit, "error", InputError("No column can be learned from."))
    table = labelled_table(
        "own", pd.DataFrame({"a": range(40)}), pd.Series(["x", "y"] * 20)
    )
    found = noticing.notice(table, tmp_path, time_limit_s=60)
    assert found.why_not == "The fit could not be made: No column can be learned from."


def test_compare_tells_it_and_reports_keep_it(
    call: Call, leaky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [make_row("leaky", name) for name in ("qclmixnet", "knn")]
    run = make_run(rows, tables=("leaky",), methods=("qclmixnet", "knn"), source="x")

    def run_benchmark(_: object, path: Path, **__: object) -> BenchmarkRun:
        path.mkdir(exist_ok=True)
        (path / "run.json").touch()
        return run

    monkeypatch.setattr("qclmixnet.cli.benchmark.run_benchmark", run_benchmark)
    monkeypatch.setattr("qclmixnet.cli.benchmark.load_run", lambda _: run)
    monkeypatch.setattr(noticing, "QCLMixNetClassifier", _Fit)
    hubs = Diagnostic("hubs", "note", "One row is near many.", 4.0, 3.0, "Look.")
    monkeypatch.setattr(_Fit, "diagnostics_", (hubs,))
    out = tmp_path / "run"
    arguments = ("compare", leaky, "--target", "ill", "--out", out)
    text = call(*arguments).stdout
    assert "Noticed (hubs, note): One row is near many. Look." in text
    said = json.loads(call(*arguments, "--json").stdout)
    assert said["diagnostics"] == [asdict(hubs)]
    drawn = json.loads(call("report", out, "--json").stdout)
    assert drawn["page"] == said["page"]
    words = Path(drawn["page"]).read_text(encoding="utf-8")
    assert "What the table looks like to a fit" in words
    assert "on all 300 rows" in words
