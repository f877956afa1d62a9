"""Times of two forms of the same work, in turns."""

import statistics
import time
from collections.abc import Callable

__all__ = ["before_and_now"]


def before_and_now(
    before: Callable[[], object],
    now: Callable[[], object],
    *,
    repeats: int,
    ratio_digits: int,
) -> dict[str, float]:
    """Return the median processor milliseconds of both, and of their ratio."""
    pairs = [(milliseconds(before), milliseconds(now)) for _ in range(repeats)]
    return {
        "before_ms": round(statistics.median(b for b, _ in pairs), 2),
        "now_ms": round(statistics.median(n for _, n in pairs), 2),
        "ratio": round(statistics.median(b / n for b, n in pairs), ratio_digits),
    }


def milliseconds(call: Callable[[], object]) -> float:
    """Return the processor's milliseconds of a call."""
    started = time.process_time()
    call()
    return (time.process_time() - started) * 1000
