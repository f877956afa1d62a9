"""Training by workers on Ray: the model is that of one process, whoever is killed."""

import json
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from typer.testing import CliRunner

from qclmixnet import QCLMixNetClassifier, load_dataset
from qclmixnet.cli.main import app
from qclmixnet.training import checkpoint

N_EPOCHS = 25


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
    monkeypatch.setattr(checkpoint, "EVERY_S", 0.0)
    progress = tmp_path / "progress"
    seen: list[psutil.Process] = []

    def kill_one() -> None:
        while not (progress / "members.json").exists():
            time.sleep(0.01)
        seen.extend(workers())
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
    losses = [[record.loss for record in c.history_] for c in (together, alone)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
