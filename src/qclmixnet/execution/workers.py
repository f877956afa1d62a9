"""How many tasks run at a time, and where."""

from collections.abc import Sequence
from dataclasses import dataclass

from qclmixnet.core.checks import check_integer
from qclmixnet.execution.machine import n_usable_cores
from qclmixnet.execution.processes import ProcessRunner
from qclmixnet.execution.ray_cluster import RayCluster
from qclmixnet.execution.ray_tasks import RayRunner
from qclmixnet.execution.tasks import Runner

__all__ = ["Workers"]


@dataclass(frozen=True)
class Workers:
    """How many tasks run at a time, and where.

    Attributes:
        n_workers: tasks at a time; None for as many as there are cores for.
        n_threads: threads of each.
        cluster: the Ray cluster they run on; None for processes of this machine.
    """

    n_workers: int | None = 1
    n_threads: int = 1
    cluster: RayCluster | None = None

    def __post_init__(self) -> None:
        if self.n_workers is not None:
            check_integer(self.n_workers, "n_workers", low=1)
        check_integer(self.n_threads, "n_threads", low=1)

    def runner(self, *, preload: Sequence[str] = ()) -> Runner:
        """Return a runner to enter.

        Args:
            preload: modules to import once, before the first task.

        Returns:
            A `ProcessRunner` or a `RayRunner`.
        """
        if self.cluster is not None:
            return RayRunner(
                self.cluster,
                n_workers=self.n_workers,
                n_threads=self.n_threads,
                preload=preload,
            )
        n_workers = self.n_workers or max(1, n_usable_cores() // self.n_threads)
        return ProcessRunner(
            n_workers=n_workers, n_threads=self.n_threads, preload=preload
        )
