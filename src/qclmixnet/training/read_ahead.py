"""Making the next things while the present one is used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

__all__ = ["read_ahead"]

Given = TypeVar("Given")
Made = TypeVar("Made")


def read_ahead(
    make: Callable[[Given], Made], arguments: Iterable[Given], *, n_ahead: int = 2
) -> Iterator[Made]:
    """Make one thing after the other in a thread of its own, some before their turn.

    Args:
        make: makes a thing; it is never called twice at a time.
        arguments: what from.
        n_ahead: how many may be made before they are asked for, >= 1.

    Yields:
        The things, in the order of the arguments. An error of `make` is raised in
        place of its thing.

    >>> list(read_ahead(abs, [-1, 2, -3]))
    [1, 2, 3]
    """
    left = iter(arguments)
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        waiting: deque[Future[Made]] = deque(
            thread.submit(make, given) for given in islice(left, n_ahead)
        )
        try:
            while waiting:
                made = waiting.popleft().result()
                waiting.extend(thread.submit(make, given) for given in islice(left, 1))
                yield made
        finally:  # whoever stops early does not wait for what nobody will ask for
            for future in waiting:
                future.cancel()
