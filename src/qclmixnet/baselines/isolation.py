"""Room for libraries that print, warn, log and draw from the global generators."""

import io
import logging
import random
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout

import numpy as np

__all__ = ["isolated"]

_LOUD_LOGGERS = (
    "lightning",
    "pytorch_lightning",
    "pytorch_lightning.utilities.rank_zero",
    "lightning_fabric",
)


@contextmanager
def isolated(seed: int, *, n_threads: int, silenced: tuple[str, ...]) -> Iterator[None]:
    """Run a library that offers no seed, no quiet mode and no limit on threads.

    Inside the block the global generators of Python, NumPy and torch start from
    ``seed``, torch has ``n_threads`` threads, and nothing is printed or logged;
    afterwards all of them are as before.

    Args:
        seed: whole number >= 0.
        n_threads: threads for torch.
        silenced: modules whose own warnings are not shown; others still are.

    Yields:
        Nothing.
    """
    import torch

    threads = torch.get_num_threads()
    with ExitStack() as stack:
        stack.enter_context(_own_generators(seed))
        stack.enter_context(_quiet_loggers())
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(redirect_stdout(io.StringIO()))
        for module in silenced:
            warnings.filterwarnings("ignore", module=rf"{re.escape(module)}(\.|$)")
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def _own_generators(seed: int) -> Iterator[None]:
    import torch

    has_cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    cuda = range(torch.cuda.device_count()) if has_cuda else ()
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=list(cuda)):
        own = np.random.RandomState(seed % 2**32)
        random.setstate(random.Random(seed).getstate())  # noqa: S311
        np.random.set_state(own.get_state())  # noqa: NPY002
        torch.random.set_rng_state(torch.Generator().manual_seed(seed).get_state())
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002


@contextmanager
def _quiet_loggers() -> Iterator[None]:
    """Drop what the loggers say below an error.

    By a filter: importing Lightning sets the level of its loggers.
    """
    loggers = [logging.getLogger(name) for name in _LOUD_LOGGERS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addFilter(_is_error)
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeFilter(_is_error)
            logger.setLevel(level)
            logger.propagate = propagate


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR
