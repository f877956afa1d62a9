"""Ray: a cluster of this machine's own, or one that is already there."""

import logging
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.execution.machine import n_usable_cores

__all__ = ["RayCluster", "is_address"]

_ADDRESS = re.compile(r"auto|[\w.-]+:\d+|\[[\da-fA-F:]+\]:\d+")

_PATIENCE_S = 10.0

_LOST = "worker died or was killed|killed due to memory pressure"


def is_address(text: str) -> bool:
    """Return whether a text looks like the address of a Ray cluster.

    >>> is_address("auto"), is_address("10.0.0.5:6379"), is_address("table.csv")
    (True, True, False)
    """
    return _ADDRESS.fullmatch(text) is not None


@dataclass(frozen=True)
class RayCluster:
    """A Ray cluster to work on.

    Attributes:
        address: ``HOST:PORT`` of a running cluster that this machine belongs to, or
            ``auto`` to look for it here; empty for a cluster of this machine alone,
            started for the work and stopped after it.
    """

    address: str = ""

    def __post_init__(self) -> None:
        if self.address and not is_address(self.address):
            raise InputError(
                f"{self.address!r} is no address of a Ray cluster: expected HOST:PORT, "
                "or 'auto' for the cluster that runs on this machine."
            )

    def require(self) -> None:
        """Refuse now what the work would refuse later.

        Raises:
            MissingExtraError: Ray is not installed.
        """
        if find_spec("ray") is None:
            raise MissingExtraError("ray", extra="ray", purpose="Work on Ray")

    @contextmanager
    def connected(self, *, n_cpus: int | None = None) -> Iterator[None]:
        """Start or join the cluster; a connection that is there already is used.

        Args:
            n_cpus: cores of a cluster that is started; all of them when left out.

        Yields:
            Nothing.

        Raises:
            InputError: no cluster answers at the address.
            MissingExtraError: Ray is not installed.
        """
        self.require()
        # Nothing is sent to anyone; set before the import, which reads these.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # Ray would write it on standard output; results say it in words of their own.
        os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", _LOST)
        import ray

        if ray.is_initialized():
            yield
            return
        logging.getLogger("ray").setLevel(logging.ERROR)
        cores = n_usable_cores() if n_cpus is None else n_cpus
        with self._joined() if self.address else _started(cores):
            yield

    @contextmanager
    def _joined(self) -> Iterator[None]:
        import ray

        try:
            if self.address != "auto":
                _check_answers(self.address)
            ray.init(
                address=self.address, log_to_driver=False, logging_level=logging.ERROR
            )
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            ray.shutdown()
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"No Ray cluster could be joined at {self.address!r}: "
                f"{said.rstrip('.')}. Start one with `ray start --head`, or leave the "
                "address out."
            ) from error
        try:
            yield
        finally:
            ray.shutdown()


def _check_answers(address: str) -> None:
    """Find out in seconds what Ray would try to find out for minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_S).close()


@contextmanager
def _started(n_cpus: int) -> Iterator[None]:
    import ray

    check_integer(n_cpus, "n_cpus", low=1)
    # Fits stand behind nobody, as without Ray.
    os.environ.setdefault("RAY_worker_niceness", "0")
    # Sockets lie in the folder, and a path to a socket must be short.
    short = Path("/tmp")  # noqa: S108
    folder = tempfile.mkdtemp(
        prefix="qclmixnet-ray-", dir=short if short.is_dir() else None
    )
    try:
        ray.init(
            address="local",
            num_cpus=n_cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            _temp_dir=folder,
        )
        yield
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
