"""Which machine and which versions a run was made with."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from qclmixnet.core.errors import MissingExtraError

__all__ = ["describe_machine", "machine_name", "n_usable_cores"]

_LIBRARIES = ("qclmixnet", "numpy", "pandas", "scikit-learn", "torch")


def n_usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def describe_machine() -> dict[str, str]:
    """Return processor, cores, memory, system, Python and versions of the core."""
    try:
        import psutil
    except ImportError as error:
        raise MissingExtraError(
            "psutil", extra="benchmark", purpose="A benchmark run"
        ) from error
    return {
        "processor": _processor(),
        "cores": str(n_usable_cores()),
        "memory_gb": f"{psutil.virtual_memory().total / 2**30:.0f}",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }


def machine_name(machine: dict[str, str]) -> str:
    """Return a short name of a described machine for its rows."""
    return f"{machine['processor']}, {machine['cores']} cores"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
