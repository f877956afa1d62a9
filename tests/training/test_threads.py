from collections.abc import Iterator

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from qclmixnet.training.threads import step_threads, tree_threads


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


def openmp_threads() -> set[int]:
    return {p["num_threads"] for p in threadpool_info() if p["user_api"] == "openmp"}


@pytest.mark.parametrize(("n_cells", "expected"), [(499_999, 1), (500_000, 2)])
def test_trees_of_small_tables_are_grown_with_one_thread(
    n_cells: int, expected: int
) -> None:
    with threadpool_limits(2, user_api="openmp"):
        with tree_threads(n_cells):
            assert openmp_threads() == {expected}
        assert openmp_threads() == {2}
