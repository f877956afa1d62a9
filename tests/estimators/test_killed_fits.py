"""A fit that is killed (kill -9) goes on from its last checkpoint to the same end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qclmixnet import QCLMixNetClassifier, load_dataset
from qclmixnet.core.errors import InputError
from qclmixnet.training import checkpoint

SETTINGS: dict[str, Any] = {
    "max_epochs": 4,
    "n_tree_rounds": 2,
    "n_members": 4,
    "random_state": 0,
}

# Hangs in the middle of the nth file, which is then written by half.
_CHILD = """
import sys, time
from pathlib import Path
from qclmixnet import QCLMixNetClassifier
from qclmixnet.training import checkpoint

source, folder, hang_at = sys.argv[1], sys.argv[2], int(sys.argv[3])
checkpoint.EVERY_S = 0.0
write, n_written = checkpoint._write, 0

def write_or_hang(path, content):
    global n_written
    n_written += 1
    if n_written == hang_at:
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(content[: len(content) // 2])
        Path(folder, "hangs").touch()
        time.sleep(600)
    write(path, content)

checkpoint._write = write_or_hang
settings = dict(max_epochs=4, n_tree_rounds=2, n_members=4, random_state=0)
QCLMixNetClassifier(**settings).fit_parquet(source, target="y", checkpoint_dir=folder)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X, y = load_dataset("newthyroid", return_X_y=True)
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    # So many rows that an epoch has several steps.
    frame = pd.concat([X.assign(y=y.astype(str))] * 5, ignore_index=True)
    noise = np.random.default_rng(0).normal(size=(len(frame), X.shape[1]))
    frame[X.columns] += 0.1 * noise
    frame.to_parquet(path, index=False)
    return path


@pytest.fixture(scope="module")
def wanted(source: Path) -> np.ndarray:
    return fitted(source, None)


def fitted(source: Path, folder: Path | None) -> np.ndarray:
    clf = QCLMixNetClassifier(**SETTINGS)
    clf.fit_parquet(source, target="y", checkpoint_dir=folder)
    proba: np.ndarray = clf.predict_proba(pd.read_parquet(source).drop(columns="y"))
    return proba


def kill_when(seen: Path, command: list[str]) -> None:
    """Start a process, and end it by SIGKILL as soon as a file is there."""
    child = subprocess.Popen(command, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 300
    try:
        while not seen.exists():
            assert child.poll() is None, child.communicate()[1].decode()
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    assert child.returncode == -signal.SIGKILL


# Files 1 and 2 are those of the trees; 3, 5, ... tensors of the members, 4, 6, ...
# what names them.
@pytest.mark.parametrize("hang_at", [1, 2, 3, 4, 11, 12])
def test_a_fit_killed_while_it_writes_goes_on_to_the_same_end(
    source: Path, wanted: np.ndarray, tmp_path: Path, hang_at: int
) -> None:
    command = [sys.executable, "-c", _CHILD, str(source), str(tmp_path), str(hang_at)]
    kill_when(tmp_path / "hangs", command)
    assert list(tmp_path.glob(".*.partial"))  # by half
    assert (tmp_path / "trees.json").exists() == (hang_at > 2)
    if hang_at > 4:  # nothing is lost but the step after the last one written
        values = json.loads((tmp_path / "members.json").read_text("utf-8"))["values"]
        n_whole = (hang_at - 3) // 2
        assert (values["epoch"] - 1) * 4 + values["step"] == n_whole
    np.testing.assert_array_equal(fitted(source, tmp_path), wanted)


def test_a_fit_killed_in_the_middle_goes_on_to_the_same_end(
    source: Path, wanted: np.ndarray, tmp_path: Path
) -> None:
    nowhere = 10**9
    command = [sys.executable, "-c", _CHILD, str(source), str(tmp_path), str(nowhere)]
    kill_when(tmp_path / "members.json", command)
    np.testing.assert_array_equal(fitted(source, tmp_path), wanted)


def test_a_fit_in_memory_is_taken_up_as_well(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_S", 0.0)
    frame = pd.read_parquet(source)
    X, y = frame.drop(columns="y"), frame["y"]
    clf = QCLMixNetClassifier(**SETTINGS).fit(X, y, checkpoint_dir=tmp_path)
    first = clf.predict_proba(X)
    written = (tmp_path / "members.json").stat().st_mtime_ns
    again = QCLMixNetClassifier(**SETTINGS).fit(X, y, checkpoint_dir=tmp_path)
    np.testing.assert_array_equal(again.predict_proba(X), first)
    assert (tmp_path / "members.json").stat().st_mtime_ns == written  # nothing to do


@pytest.mark.parametrize(
    ("change", "rows"),
    [({"random_state": 1}, 1075), ({"max_epochs": 5}, 1075), ({}, 1074)],
    ids=["seed", "argument", "rows"],
)
def test_checkpoints_of_another_fit_are_refused(
    source: Path,
    tmp_path_factory: pytest.TempPathFactory,
    change: dict[str, int],
    rows: int,
) -> None:
    folder = tmp_path_factory.mktemp("checkpoints")
    frame = pd.read_parquet(source)
    X, y = frame.drop(columns="y"), frame["y"]
    quick = {**SETTINGS, "max_epochs": 1}
    QCLMixNetClassifier(**quick).fit(X, y, checkpoint_dir=folder)
    other = QCLMixNetClassifier(**{**quick, **change})
    with pytest.raises(InputError, match=r"belongs to another fit"):
        other.fit(X[:rows], y[:rows], checkpoint_dir=folder)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"random_state": None}, r"`random_state` must be a whole number"),
        ({"preset": "paper"}, r"Checkpoints are written of cross-fitted members only"),
    ],
)
def test_what_cannot_be_taken_up_is_refused(
    source: Path, tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    frame = pd.read_parquet(source)
    clf = QCLMixNetClassifier(**{"random_state": 0, **settings})
    with pytest.raises(InputError, match=words):
        clf.fit(frame.drop(columns="y"), frame["y"], checkpoint_dir=tmp_path)
