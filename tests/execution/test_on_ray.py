"""Work on a Ray cluster: what comes back is what comes back without Ray."""

import math
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.tree import DecisionTreeClassifier
from typer.testing import CliRunner

from qclmixnet import QCLMixNetClassifier, QCLMixNetSearchCV, load_dataset
from qclmixnet.benchmark import RunDescription, run_benchmark
from qclmixnet.benchmark.methods import modules_of
from qclmixnet.benchmark.record import KEY, SCORES
from qclmixnet.cli.main import app
from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.execution import Outcome, RayCluster, RayRunner, Task, Workers
from qclmixnet.tuning import Whole


@pytest.fixture(scope="module")
def runner(cluster: RayCluster) -> Iterator[RayRunner]:
    # Workers import what the first task asks for; later tests need these two.
    preload = ["qclmixnet.tuning.trial_loop", *modules_of({"logistic_regression"})]
    with RayRunner(cluster, preload=preload) as out:
        yield out


def outcome_of(runner: RayRunner, task: Task) -> Outcome:
    runner.submit(task)
    return runner.next_outcome()


def test_results_come_back_under_their_keys(runner: RayRunner) -> None:
    assert (runner.n_workers, runner.n_free) == (2, 2)
    for number in range(5):
        runner.submit(Task(number, math.sqrt, (float(number),)))
    assert (runner.n_open, runner.n_free) == (5, 0)
    found = {}
    while runner.n_open:
        outcome = runner.next_outcome()
        found[outcome.key] = outcome.value
        assert outcome.machine.endswith("cores")
    assert found == {number: math.sqrt(number) for number in range(5)}


@pytest.mark.parametrize(
    ("task", "status", "words"),
    [
        (Task("raises", math.sqrt, (-1.0,)), "failed", "ValueError: "),
        (Task("dies", os.abort), "failed", "ended by SIGABRT"),
        (Task("leaves", os._exit, (3,)), "failed", "exit code 3"),
        (Task("hangs", time.sleep, (60.0,), 0.3), "timeout", "stopped after 0.3 s"),
        (Task("cannot be sent", open, (os.devnull,)), "failed", "no result"),
    ],
)
def test_what_goes_wrong_is_told_as_without_ray(
    runner: RayRunner, task: Task, status: str, words: str
) -> None:
    outcome = outcome_of(runner, task)
    assert (outcome.key, outcome.status) == (task.key, status)
    assert words in outcome.message
    assert outcome.value is None


def test_peak_memory_is_that_of_the_task_alone(runner: RayRunner) -> None:
    large = outcome_of(runner, Task("large", np.ones, (200 * 2**17,)))
    small = outcome_of(runner, Task("small", np.ones, (2**17,)))
    assert isinstance(large.value, np.ndarray)
    assert large.value.sum() == 200 * 2**17
    assert 190 < large.peak_mb < 500
    assert small.peak_mb < 50


def worker_at_work() -> psutil.Process:
    """Wait for the Ray worker whose task is in its process, and return it."""
    for _ in range(600):
        for process in psutil.process_iter():
            try:
                is_worker = "run_on_node" in process.name() + "".join(process.cmdline())
                ours = psutil.Process() in process.parents()
                children = process.children(recursive=True) if is_worker else []
                # A server to fork from, what watches resources, and the task.
                if is_worker and ours and len(children) >= 3:
                    return process
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.1)
    raise AssertionError("no worker is at work")


def test_a_task_whose_worker_is_killed_runs_again_and_says_so(
    runner: RayRunner,
) -> None:
    runner.submit(Task("nap", time.sleep, (3.0,)))
    worker_at_work().kill()
    outcome = runner.next_outcome()
    assert outcome.status == "ok"
    assert outcome.message == "second attempt, the worker of the first one died"


def test_a_task_whose_worker_dies_twice_has_failed(runner: RayRunner) -> None:
    runner.submit(Task("nap", time.sleep, (60.0,)))

    def kill_two() -> None:
        for _ in range(2):
            worker = worker_at_work()
            worker.kill()
            psutil.wait_procs([worker], timeout=30)

    killer = threading.Thread(target=kill_two)
    killer.start()
    outcome = runner.next_outcome()
    killer.join()
    assert outcome.status == "failed"
    assert outcome.message == "its worker died twice (WorkerCrashedError)"


