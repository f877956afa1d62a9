"""What runs elsewhere, what comes of it, and what every runner can do."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

__all__ = ["Outcome", "Runner", "Status", "Task", "error_in_words"]

Status = Literal["ok", "failed", "timeout"]


@dataclass(frozen=True)
class Task:
    """A call to make in a process of its own.

    Attributes:
        key: what the outcome is called.
        call: a function at the top level of a module.
        arguments: what it is called with; they and its result must pickle.
        time_limit_s: seconds after which it is stopped; None is no limit.
        cpu_limit_s: seconds of processor time, over all threads, after which it is
            stopped where the system can do that (not on Windows); None is no limit.
    """

    key: Hashable
    call: Callable[..., object]
    arguments: tuple[object, ...] = ()
    time_limit_s: float | None = None
    cpu_limit_s: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a task.

    Attributes:
        key: of the task.
        status: ``ok``, ``failed`` (it raised, or its process died) or ``timeout``.
        value: what the call returned, if ``ok``.
        message: why not, in one line; also says when it took a second attempt.
        seconds: wall-clock seconds from the start of the process.
        peak_mb: MiB of memory that the task added to its process at its peak.
        machine: short name of the machine it ran on; empty for this one.
    """

    key: Hashable
    status: Status
    value: object
    message: str
    seconds: float
    peak_mb: float
    machine: str = ""


class Runner(ABC):
    """Runs tasks, so many at a time, and hands out what comes of them.

    Args:
        n_workers: tasks at a time.
    """

    def __init__(self, n_workers: int) -> None:
        self._n_workers = n_workers
        self._waiting: deque[Task] = deque()

    @abstractmethod
    def __enter__(self) -> "Runner":
        """Get ready for tasks."""

    @abstractmethod
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop what is still at work, and leave nothing behind."""

    @property
    def n_workers(self) -> int:
        """Tasks at a time."""
        return self._n_workers

    @property
    @abstractmethod
    def n_running(self) -> int:
        """Tasks that are at work."""

    @property
    def n_open(self) -> int:
        """Tasks that are waiting or running."""
        return len(self._waiting) + self.n_running

    @property
    def n_free(self) -> int:
        """Tasks that could start at once, as far as this runner goes."""
        return max(0, self._n_workers - self.n_open)

    def submit(self, task: Task) -> None:
        """Start a task as soon as there is room; first come, first served."""
        self._waiting.append(task)
        self._start_waiting()

    @abstractmethod
    def next_outcome(self) -> Outcome:
        """Wait until a task is over and return what came of it.

        Returns:
            The outcome of the task that was over first.

        Raises:
            RuntimeError: there is no task to wait for.
        """

    def _start_waiting(self) -> None:
        while self._waiting and self.n_running < self._n_workers:
            self._start(self._waiting.popleft())

    @abstractmethod
    def _start(self, task: Task) -> None:
        """Let a task begin; there is room for it."""


def error_in_words(error: BaseException) -> str:
    """Return what a failed task says of itself: kind and first line, in 300 letters.

    >>> error_in_words(ValueError("no rows")), error_in_words(KeyError())
    ('ValueError: no rows', 'KeyError: no message')
    """
    lines = str(error).strip().splitlines()
    first = lines[0] if lines else "no message"
    return f"{type(error).__name__}: {first}"[:300]
