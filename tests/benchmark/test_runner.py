"""Runs: right rows, resumed rows, failures as rows, and no surprise in the folder."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock
from sklearn.metrics import balanced_accuracy_score, f1_score

from qclmixnet.baselines import make_baseline
from qclmixnet.benchmark import (
    LabelledTable,
    RunDescription,
    RunProgress,
    labelled_table,
    list_methods,
    load_run,
    load_table,
    run_benchmark,
    runner,
)
from qclmixnet.benchmark.methods import make_method, modules_of, runs_on_gpu
from qclmixnet.benchmark.record import SCORES
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.protocol import duplicate_groups, stratified_folds
from qclmixnet.execution import RayCluster, Workers

KEY = ["table", "method", "fold", "seed", "rule"]
TWO = RunDescription(("newthyroid",), ("knn", "logistic_regression"), n_folds=2)


def by_key(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.set_index(KEY).sort_index()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    run_benchmark(TWO, str(path), workers=Workers(2), command="qclmixnet benchmark")
    return path


def test_one_row_for_each_method_fold_and_rule(finished: Path) -> None:
    rows = load_run(finished).rows
    assert len(rows) == 2 * 2 * 2
    assert not rows.duplicated(KEY).any()
    assert (rows["status"] == "ok").all()
    assert (rows["fit_s"] > 0).all()
    assert (rows["peak_mb"] >= 0).all()
    assert set(rows.loc[rows["rule"] == "tuned", "inner"]) == {"3-fold"}


def test_scores_equal_a_plain_loop_over_the_folds(finished: Path) -> None:
    table = load_table("newthyroid")
    folds = stratified_folds(
        table.codes, duplicate_groups(table.frame), n_folds=2, seed=0
    )
    rows = by_key(load_run(finished).rows)
    for method in TWO.methods:
        for number, fold in enumerate(folds):
            clf = make_baseline(method, random_state=0)
            clf.fit(table.frame.iloc[fold.train], table.codes[fold.train])
            truth = table.codes[fold.test]
            found = clf.predict(table.frame.iloc[fold.test])
            row = rows.xs(("newthyroid", method, number, 0, "as_is"))
            assert row["macro_f1"] == pytest.approx(
                f1_score(truth, found, average="macro"), abs=1e-12
            )
            assert row["macro_recall"] == pytest.approx(
                balanced_accuracy_score(truth, found), abs=1e-12
            )


def test_leftovers_of_a_killed_run_are_cleared(finished: Path) -> None:
    # A kill between writing a cell's rows and forgetting its fits, or amid a write.
    fits = finished / "fits"
    fits.mkdir()
    for name in ("newthyroid-knn-0-0-outer.npz", "newthyroid-knn-0-0-inner-0.partial"):
        (fits / name).write_bytes(b"")
    before = (finished / "rows.parquet").read_bytes()
    run_benchmark(TWO, finished)
    assert not fits.exists()
    assert (finished / "rows.parquet").read_bytes() == before


def test_a_second_call_fits_nothing_again(finished: Path) -> None:
    before = (finished / "rows.parquet").read_bytes()
    seen: list[RunProgress] = []
    run_benchmark(TWO, finished, on_progress=seen.append)
    assert (finished / "rows.parquet").read_bytes() == before
    assert seen == []


def test_the_time_left_is_no_more_than_the_limit_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cost(name: str, n_rows: int) -> float:
        return float(n_rows) * (1 if name == "knn" else 1e9)

    monkeypatch.setattr(runner, "expected_seconds", cost)
    seen: list[RunProgress] = []
    what = dataclasses.replace(TWO, time_limit_s=100.0)
    run_benchmark(what, tmp_path, workers=Workers(2), on_progress=seen.append)
    # Cells left, times a fit and another one that tunes the rule, two at a time.
    most = [n_left * 2 * 100.0 / 2 for n_left in (3, 2, 1, 0)]
    assert [progress.seconds_left for progress in seen[1:3]] == most[:2]
    assert seen[3].seconds_left <= most[2]
    assert seen[4].seconds_left == 0


def test_missing_rows_are_filled_with_the_same_scores(
    finished: Path, tmp_path: Path
) -> None:
    whole = load_run(finished).rows
    run_benchmark(dataclasses.replace(TWO, methods=("knn",)), tmp_path)
    run_benchmark(TWO, tmp_path, workers=Workers(2))
    again = load_run(tmp_path).rows
    pd.testing.assert_frame_equal(
        by_key(whole)[list(SCORES)], by_key(again)[list(SCORES)], check_exact=True
    )
    assert load_run(tmp_path).description.methods == TWO.methods


def test_other_settings_need_another_folder(finished: Path) -> None:
    with pytest.raises(InputError, match=r"another number of folds \(2 there, 3 now\)"):
        run_benchmark(dataclasses.replace(TWO, n_folds=3), finished)


def test_two_runs_at_once_are_refused(finished: Path) -> None:
    with (
        FileLock(finished / "run.lock"),
        pytest.raises(InputError, match="Another run is at work"),
    ):
        run_benchmark(TWO, finished)


def test_a_fit_over_the_limit_is_a_row(tmp_path: Path) -> None:
    what = RunDescription(
        ("newthyroid",), ("random_forest",), n_folds=2, time_limit_s=0.01
    )
    rows = run_benchmark(what, tmp_path).rows
    assert rows["status"].tolist() == ["timeout"] * 4
    assert rows["macro_f1"].isna().all()
    assert rows["message"].str.contains("limit of 0.01 s").all()


def tiny_table(n_rows: int) -> LabelledTable:
    frame = pd.DataFrame({"x": np.linspace(0.0, 1.0, n_rows)})
    target = pd.Series(np.where(np.arange(n_rows) % 2, "a", "b"), name="y")
    return labelled_table("own", frame, target)


def test_a_fit_that_fails_is_a_row_and_can_be_tried_again(tmp_path: Path) -> None:
    # Four training rows are too few for five neighbours.
    what = RunDescription(("own",), ("knn", "logistic_regression"), n_folds=2)
    table = tiny_table(8)
    rows = run_benchmark(what, tmp_path, table=table).rows
    failed = rows[rows["method"] == "knn"]
    assert failed["status"].tolist() == ["failed"] * 4
    assert failed["message"].str.contains("n_neighbors").all()
    assert (rows.loc[rows["method"] != "knn", "status"] == "ok").all()
    seen: list[RunProgress] = []
    run_benchmark(
        what, tmp_path, table=table, retry_failed=True, on_progress=seen.append
    )
    assert seen[-1].total == 2
    assert len(load_run(tmp_path).rows) == len(rows)


def test_a_rule_that_cannot_be_tuned_says_so(tmp_path: Path) -> None:
    what = RunDescription(("own",), ("logistic_regression",), n_folds=2)
    rows = by_key(run_benchmark(what, tmp_path, table=tiny_table(4)).rows)
    tuned = rows.xs("tuned", level="rule")
    assert tuned["message"].str.contains("not tuned").all()
    assert (tuned["inner"] == "").all()
    as_is = rows.xs("as_is", level="rule")
    assert (tuned["macro_f1"] == as_is["macro_f1"]).all()


def test_training_parts_are_cut(tmp_path: Path) -> None:
    what = RunDescription(
        ("own",), ("logistic_regression",), n_folds=2, max_train_rows=150, tuned=False
    )
    rows = run_benchmark(what, tmp_path, table=tiny_table(1000)).rows
    assert rows["n_train"].max() <= 200
    assert rows["n_test"].tolist() == [500, 500]
    assert rows["rule"].tolist() == ["as_is", "as_is"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"methods": ("knnn",)}, "There is no method 'knnn'"),
        ({"methods": ()}, "There is no method to run"),
        ({"methods": ("knn", "knn")}, "named twice"),
        ({"tables": ("nowhere",)}, "nowhere"),
        ({"n_folds": 1}, "n_folds"),
        ({"n_seeds": 0}, "n_seeds"),
        ({"tables": ()}, "no table to run"),
        ({"tables": ("glass", "glass")}, "named twice"),
        ({"time_limit_s": float("nan")}, "time_limit_s"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_is_written(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        run_benchmark(dataclasses.replace(TWO, **changed), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_device_goes_to_the_networks_and_to_no_other_method() -> None:
    settings = {"random_state": 0, "n_threads": 1, "time_limit_s": None}
    made = {
        name: make_method(name, **settings, device="cuda:1")  # type: ignore[arg-type]
        for name in ("qclmixnet", "tabm", "tabnet")
    }
    assert {vars(found)["device"] for found in made.values()} == {"cuda:1"}
    networks = {"qclmixnet", "qclmixnet_paper", "mlp", "ft_transformer", "realmlp"}
    on_gpu = {name for name in list_methods() if runs_on_gpu(name)}
    assert on_gpu == networks | {"tabm", "tabnet"}
    # A process that is forked after skorch was loaded may not be able to use a GPU.
    assert "skorch" in modules_of({"mlp"})
    assert modules_of({"mlp"}, device="cuda") == tuple(
        name for name in modules_of({"mlp"}) if name != "skorch"
    )


def test_what_a_fit_ran_on_is_in_its_rows(tmp_path: Path) -> None:
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("`auto` takes the GPU")
    what = dataclasses.replace(TWO, tables=("newthyroid",), methods=("knn",))
    rows = run_benchmark(what, tmp_path / "run", device="auto").rows
    assert set(rows["device"]) == {"cpu"}
    with pytest.raises(InputError, match="not available on this machine"):
        run_benchmark(what, tmp_path / "other", device="cuda")
    workers = Workers(2, cluster=RayCluster())
    with pytest.raises(InputError, match="On a Ray cluster"):
        run_benchmark(what, tmp_path / "other", workers=workers, device="cuda")
    assert not (tmp_path / "other").exists()