def test_a_benchmark_on_ray_has_the_same_scores_bit_for_bit(
    cluster: RayCluster, tmp_path: Path
) -> None:
    what = RunDescription(("newthyroid",), ("knn", "logistic_regression"), n_folds=2)
    here = run_benchmark(what, tmp_path / "here").rows
    there = run_benchmark(
        what, tmp_path / "there", workers=Workers(None, cluster=cluster)
    ).rows
    columns = ["status", *SCORES, "inner", "message", "machine", "n_train", "n_test"]
    alone, on_ray = (
        rows.set_index(list(KEY)).sort_index()[columns] for rows in (here, there)
    )
    assert (alone["status"] == "ok").all()
    assert alone.equals(on_ray)


def test_a_search_on_ray_one_fit_at_a_time_is_the_search_here(
    cluster: RayCluster,
) -> None:
    X, y = load_dataset("newthyroid", return_X_y=True)
    search = QCLMixNetSearchCV(
        DecisionTreeClassifier(random_state=0),
        space={"min_samples_leaf": Whole(1, 20)},
        n_trials=3,
        cv=2,
        random_state=0,
        refit=False,
    )
    told: list[dict[str, Any]] = []
    for where in (None, cluster):
        search.set_params(cluster=where).fit(X, y)
        results = search.cv_results_
        told.append({k: v for k, v in results.items() if not k.endswith("seconds")})
    assert str(told[0]) == str(told[1])
    both = search.set_params(n_jobs=-1, cluster=cluster).fit(X, y)
    assert len(both.trials_) == 3
    assert both.default_score_ == told[0]["mean_test_score"][0]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    X, y = load_dataset("hypothyroid", return_X_y=True)
    QCLMixNetClassifier(max_epochs=1, random_state=0).fit(X, y).save(folder / "model")
    table = X.assign(number=np.arange(len(X)))
    maybe = pd.Series(np.arange(len(X)), dtype="Int64")
    table["maybe"] = maybe.where(maybe % 7 > 0)
    table.to_parquet(folder / "whole.parquet")
    (folder / "parts").mkdir()
    for part, start in enumerate(range(0, len(table), 900)):
        rows = table.iloc[start : start + 900]
        rows.to_parquet(folder / "parts" / f"{part}.parquet", row_group_size=500)
    return folder


def predict(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["predict", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.usefixtures("cluster")
def test_prediction_of_many_files_is_that_of_one_table(model: Path) -> None:
    extras = ("--keep=number", "--keep=maybe", "--coverage=0.9")
    here, there = model / "here.parquet", model / "there.parquet"
    said = predict(model / "model", model / "whole.parquet", f"--out={here}", *extras)
    for source in (model / "parts", model / "parts" / "*.parquet"):
        again = predict(model / "model", source, f"--out={there}", *extras, "--ray")
        assert again.replace("there", "here") == said
        tables = [pq.read_table(p).replace_schema_metadata() for p in (here, there)]
        assert tables[1].column_names == tables[0].column_names
        for name in tables[0].column_names:
            one, other = (table.column(name) for table in tables)
            if pa.types.is_floating(one.type):
                np.testing.assert_allclose(other, one, rtol=0, atol=1e-12)
            else:
                assert other.to_pylist() == one.to_pylist(), name


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"out": "out.csv"}, "--out must end in .parquet"),
        ({"source": "nowhere"}, "FILE must be Parquet"),
        ({"options": ("--keep=nothing",)}, "has no column 'nothing'"),
        ({"options": ("--top=3", "--alert=hypothyroid")}, "leave out --ray"),
        ({"lacking": "age"}, "lacks 1 of the"),
    ],
)
def test_what_cannot_be_predicted_is_refused_in_a_sentence(
    model: Path, tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    source = tmp_path / "rows.parquet"
    rows = pq.read_table(model / "parts" / "0.parquet")
    lacking = [changed["lacking"]] if "lacking" in changed else []
    pq.write_table(rows.drop_columns(lacking), source)
    out = tmp_path / changed.get("out", "out.parquet")
    arguments = [
        *(model / "model", changed.get("source", source), f"--out={out}", "--ray"),
        *changed.get("options", ()),
    ]
    said = " ".join(predict(*arguments, code=2).split())
    assert words in said
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def test_more_threads_than_a_node_has_cores_are_refused(cluster: RayCluster) -> None:
    with (
        pytest.raises(InputError, match=r"has 64 cores for one task; the nodes have 2"),
        RayRunner(cluster, n_threads=64),
    ):
        pass


def test_an_address_is_told_from_other_words() -> None:
    with pytest.raises(InputError, match=r"'german.csv' is no address .* HOST:PORT"):
        RayCluster("german.csv")


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qclmixnet.execution.ray_cluster.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'qclmixnet\[ray\]'"):
        RayCluster().require()
