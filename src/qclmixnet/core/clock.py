"""The clock that time limits of fits go by.

It is the one on the wall, unless a block of code says that processor time counts: a
fit in a benchmark should find what it finds whatever else the machine does meanwhile.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["MOST_WAITING", "now", "processor_clock", "watch_seconds"]

MOST_WAITING = 4.0
"""Seconds on the wall that count as one processor second at least."""


@dataclass(frozen=True)
class _Clock:
    now: Callable[[], float]
    most_waiting: float


# The last one holds, in all threads: processor time is that of the process, too.
_clocks = [_Clock(time.monotonic, 1.0)]


def now() -> float:
    """Return seconds since some moment; only differences mean something."""
    return _clocks[-1].now()


def watch_seconds(limit_s: float) -> float:
    """Return how long a limit may last on the wall.

    Args:
        limit_s: seconds by this clock.

    Returns:
        Seconds, for libraries that know no other clock.
    """
    return limit_s * _clocks[-1].most_waiting


@contextmanager
def processor_clock(n_threads: int) -> Iterator[None]:
    """Let processor seconds count inside the block.

    The clock shows the processor time of this process since the block began, divided
    by its threads, or a fourth (`MOST_WAITING`) of the time on the wall if that is
    more: what waits for ever comes to its limit, too.

    Args:
        n_threads: threads that work, at least 1.

    Yields:
        Nothing.

    >>> with processor_clock(1):
    ...     began = now()
    ...     time.sleep(0.1)
    ...     0.02 < now() - began < 0.09
    True
    """
    processor, wall = time.process_time(), time.monotonic()

    def read() -> float:
        worked = (time.process_time() - processor) / n_threads
        return max(worked, (time.monotonic() - wall) / MOST_WAITING)

    _clocks.append(_Clock(read, MOST_WAITING))
    try:
        yield
    finally:
        _clocks.pop()
