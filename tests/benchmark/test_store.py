"""The folder of a run: whole at any moment, exact, and clear about damage."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qclmixnet.benchmark.cell import FinishedFit
from qclmixnet.benchmark.fitting import FitResult
from qclmixnet.benchmark.record import SCORES, BenchmarkRun, RunDescription
from qclmixnet.benchmark.store import COLUMNS, RunFolder, load_run
from qclmixnet.core.errors import InputError


def row(**changed: object) -> dict[str, object]:
    texts = ("inner", "message", "versions", "machine", "started_at")
    numbers = ("fit_s", "fit_cpu_s", "predict_s_per_1k", "peak_mb")
    return {
        "table": "glass",
        "method": "knn",
        "fold": 0,
        "seed": 0,
        "rule": "as_is",
        "status": "ok",
        **dict.fromkeys(SCORES, 1 / 3),
        **dict.fromkeys(numbers, 0.1),
        **dict.fromkeys(texts, ""),
        "n_train": 10,
        "n_test": 5,
        "device": "cpu",
        "threads": 1,
        **changed,
    }


def a_run(folder: Path) -> RunFolder:
    run = BenchmarkRun(
        RunDescription(("glass",), ("knn",)),
        (),
        (),
        {},
        "qclmixnet benchmark",
        pd.DataFrame(),
    )
    found = RunFolder(folder)
    found.write_record(run)
    return found


def test_rows_come_back_exactly(tmp_path: Path) -> None:
    a_run(tmp_path).append([row(), row(rule="tuned", macro_f1=float("nan"))])
    rows = RunFolder(tmp_path).read_rows()
    assert tuple(rows.columns) == COLUMNS
    assert rows["macro_recall"].tolist() == [1 / 3, 1 / 3]
    assert rows["macro_f1"].isna().tolist() == [False, True]
    assert rows["message"].tolist() == ["", ""]


def test_rows_are_added_and_the_latest_of_a_key_stays(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    folder.append([row(fold=0), row(fold=1)])
    folder.append([row(fold=0, status="timeout"), row(fold=2)])
    rows = RunFolder(tmp_path).read_rows()
    assert dict(zip(rows["fold"], rows["status"], strict=True)) == {
        0: "timeout",
        1: "ok",
        2: "ok",
    }


def test_a_half_written_file_is_not_seen(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    folder.append([row()])
    (tmp_path / "rows.partial").write_bytes(b"PAR1 and then the power went")
    (tmp_path / "run.partial").write_text('{"format": 1, "descr')
    assert len(load_run(tmp_path).rows) == 1


def test_a_kept_fit_comes_back_bit_for_bit(tmp_path: Path) -> None:
    proba = np.random.default_rng(0).dirichlet([1, 1, 1], size=7)
    result = FitResult(proba, proba.argmax(axis=1), 1 / 3, 0.2, 0.1)
    folder = a_run(tmp_path)
    assert folder.kept_fit("glass-knn-0-0-outer") is None
    fit = FinishedFit("ok", result, "second attempt", 12.5, "a machine")
    folder.keep_fit("glass-knn-0-0-outer", fit)
    kept = folder.kept_fit("glass-knn-0-0-outer")
    assert kept is not None
    assert kept.result is not None
    assert kept.result.proba.tobytes() == proba.tobytes()
    assert kept.result.fit_s == 1 / 3
    assert replace(kept, result=None) == replace(fit, result=None)
    folder.forget_fits(["glass-knn-0-0-outer"])
    assert not (tmp_path / "fits").exists()


def test_only_fits_that_something_waits_for_are_kept(tmp_path: Path) -> None:
    proba = np.full((2, 2), 0.5)
    result = FitResult(proba, proba.argmax(axis=1), 0.1, 0.1, 0.1)
    folder = a_run(tmp_path)
    for name in ("glass-knn-0-0-outer", "glass-knn-0-0-inner-1", "glass-knn-1-0-outer"):
        folder.keep_fit(name, FinishedFit("ok", result, "", 1.0))
    half_written = tmp_path / "fits" / "glass-knn-0-0-inner-2.partial"
    half_written.write_bytes(b"PK and then the power went")
    folder.forget_other_fits(["glass-knn-0-0-"])
    kept = sorted(file.stem for file in (tmp_path / "fits").iterdir())
    assert kept == ["glass-knn-0-0-inner-1", "glass-knn-0-0-outer"]
    folder.forget_other_fits([])
    assert not (tmp_path / "fits").exists()
    folder.forget_other_fits([])


def test_description_and_command_come_back(tmp_path: Path) -> None:
    a_run(tmp_path)
    run = load_run(tmp_path)
    assert run.description == RunDescription(("glass",), ("knn",))
    assert run.command == "qclmixnet benchmark"
    assert load_run(str(tmp_path)).description == run.description


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 99}', '{"format": 1, "description": {"tables": []}}'],
)
def test_a_damaged_description_is_said_to_be_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json is damaged"):
        load_run(tmp_path)


def test_a_description_of_an_older_version_has_the_defaults(tmp_path: Path) -> None:
    a_run(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    for name in ("time_column", "gap", "group_column"):
        del record["description"][name]
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert load_run(tmp_path).description == RunDescription(("glass",), ("knn",))


def test_a_description_with_a_foreign_field_is_damaged(tmp_path: Path) -> None:
    a_run(tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    record["description"]["surprise"] = 1
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="damaged"):
        load_run(tmp_path)


@pytest.mark.parametrize("n_bytes", [0, 4, 200])
def test_damaged_rows_are_said_to_be_so(tmp_path: Path, n_bytes: int) -> None:
    a_run(tmp_path).append([row()])
    file = tmp_path / "rows.parquet"
    file.write_bytes(file.read_bytes()[:n_bytes])
    with pytest.raises(InputError, match=r"rows\.parquet is damaged"):
        load_run(tmp_path)


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no benchmark run in"):
        load_run(tmp_path / "nowhere")


def test_rows_of_before_there_were_devices_are_of_the_processor(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    folder.append([row(device="H100"), row(fold=1)])
    file = tmp_path / "rows.parquet"
    pd.read_parquet(file).drop(columns="device").to_parquet(file)
    assert RunFolder(tmp_path).read_rows()["device"].tolist() == ["cpu", "cpu"]
