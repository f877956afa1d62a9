"""How many tasks run at a time, and where; or how many train together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.execution.machine import n_usable_cores
from qclmixnet.execution.processes import ProcessRunner
from qclmixnet.execution.ray_cluster import RayCluster
from qclmixnet.execution.ray_tasks import RayRunner, count_places
from qclmixnet.execution.tasks import Runner

if TYPE_CHECKING:
    from qclmixnet.execution.ray_training import RayTrainer

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

    @contextmanager
    def trainer(self) -> Iterator["RayTrainer"]:
        """Connect to the cluster, for a fit that all workers train together.

        Yields:
            What has them train.

        Raises:
            InputError: there is no cluster, none answers, or it has too few cores.
            MissingExtraError: Ray is not installed.
        """
        if self.cluster is None:
            raise InputError(
                "Several workers train together on a Ray cluster: give one, such as "
                "`Workers(2, cluster=RayCluster())` for one of this machine."
            )
        from qclmixnet.execution.ray_training import RayTrainer

        asked = self.n_workers
        n_cpus = None if asked is None else asked * self.n_threads
        with self.cluster.connected(n_cpus=n_cpus):
            places = count_places(self.n_threads)
            if asked is not None and asked > places:
                raise InputError(
                    f"The Ray cluster has cores for {places} workers of "
                    f"{self.n_threads} threads, and {asked} were asked for."
                )
            yield RayTrainer(asked or places, n_threads=self.n_threads)
