"""A cluster of one's own goes when its command goes, whichever way that goes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from qclmixnet.benchmark import RunDescription, load_run, run_benchmark
from qclmixnet.benchmark.record import KEY, SCORES

METHODS = ("knn", "logistic_regression", "random_forest")


def command(out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            str(Path(sys.executable).with_name("qclmixnet")),
            *("benchmark", "--ray", "--jobs=2", "--tables=newthyroid", "--folds=2"),
            *(f"--methods={','.join(METHODS)}", f"--out={out}", "--json"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def family(process: subprocess.Popen[bytes]) -> set[psutil.Process]:
    try:
        return set(psutil.Process(process.pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def scores(path: Path) -> pd.DataFrame:
    rows = load_run(path).rows.set_index(list(KEY)).sort_index()
    return rows[["status", *SCORES]]


@pytest.mark.slow
def test_a_killed_run_leaves_no_process_and_goes_on_to_the_same_scores(
    tmp_path: Path,
) -> None:
    killed, quiet = tmp_path / "killed", tmp_path / "quiet"
    process = command(killed)
    while process.poll() is None and not (killed / "rows.parquet").exists():
        time.sleep(0.01)
    started = family(process)
    assert {"raylet", "gcs_server"} <= {child.name() for child in started}
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert psutil.wait_procs(started, timeout=60)[1] == []
    n_before = len(load_run(killed).rows)
    assert 0 < n_before < 2 * 2 * len(METHODS)

    process = command(killed)
    started = set()
    while process.poll() is None:
        started |= family(process)
        time.sleep(0.1)
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()
    assert psutil.wait_procs(started, timeout=30)[1] == []

    run_benchmark(RunDescription(("newthyroid",), METHODS, n_folds=2), quiet)
    pd.testing.assert_frame_equal(scores(quiet), scores(killed), check_exact=True)
