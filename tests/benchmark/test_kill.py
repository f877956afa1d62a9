"""A run that is killed again and again ends in the rows of an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from qclmixnet.benchmark import load_run
from qclmixnet.benchmark.record import KEY, SCORES

KILLS = 5


def command(out: Path) -> list[str]:
    return [
        str(Path(sys.executable).with_name("qclmixnet")),
        "benchmark",
        "--tables=newthyroid,glass",
        "--methods=knn,logistic_regression,random_forest",
        "--folds=2",
        f"--out={out}",
        "--json",
    ]


def n_files(out: Path) -> int:
    """Count the traces of finished fits, to kill in the middle of the work."""
    kept = len(list((out / "fits").glob("*.npz"))) if (out / "fits").exists() else 0
    rows = (
        len(pd.read_parquet(out / "rows.parquet"))
        if (out / "rows.parquet").exists()
        else 0
    )
    return kept + 4 * rows


@pytest.mark.slow
def test_killing_a_run_five_times_changes_no_score(tmp_path: Path) -> None:
    quiet, killed = tmp_path / "quiet", tmp_path / "killed"
    subprocess.run(command(quiet), check=True, capture_output=True)
    chance = random.Random(0)
    n_killed = 0
    while n_killed < KILLS:
        before = n_files(killed)
        process = subprocess.Popen(
            command(killed), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and n_files(killed) == before:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.2))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        n_killed += 1
        assert len(load_run(killed).rows) < len(load_run(quiet).rows)
    subprocess.run(command(killed), check=True, capture_output=True)

    def scores(path: Path) -> pd.DataFrame:
        rows = load_run(path).rows.set_index(list(KEY)).sort_index()
        return rows[["status", *SCORES]]

    pd.testing.assert_frame_equal(scores(quiet), scores(killed), check_exact=True)
    assert not (killed / "fits").exists()
