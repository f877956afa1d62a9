"""Tasks in local processes: a fresh one each, stopped when its time is over.

A fresh process keeps one library's threads, memory and global state away from the
next fit, makes the peak of its memory a fact about that fit alone, and is the only way
to stop a fit in native code. To be cheap it is forked from a server that has imported
the libraries once and has run nothing.
"""

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import TracebackType

from qclmixnet.core.checks import check_integer
from qclmixnet.execution.child import THREAD_VARIABLES, run_task
from qclmixnet.execution.tasks import Outcome, Runner, Status, Task

__all__ = ["ProcessRunner"]

# How a process ends that the system has stopped; there is no such thing on Windows.
_OVER_CPU_LIMIT = -signal.SIGXCPU if hasattr(signal, "SIGXCPU") else None


@dataclass(frozen=True)
class _Running:
    task: Task
    process: BaseProcess
    connection: Connection
    started: float

    @property
    def deadline(self) -> float:
        limit = self.task.time_limit_s
        return float("inf") if limit is None else self.started + limit


# Where torch asks CUDA itself whether there is a GPU, no process that is forked after
# that can use one.
_FORK_SAFE = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}


class ProcessRunner(Runner):
    """Run tasks in processes, so many at a time, and hand out what comes of them.

    Args:
        n_workers: processes at a time.
        n_threads: threads each may use; `n_workers` times this should not be more than
            the cores.
        preload: modules to import once, before the first task.

    >>> import math
    >>> with ProcessRunner(n_workers=1) as runner:
    ...     runner.submit(Task("root", math.sqrt, (2.0,)))
    ...     runner.next_outcome().value
    1.4142135623730951
    """

    def __init__(
        self, *, n_workers: int, n_threads: int = 1, preload: Sequence[str] = ()
    ) -> None:
        super().__init__(check_integer(n_workers, "n_workers", low=1))
        self._n_threads = check_integer(n_threads, "n_threads", low=1)
        self._context = _context(preload)
        self._running: list[_Running] = []
        self._files = tempfile.TemporaryDirectory(
            prefix="qclmixnet-", ignore_cleanup_errors=True
        )

    def __enter__(self) -> "ProcessRunner":
        # The imports are over before the clock of the first task starts. Libraries that
        # load with fewer threads need not be told later, when it costs them time.
        threads = dict.fromkeys(THREAD_VARIABLES, str(self._n_threads))
        with _environment(threads | _FORK_SAFE):
            first = self._context.Process(target=time.sleep, args=(0,), daemon=True)
            first.start()
            first.join()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for running in self._running:
            running.process.kill()
        for running in self._running:
            running.process.join()
        self._running.clear()
        self._waiting.clear()
        self._files.cleanup()

    @property
    def n_running(self) -> int:
        """Tasks that are at work."""
        return len(self._running)

    def next_outcome(self) -> Outcome:
        """Wait for a task; see `Runner`."""
        if not self._running:
            raise RuntimeError("No task is running.")
        while True:
            deadline = min(running.deadline for running in self._running)
            patience = max(0.0, deadline - time.monotonic())
            ready = wait(
                [running.connection for running in self._running],
                None if patience == float("inf") else patience,
            )
            for running in self._running:
                if running.connection in ready:
                    return self._collect(running)
                if time.monotonic() >= running.deadline:
                    return self._stop(running)

    def _start(self, task: Task) -> None:
        ours, theirs = self._context.Pipe()
        started = time.monotonic()
        process = self._context.Process(
            target=run_task,
            args=(
                theirs,
                task.call,
                task.arguments,
                task.cpu_limit_s,
                self._n_threads,
                self._files.name,
            ),
            daemon=True,
        )
        process.start()
        theirs.close()
        self._running.append(_Running(task, process, ours, started))

    def _collect(self, running: _Running) -> Outcome:
        try:
            status, value, message, peak_mb = running.connection.recv()
        except (EOFError, OSError):
            running.process.join()
            status, value, peak_mb = "failed", None, float("nan")
            message = _death_in_words(running.process.exitcode)
            if running.process.exitcode == _OVER_CPU_LIMIT:
                status = "timeout"
                limit = running.task.cpu_limit_s
                message = f"stopped after {limit:g} s of processor time"
        return self._finish(running, status, value, message, peak_mb)

    def _stop(self, running: _Running) -> Outcome:
        running.process.kill()
        message = f"stopped after {running.task.time_limit_s:g} s"
        return self._finish(running, "timeout", None, message, float("nan"))

    def _finish(
        self,
        running: _Running,
        status: Status,
        value: object,
        message: str,
        peak_mb: float,
    ) -> Outcome:
        seconds = time.monotonic() - running.started
        running.process.join()
        running.connection.close()
        self._running.remove(running)
        self._start_waiting()
        return Outcome(running.task.key, status, value, message, seconds, peak_mb)


def _context(preload: Sequence[str]) -> ForkServerContext | SpawnContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "qclmixnet.execution.child", *preload])
    return context


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables inside the block, for processes started there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _death_in_words(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"the process was ended by {name}{hint}"
    return f"the process ended with exit code {exit_code} and no result"
