from collections.abc import Iterator

import jaxtyping
import pytest


@pytest.fixture
def as_installed() -> Iterator[None]:
    """Turn the shape checks of the test run off, to reach the checks made by hand."""
    jaxtyping.config.update("jaxtyping_disable", True)  # noqa: FBT003
    yield
    jaxtyping.config.update("jaxtyping_disable", False)  # noqa: FBT003
