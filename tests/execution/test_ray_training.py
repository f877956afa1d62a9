"""Training by workers on Ray: the model is that of one process, whoever is killed."""

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from typer.testing import CliRunner

from qclmixnet import QCLMixNetClassifier, load_dataset
from qclmixnet.cli.main import app
from qclmixnet.core.errors import InputError
from qclmixnet.estimators.member_learning import Learned
from qclmixnet.execution import RayCluster, Workers, on_worker, ray_desk
from qclmixnet.execution.on_worker import SentRows, WorkOrder
from qclmixnet.execution.ray_desk import Desk, DeskCheckpoints
from qclmixnet.preprocessing import RowFile
from qclmixnet.training import checkpoint
from qclmixnet.training.checkpoint import Checkpoint, Checkpoints
from qclmixnet.training.team import Alone

N_EPOCHS = 60


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X, y = load_dataset("newthyroid", return_X_y=True)
    frame = pd.concat([X.assign(y=y.astype(str))] * 5, ignore_index=True)
    noise = np.random.default_rng(0).normal(size=(len(frame), X.shape[1]))
    frame[X.columns] += 0.1 * noise
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    frame.to_parquet(path, index=False)
    return path


def workers() -> list[psutil.Process]:
    """Return the workers of a training that this process has started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "RayTrainWorker" in "".join([process.name(), *process.cmdline()]):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.usefixtures("cluster")
def test_a_training_whose_worker_is_killed_gives_the_model_of_one_process(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_S", 0.1)
    # Ray Train looks after its workers every two seconds.
    monkeypatch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
    progress = tmp_path / "progress"
    seen: list[psutil.Process] = []

    def kill_one() -> None:
        while len(found := workers()) < 2:
            time.sleep(0.1)
        seen.extend(found)
        while not (progress / "members.json").exists():
            time.sleep(0.01)
        seen[0].kill()

    killer = threading.Thread(target=kill_one)
    killer.start()
    out = tmp_path / "model"
    options = [
        *("--target=y", "--test-fraction=0", f"--max-epochs={N_EPOCHS}", "--json"),
        *(f"--out={out}", f"--checkpoint={progress}", "--workers=2", "--ray"),
    ]
    result = CliRunner().invoke(app, ["train", str(source), *options])
    killer.join()
    assert result.exit_code == 0, result.output
    (noted,) = [
        each
        for each in json.loads(result.stdout)["diagnostics"]
        if each["name"] == "lost_workers"
    ]
    assert noted["message"].startswith("Training was taken up once from its last")
    assert len(seen) == 2
    assert psutil.wait_procs([*seen, *workers()], timeout=60)[1] == []

    alone = QCLMixNetClassifier(max_epochs=N_EPOCHS, random_state=0)
    alone.fit_parquet(source, target="y")
    together = QCLMixNetClassifier.load(out)
    rows = pd.read_parquet(source).drop(columns="y")
    found, wanted = together.predict_proba(rows), alone.predict_proba(rows)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    losses, of_one = (
        [record.loss for record in clf.history_] for clf in (together, alone)
    )
    np.testing.assert_allclose(losses, of_one, rtol=1e-4)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    path = tmp_path / "x_num.bin"
    np.arange(12, dtype=np.float32).tofile(path)
    file = RowFile(path, "float32", (4, 3))
    return Desk(Checkpoints(tmp_path / "progress", fit="a"), [file, file])


def test_a_desk_listens_to_the_newest_attempt_alone(desk: Desk) -> None:
    weights = {"w": torch.ones(2)}
    assert desk.begin() == 1
    desk.save(1, "members", {"step": 1}, weights)
    desk.tell(1, 100, [])
    assert desk.begin() == 2
    desk.save(1, "members", {"step": 7}, weights)  # of a worker that was given up
    desk.tell(1, 100, [])
    desk.finish(1, object.__new__(Learned))
    found = desk.load("members")
    assert found is not None
    assert found == Checkpoint({"step": 1}, found.tensors)
    assert desk.outcome() == (None, "", 2)


def test_rows_that_are_learned_again_are_told_once(desk: Desk) -> None:
    desk.begin()
    desk.tell(1, 100, [])
    assert desk.heard() == (100, [])
    desk.begin()  # taken up where 60 rows were learned from
    desk.tell(2, 60, [])
    assert desk.heard() == (0, [])
    desk.tell(2, 60, [])
    assert desk.heard() == (20, [])


def test_after_a_refusal_there_is_nothing_left_to_do(desk: Desk) -> None:
    desk.begin()
    desk.refuse("Training diverged.")
    desk.refuse("The other worker was lost.")
    assert desk.begin() == 0
    assert desk.outcome() == (None, "Training diverged.", 1)


class AtOnce:
    """A desk that answers at once, as the handle of an actor would."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __getattr__(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(remote=getattr(self._desk, name))


