"""A cluster of one's own goes when its command goes, whichever way that goes."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
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


def family(process: subprocess.Popen[bytes]) -> dict[psutil.Process, str]:
    """Return what a command has started, with names."""
    found = {}
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                found[child] = child.name()
    return found


def scores(path: Path) -> pd.DataFrame:
    rows = load_run(path).rows.set_index(list(KEY)).sort_index()
    return rows[["status", *SCORES]]


@pytest.mark.slow
def test_a_killed_run_leaves_no_process_and_goes_on_to_the_same_scores(
    tmp_path: Path, ends_by_itself: set[psutil.Process]
) -> None:
    killed, quiet = tmp_path / "killed", tmp_path / "quiet"
    process = command(killed)
    while process.poll() is None and not (killed / "rows.parquet").exists():
        time.sleep(0.01)
    started = family(process)
    assert {"raylet", "gcs_server"} <= set(started.values())
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    # Two agents of Ray first try for a minute to report the death of the others.
    slow = {child for child, name in started.items() if name.endswith("Agent")}
    assert psutil.wait_procs(set(started) - slow, timeout=30)[1] == []
    n_before = len(load_run(killed).rows)
    assert 0 < n_before < 2 * 2 * len(METHODS)

    ends_by_itself |= slow

    process = command(killed)
    seen: set[psutil.Process] = set()
    while process.poll() is None:
        seen |= set(family(process))
        time.sleep(0.1)
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()
    assert psutil.wait_procs(seen, timeout=60)[1] == []

    run_benchmark(RunDescription(("newthyroid",), METHODS, n_folds=2), quiet)
    pd.testing.assert_frame_equal(scores(quiet), scores(killed), check_exact=True)
