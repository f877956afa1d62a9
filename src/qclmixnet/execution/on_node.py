"""What a Ray worker does with a task: hand it to a fresh process of its machine.

The worker itself learns nothing of the task: what it passes on in both directions is
packed, so it imports neither torch nor the libraries of a fit, and one process of the
task is like another, whoever started it.
"""

import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from qclmixnet.execution.machine import machine_name
from qclmixnet.execution.processes import ProcessRunner
from qclmixnet.execution.tasks import Outcome, Task

__all__ = ["run_on_node"]


def run_on_node(
    work: bytes,
    limits_s: tuple[float | None, float | None],
    n_threads: int,
    preload: tuple[str, ...],
) -> Outcome:
    """Run a packed call in a fresh process and wait for it.

    Args:
        work: a pickled pair of function and arguments.
        limits_s: seconds, by the clock and of processor time, after which it is
            stopped; None is no limit.
        n_threads: threads it may use.
        preload: modules to import before the first task of this worker.

    Returns:
        The outcome; its value is pickled.
    """
    task = Task("", _call, (_Packed(work),), *limits_s)
    with (
        _nameless_main(),
        ProcessRunner(n_workers=1, n_threads=n_threads, preload=preload) as runner,
    ):
        runner.submit(task)
        outcome = runner.next_outcome()
    return replace(outcome, machine=machine_name())


class _Packed:
    """Bytes here; in the process that it is sent to, what was pickled into them."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __reduce__(self) -> tuple[Callable[[bytes], object], tuple[bytes]]:
        return pickle.loads, (self._content,)


class _Result:
    """A value that becomes bytes when it is sent, after its memory was measured."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __reduce__(self) -> tuple[Callable[[bytes], bytes], tuple[bytes]]:
        return bytes, (pickle.dumps(self._value),)


def _call(work: tuple[Callable[..., object], tuple[object, ...]]) -> _Result:
    call, arguments = work
    return _Result(call(*arguments))


@contextmanager
def _nameless_main() -> Iterator[None]:
    """Hide the file of Ray's own main module.

    Otherwise the process that tasks are forked from would run it, that is import Ray,
    which starts threads.
    """
    main = sys.modules["__main__"]
    file = main.__dict__.pop("__file__", None)
    try:
        yield
    finally:
        if file is not None:
            main.__dict__["__file__"] = file
