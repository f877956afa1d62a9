"""How many threads a step deserves, and the growing of trees."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

__all__ = ["step_threads", "tree_threads"]

# Below this many numbers in the largest tensor of a step a second thread gains nothing
# on an idle machine, and on a busy one the waiting of the two for each other made a
# small fit four times slower (benchmarks/speed.py, "threads").
_NUMBERS_WORTH_A_SECOND_THREAD = 500_000


@contextmanager
def step_threads(n_numbers: int) -> Iterator[None]:
    """Use one thread inside the block when its steps are small.

    Args:
        n_numbers: entries of the largest tensor of a step.

    Yields:
        Nothing; afterwards torch has its former number of threads.
    """
    before = torch.get_num_threads()
    if n_numbers < _NUMBERS_WORTH_A_SECOND_THREAD:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def tree_threads(n_cells: int) -> Iterator[None]:
    """Let scikit-learn grow trees with one thread inside the block on small tables.

    Args:
        n_cells: rows times columns that a tree is grown on.

    Yields:
        Nothing; afterwards OpenMP has its former number of threads.
    """
    if n_cells >= _NUMBERS_WORTH_A_SECOND_THREAD:
        yield
        return
    with threadpool_limits(1, user_api="openmp"):
        yield
