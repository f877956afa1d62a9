import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from qclmixnet.training.threads import (
    ROWS_OF_A_BLOCK,
    in_blocks,
    step_threads,
    tree_threads,
)


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


def squares(rows: slice) -> npt.NDArray[np.float64]:
    return np.arange(3 * ROWS_OF_A_BLOCK + 7, dtype=np.float64)[rows, None] ** 2


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_blocks_come_back_in_order(n_threads: int) -> None:
    torch.set_num_threads(n_threads)
    n_rows = 3 * ROWS_OF_A_BLOCK + 7
    found = in_blocks(squares, n_rows)
    np.testing.assert_array_equal(found[:, 0], np.arange(n_rows) ** 2)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("n_blocks", [1, 2])
def test_each_block_is_computed_by_one_thread(n_blocks: int) -> None:
    seen: set[tuple[int, int]] = set()
    both = threading.Barrier(n_blocks, timeout=30)

    def look(rows: slice) -> npt.NDArray[np.float64]:
        both.wait()  # so that the blocks of two threads are computed at once
        seen.add((threading.get_ident(), torch.get_num_threads()))
        return squares(rows)

    in_blocks(look, n_blocks * ROWS_OF_A_BLOCK)
    assert len(seen) == n_blocks
    assert {threads for _, threads in seen} == {1}
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_block_that_fails_ends_all_with_its_error() -> None:
    def fail(rows: slice) -> npt.NDArray[np.float64]:
        raise ArithmeticError(str(rows.start))

    with pytest.raises(ArithmeticError, match=r"^0$"):
        in_blocks(fail, 5 * ROWS_OF_A_BLOCK)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_threads_that_predict_at_once_leave_the_usual_number_behind() -> None:
    first_is_in, second_is_out = threading.Event(), threading.Event()
    seen: dict[str, int] = {}

    def first() -> None:
        with step_threads(1):
            first_is_in.set()
            assert second_is_out.wait(timeout=30)
            seen["first, inside"] = torch.get_num_threads()
        seen["first, after"] = torch.get_num_threads()

    def second() -> None:
        assert first_is_in.wait(timeout=30)
        with step_threads(1), step_threads(1):
            seen["second, inside"] = torch.get_num_threads()
        seen["second, after"] = torch.get_num_threads()
        second_is_out.set()

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {
        "first, inside": 1,
        "second, inside": 1,
        "first, after": 2,
        "second, after": 2,
    }
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_one_thread_inside_one_thread_ends_with_the_outer_one() -> None:
    with step_threads(1):
        with step_threads(1):
            pass
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
