from collections.abc import Iterator

import pytest
import torch

from qclmixnet.training.threads import step_threads


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("n_numbers", "expected"), [(1000, 1), (10**7, 2)])
def test_small_steps_get_one_thread_and_large_ones_all(
    n_numbers: int, expected: int
) -> None:
    with step_threads(n_numbers):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_the_former_number_comes_back_after_an_error() -> None:
    with pytest.raises(KeyboardInterrupt), step_threads(1):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2
