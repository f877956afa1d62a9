from collections.abc import Iterator

import pytest
from jaxtyping import config


@pytest.fixture
def users_view() -> Iterator[None]:
    """Run without the shape checker, as users do, to see our own errors."""
    config.update("jaxtyping_disable", value=True)
    yield
    config.update("jaxtyping_disable", value=False)
