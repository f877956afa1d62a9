"""Which machine and which versions a run was made with."""

import platform
from importlib.metadata import version

from qclmixnet.core.errors import MissingExtraError
from qclmixnet.execution.machine import n_usable_cores, processor_name

__all__ = ["describe_machine"]

_LIBRARIES = ("qclmixnet", "numpy", "pandas", "scikit-learn", "torch")


def describe_machine() -> dict[str, str]:
    """Return processor, cores, memory, system, Python and versions of the core."""
    try:
        import psutil
    except ImportError as error:
        raise MissingExtraError(
            "psutil", extra="benchmark", purpose="A benchmark run"
        ) from error
    return {
        "processor": processor_name(),
        "cores": str(n_usable_cores()),
        "memory_gb": f"{psutil.virtual_memory().total / 2**30:.0f}",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }
