"""Which machine this is."""

import os
import platform
from pathlib import Path

__all__ = ["machine_name", "n_usable_cores", "processor_name"]


def machine_name() -> str:
    """Return a short name of this machine, for the rows of a run."""
    return f"{processor_name()}, {n_usable_cores()} cores"


def n_usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_name() -> str:
    """Return the name of the processor, or of its kind when that is all there is."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