@pytest.fixture
def order(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> WorkOrder:
    """What a worker gets that reaches the desk without Ray."""
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "get", lambda answer: answer)
    kept = np.array([2])
    sent = SentRows((desk._files[0], desk._files[1]), kept, "here", "qclmixnet-1")
    return WorkOrder(AtOnce(desk), None, sent, every_s=0.0, is_heard=False)


@pytest.mark.parametrize("node", ["here", "there"])
def test_a_worker_elsewhere_reads_a_copy_that_leaves_nothing(
    order: WorkOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: str
) -> None:
    monkeypatch.setattr(ray_desk, "BYTES_AT_ONCE", 5)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(
        "ray.get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: node)
    )
    monkeypatch.setattr(
        "ray.train.get_context", lambda: SimpleNamespace(get_local_rank=lambda: 0)
    )
    rows = on_worker._rows_here(order, Alone(), torch.device("cpu"))
    assert not list((tmp_path / "tmp").iterdir())
    taken = rows.take(np.array([3, 2, 0])).x_num
    assert taken.tolist() == [[9, 10, 11], [6, 7, 8], [0, 1, 2]]
    assert rows.kept_rows.tolist() == [2]
    is_copy = rows.files[0].path.parent != tmp_path
    assert is_copy == (node == "there")


def test_a_copy_without_room_names_what_it_needs(
    order: WorkOrder, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"could not be copied .* take 0 MB.*TMPDIR"):
        on_worker._copy(order, tmp_path / "no" / "folder")


def test_checkpoints_at_the_desk_are_those_of_the_folder(
    order: WorkOrder, desk: Desk
) -> None:
    desk.begin()
    kept = DeskCheckpoints(order.desk, 1, every_s=1000.0)
    assert not kept.is_due
    assert DeskCheckpoints(order.desk, 1, every_s=0.0).is_due
    kept.save("members", {"step": 3}, {"w": torch.ones(2)})
    found = kept.load("members")
    assert found is not None
    assert found == Checkpoint({"step": 3}, found.tensors)
    assert torch.equal(found.tensors["w"], torch.ones(2))


def test_several_workers_need_a_cluster() -> None:
    with (
        pytest.raises(InputError, match=r"give one, such as `Workers\(2, cluster="),
        Workers(2).trainer(),
    ):
        pass


def test_more_workers_than_cores_are_refused(cluster: RayCluster) -> None:
    with (
        pytest.raises(
            InputError, match=r"cores for 2 workers of 1 threads, and 9 were"
        ),
        Workers(9, cluster=cluster).trainer(),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("rows.csv", ("--ray",), "With --ray rows are read in parts, from Parquet"),
        ("rows.parquet", ("--workers=2",), "--workers 2 train together on Ray"),
        ("rows.parquet", ("--ray=x.csv",), "'x.csv' is no address of a Ray cluster"),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path, name: str, options: tuple[str, ...], words: str
) -> None:
    (tmp_path / name).write_bytes(b"a,y")
    out = tmp_path / "model"
    arguments = ["train", str(tmp_path / name), "--target=y", f"--out={out}", *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.output.split())
    assert not out.exists()
