"""Tasks in processes of their own: results, failures, time limits, memory, orphans."""

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from qclmixnet.execution import ProcessRunner, Task
from qclmixnet.execution.child import peak_memory_mb


def test_results_come_back_under_their_keys() -> None:
    with ProcessRunner(n_workers=2) as runner:
        for number in range(5):
            runner.submit(Task(number, math.sqrt, (float(number),)))
        found = {}
        while runner.n_open:
            outcome = runner.next_outcome()
            found[outcome.key] = outcome.value
    assert found == {number: math.sqrt(number) for number in range(5)}


def test_an_exception_is_a_failure_in_one_line() -> None:
    with ProcessRunner(n_workers=1) as runner:
        runner.submit(Task("root", math.sqrt, (-1.0,)))
        outcome = runner.next_outcome()
    assert (outcome.status, outcome.value) == ("failed", None)
    assert outcome.message.startswith("ValueError: ")


@pytest.mark.parametrize(
    ("call", "arguments", "words"),
    [
        (os.abort, (), "ended by SIGABRT"),
        (os._exit, (3,), "exit code 3"),
    ],
)
def test_a_process_that_dies_is_a_failure_that_says_how(
    call: object, arguments: tuple[object, ...], words: str
) -> None:
    assert callable(call)
    with ProcessRunner(n_workers=1) as runner:
        runner.submit(Task("death", call, arguments))
        outcome = runner.next_outcome()
        runner.submit(Task("after", math.sqrt, (4.0,)))
        after = runner.next_outcome()
    assert outcome.status == "failed"
    assert words in outcome.message
    assert after.value == 2.0


def test_a_task_over_its_limit_is_stopped_and_the_others_go_on() -> None:
    with ProcessRunner(n_workers=2) as runner:
        runner.submit(Task("long", time.sleep, (60.0,), 0.3))
        runner.submit(Task("short", math.sqrt, (9.0,)))
        outcomes = [runner.next_outcome(), runner.next_outcome()]
    by_key = {outcome.key: outcome for outcome in outcomes}
    assert by_key["short"].value == 3.0
    assert by_key["long"].status == "timeout"
    assert 0.3 <= by_key["long"].seconds < 30


def test_processor_time_has_a_limit_of_its_own() -> None:
    work = "import time\nwhile time.process_time() < 60: pass"
    with ProcessRunner(n_workers=2) as runner:
        runner.submit(Task("works", exec, (work,), cpu_limit_s=0.5))
        runner.submit(Task("waits", time.sleep, (2.0,), cpu_limit_s=0.5))
        outcomes = [runner.next_outcome(), runner.next_outcome()]
    by_key = {outcome.key: outcome for outcome in outcomes}
    assert by_key["waits"].status == "ok"
    assert by_key["works"].status == "timeout"
    assert by_key["works"].message == "stopped after 0.5 s of processor time"


def test_no_more_tasks_at_a_time_than_workers() -> None:
    with ProcessRunner(n_workers=2) as runner:
        assert runner.n_free == 2
        for number in range(3):
            runner.submit(Task(number, time.sleep, (0.05,)))
        assert (runner.n_open, runner.n_free) == (3, 0)
        assert len(runner._running) == 2


def test_peak_memory_is_that_of_the_task_alone() -> None:
    with ProcessRunner(n_workers=1, preload=["numpy"]) as runner:
        peaks = []
        for size in (200, 1):
            runner.submit(Task(size, np.ones, (size * 2**17,)))
            peaks.append(runner.next_outcome().peak_mb)
    assert 190 < peaks[0] < 500
    assert peaks[1] < 50


def test_peak_memory_agrees_with_psutil() -> None:
    resident = psutil.Process().memory_info().rss / 2**20
    assert peak_memory_mb() >= 0.95 * resident


_POOLS = (
    "(__import__('sklearn.linear_model'), "
    "__import__('threadpoolctl').threadpool_info())[1]"
)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_are_limited_also_in_libraries_that_load_later(n_threads: int) -> None:
    import torch

    with ProcessRunner(n_workers=1, n_threads=n_threads) as runner:
        runner.submit(Task("torch", torch.get_num_threads))
        runner.submit(Task("pools", eval, (_POOLS,)))
        found = {}
        while runner.n_open:
            outcome = runner.next_outcome()
            found[outcome.key] = outcome.value
    assert found["torch"] == n_threads
    pools = found["pools"]
    assert isinstance(pools, list)
    assert pools
    assert all(pool["num_threads"] <= n_threads for pool in pools)


def test_temporary_files_of_a_task_are_gone_after_the_run() -> None:
    with ProcessRunner(n_workers=1) as runner:
        runner.submit(Task("folder", tempfile.mkdtemp))
        path = runner.next_outcome().value
        assert isinstance(path, str)
        assert Path(path).exists()
    assert not Path(path).parent.exists()


def test_waiting_for_nothing_is_refused() -> None:
    with (
        ProcessRunner(n_workers=1) as runner,
        pytest.raises(RuntimeError, match="No task"),
    ):
        runner.next_outcome()


_PARENT = """
import sys, time
from qclmixnet.execution import ProcessRunner, Task
if __name__ == "__main__":
    with ProcessRunner(n_workers=1) as runner:
        runner.submit(Task("long", time.sleep, (600.0,)))
        print(runner._running[0].process.pid, flush=True)
        runner.next_outcome()
"""


def test_a_killed_parent_leaves_no_process_behind(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([child], timeout=20)
    assert gone == [child]


def test_a_search_for_gpus_leaves_forked_processes_able_to_use_one() -> None:
    # Without it torch asks CUDA itself, which does not work in a process forked after.
    name = "PYTORCH_NVML_BASED_CUDA_CHECK"
    before = os.environ.get(name)
    with ProcessRunner(n_workers=1) as runner:
        runner.submit(Task("look", os.getenv, (name,)))
        assert runner.next_outcome().value == "1"
    assert os.environ.get(name) == before
