from collections.abc import Iterator

import pytest

from qclmixnet.execution import RayCluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[RayCluster]:
    """One cluster for all tests here; what is told to start one finds it there."""
    here = RayCluster()
    with here.connected(n_cpus=2):
        yield here
