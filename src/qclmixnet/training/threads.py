"""How many threads a step deserves, the growing of trees, and what learns nothing."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits

__all__ = ["ROWS_OF_A_BLOCK", "in_blocks", "step_threads", "tree_threads"]

# Below this many numbers in the largest tensor of a step a second thread gains nothing
# on an idle machine, and on a busy one the waiting of the two for each other made a
# small fit four times slower (benchmarks/speed.py, "threads").
_NUMBERS_WORTH_A_SECOND_THREAD = 500_000

ROWS_OF_A_BLOCK = 2_048
"""Rows that one thread predicts by itself."""


class _OneThread:
    """Give torch one thread for a while, and its usual number once all are done.

    The number is one for the process, which new threads begin with. A service that
    predicts in several threads would otherwise take the 1 of a prediction under way in
    another thread for the usual number, and keep it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_inside, self._usual = 0, 1
        self._here = threading.local()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        if getattr(self._here, "is_inside", False):
            yield
            return
        with self._lock:
            if not self._n_inside:
                self._usual = torch.get_num_threads()
            self._n_inside += 1
            torch.set_num_threads(1)
        self._here.is_inside = True
        try:
            yield
        finally:
            self._here.is_inside = False
            with self._lock:
                self._n_inside -= 1
                torch.set_num_threads(self._usual)


_one_thread = _OneThread()


@contextmanager
def step_threads(n_numbers: int) -> Iterator[None]:
    """Use one thread inside the block when its steps are small.

    Args:
        n_numbers: entries of the largest tensor of a step.

    Yields:
        Nothing; afterwards torch has its former number of threads.
    """
    if n_numbers >= _NUMBERS_WORTH_A_SECOND_THREAD:
        yield
        return
    with _one_thread():
        yield


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


def in_blocks(
    compute: Callable[[slice], npt.NDArray[np.float64]], n_rows: int
) -> npt.NDArray[np.float64]:
    """Compute blocks of rows side by side, each of them with one thread.

    Threads that share every product of a pass wait for each other after each, and
    beside busy processes took 2 to 20 times as long with two as with one. Threads
    with rows of their own meet once, at the end (benchmarks/speed.py, "predicting").

    Args:
        compute: from a slice of the rows to their results, rows first; called from
            several threads at once.
        n_rows: rows in all.

    Returns:
        The results of all rows, in order.
    """
    n_threads = torch.get_num_threads()
    starts = range(0, n_rows, ROWS_OF_A_BLOCK)
    blocks = [slice(start, start + ROWS_OF_A_BLOCK) for start in starts]
    with step_threads(0):
        if len(blocks) <= 1:
            return compute(slice(None))
        if n_threads == 1:
            return np.concatenate([compute(rows) for rows in blocks])
        pool = ThreadPoolExecutor(
            min(n_threads, len(blocks)),
            # One by itself, unless a prediction in another thread has just ended.
            initializer=torch.set_num_threads,
            initargs=(1,),
        )
        try:
            return np.concatenate(list(pool.map(compute, blocks)))
        finally:
            pool.shutdown(cancel_futures=True)
