"""What happens inside the process of one task."""

import math
import os
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection

from threadpoolctl import threadpool_limits

from qclmixnet.execution.tasks import error_in_words

__all__ = [
    "MEBIBYTE",
    "THREAD_VARIABLES",
    "limit_threads",
    "peak_memory_mb",
    "run_task",
]

MEBIBYTE = 2**20
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What numerical libraries look at when they are loaded."""


def run_task(
    connection: Connection,
    call: Callable[..., object],
    arguments: tuple[object, ...],
    cpu_limit_s: float | None,
    n_threads: int,
    files: str,
) -> None:
    """Call with a given number of threads and send back what came of it.

    Temporary files of libraries go to the folder ``files``: the process ends without
    tidying up, so whoever started it has to.

    Sent is ``("ok", value, "", added_mb)`` or ``("failed", None, message, added_mb)``.
    The process ends at once when the one that started it is gone, whatever the task is
    doing.
    """
    if cpu_limit_s is not None:
        _limit_cpu(cpu_limit_s)
    threading.Thread(target=_end_with_parent, args=(connection,), daemon=True).start()
    tempfile.tempdir = files
    limit_threads(n_threads)
    _be_silent()
    before = peak_memory_mb()
    try:
        value = call(*arguments)
    except Exception as error:  # noqa: BLE001  (any failure of any library is a result)
        answer: tuple[str, object, str, float] = (
            "failed",
            None,
            error_in_words(error),
            0.0,
        )
    else:
        answer = ("ok", value, "", 0.0)
    connection.send((*answer[:3], peak_memory_mb() - before))
    # The thread that watches the connection must not keep the process from its end.
    os._exit(0)


def peak_memory_mb() -> float:
    """Return the largest resident memory of this process so far, in MiB."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset / MEBIBYTE)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MEBIBYTE if sys.platform == "darwin" else peak / 1024


def _end_with_parent(connection: Connection) -> None:
    try:
        connection.recv()
    except (EOFError, OSError):
        os._exit(1)


def _limit_cpu(seconds: float) -> None:
    """Let the system end this process after so many seconds of processor time."""
    try:
        import resource
    except ImportError:  # Windows
        return
    # From the start of the process, in whole seconds; without a dump of its memory.
    whole = math.ceil(seconds + time.process_time())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 5))


def limit_threads(n_threads: int) -> None:
    """Give libraries so many threads, loaded already or not, in this process."""
    for name in THREAD_VARIABLES:
        os.environ[name] = str(n_threads)
    threadpool_limits(n_threads)
    # Two libraries have pools of their own; they are told only if they are loaded.
    torch, pyarrow = sys.modules.get("torch"), sys.modules.get("pyarrow")
    if torch is not None:
        torch.set_num_threads(n_threads)
    if pyarrow is not None:
        pyarrow.set_cpu_count(n_threads)


def _be_silent() -> None:
    """Keep what libraries print and warn out of the caller's terminal."""
    warnings.simplefilter("ignore")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
