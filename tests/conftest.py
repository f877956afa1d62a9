from collections.abc import Iterator

import pytest
from hypothesis import settings
from jaxtyping import config

# A busy machine must not fail a test by being slow, nor a fresh seed one that passed.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


@pytest.fixture
def users_view() -> Iterator[None]:
    """Run without the shape checker, as users do, to see our own errors."""
    config.update("jaxtyping_disable", value=True)
    yield
    config.update("jaxtyping_disable", value=False)
