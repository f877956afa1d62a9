"""Tasks on a Ray cluster: Ray finds the place, a fresh process there does the work.

Each task takes as many of the cluster's cores as it has threads. Time limits, memory
and deaths are seen to by the process runner of the node, so they mean the same as
without Ray. When a worker or its node dies, what it was doing runs once more elsewhere.
"""

import pickle
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.execution.on_node import run_on_node
from qclmixnet.execution.ray_cluster import RayCluster
from qclmixnet.execution.tasks import Outcome, Runner, Task, error_in_words

if TYPE_CHECKING:
    from ray import ObjectRef

__all__ = ["RayRunner", "count_places"]

_N_ATTEMPTS = 2


@dataclass(frozen=True)
class _Running:
    task: Task
    attempt: int


class RayRunner(Runner):
    """Run tasks on a Ray cluster, so many at a time.

    Args:
        cluster: where.
        n_workers: tasks at a time; None for as many as the cluster has cores for.
        n_threads: threads each may use, and cores it takes.
        preload: modules that a worker imports once, before its first task.
    """

    def __init__(
        self,
        cluster: RayCluster,
        *,
        n_workers: int | None = None,
        n_threads: int = 1,
        preload: Sequence[str] = (),
    ) -> None:
        if n_workers is not None:
            check_integer(n_workers, "n_workers", low=1)
        super().__init__(0)  # until the cluster says how many there are
        self._cluster = cluster
        self._asked = n_workers
        self._n_threads = check_integer(n_threads, "n_threads", low=1)
        self._preload = tuple(preload)
        self._running: dict[ObjectRef[Outcome], _Running] = {}
        self._stack = ExitStack()
        self._remote: Any = None

    def __enter__(self) -> "RayRunner":
        self._cluster.require()
        import ray

        with ExitStack() as stack:
            asked = self._asked
            stack.enter_context(
                self._cluster.connected(
                    n_cpus=None if asked is None else asked * self._n_threads
                )
            )
            self._remote = ray.remote(num_cpus=self._n_threads, max_retries=0)(
                run_on_node
            )
            places = count_places(self._n_threads)
            self._n_workers = places if asked is None else asked
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        import ray

        for reference in self._running:
            # The process of the task notices that its worker is gone, and ends.
            ray.cancel(reference, force=True)
        self._running.clear()
        self._waiting.clear()
        self._stack.close()

    @property
    def n_running(self) -> int:
        """Tasks that are at work."""
        return len(self._running)

    def next_outcome(self) -> Outcome:
        """Wait for a task; see `Runner`."""
        import ray

        if not self._running:
            raise RuntimeError("No task is running.")
        while True:
            ready, _ = ray.wait(list(self._running), num_returns=1)
            outcome = self._collect(ready[0])
            if outcome is not None:
                self._start_waiting()
                return outcome

    def _start(self, task: Task, *, attempt: int = 1) -> None:
        from ray import cloudpickle

        reference = self._remote.remote(
            cloudpickle.dumps((task.call, task.arguments)),  # type: ignore[no-untyped-call]
            (task.time_limit_s, task.cpu_limit_s),
            self._n_threads,
            self._preload,
        )
        self._running[reference] = _Running(task, attempt)

    def _collect(self, reference: "ObjectRef[Outcome]") -> Outcome | None:
        """Return what came of a task, or None when it has to run again."""
        import ray

        running = self._running.pop(reference)
        key = running.task.key
        try:
            found: Outcome = ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            said = f"on its node: {error_in_words(error.cause)}"[:300]
            return Outcome(key, "failed", None, said, 0.0, float("nan"))
        except ray.exceptions.RayError as error:
            if running.attempt < _N_ATTEMPTS:
                self._start(running.task, attempt=running.attempt + 1)
                return None
            said = f"its worker died twice ({type(error).__name__})"
            return Outcome(key, "failed", None, said, 0.0, float("nan"))
        # What our own process of the task has pickled.
        sent = found.value
        value = pickle.loads(sent) if isinstance(sent, bytes) else None  # noqa: S301
        return replace(
            found, key=key, value=value, message=_message(found, running.attempt)
        )


def _message(found: Outcome, attempt: int) -> str:
    again = "second attempt, the worker of the first one died" if attempt > 1 else ""
    return "; ".join(filter(None, [found.message, again]))


def _nodes() -> list[dict[str, Any]]:
    import ray

    return list(ray.nodes())  # type: ignore[no-untyped-call]


def count_places(n_threads: int) -> int:
    """Return how many tasks of so many threads fit on the nodes that are there.

    Args:
        n_threads: of each task.

    Returns:
        The number.

    Raises:
        InputError: there is no room for one.
    """
    cores = [int(node["Resources"].get("CPU", 0)) for node in _nodes() if node["Alive"]]
    places = sum(n // n_threads for n in cores)
    if not places:
        raise InputError(
            f"No node of the Ray cluster has {n_threads} cores for one task; the nodes "
            f"have {', '.join(map(str, cores)) or 'none'}."
        )
    return places
