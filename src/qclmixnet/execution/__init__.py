"""Where work runs: one fresh local process for each task, with a time limit."""

from qclmixnet.execution.processes import Outcome, ProcessRunner, Status, Task

__all__ = ["Outcome", "ProcessRunner", "Status", "Task"]
