from collections.abc import Iterator

import psutil
import pytest

from qclmixnet.execution import RayCluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[RayCluster]:
    """One cluster for all tests here; what is told to start one finds it there."""
    here = RayCluster()
    with here.connected(n_cpus=2):
        yield here


@pytest.fixture(scope="session")
def ends_by_itself() -> Iterator[set[psutil.Process]]:
    """Processes that end, but so slowly that other tests run meanwhile."""
    found: set[psutil.Process] = set()
    yield found
    assert psutil.wait_procs(found, timeout=120)[1] == []
