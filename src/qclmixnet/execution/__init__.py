"""Where work runs: fresh processes of this machine, or of a Ray cluster."""

from qclmixnet.execution.processes import ProcessRunner
from qclmixnet.execution.ray_cluster import RayCluster
from qclmixnet.execution.ray_tasks import RayRunner
from qclmixnet.execution.tasks import Outcome, Runner, Status, Task, error_in_words
from qclmixnet.execution.workers import Workers

__all__ = [
    "Outcome",
    "ProcessRunner",
    "RayCluster",
    "RayRunner",
    "Runner",
    "Status",
    "Task",
    "Workers",
    "error_in_words",
]
