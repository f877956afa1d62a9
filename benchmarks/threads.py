"""One core for what is measured, whatever the machine has."""

import torch
from threadpoolctl import threadpool_limits

__all__ = ["one_thread"]


def one_thread() -> None:
    """Keep this process's numerical libraries to one thread from now on."""
    threadpool_limits(1)
    torch.set_num_threads(1)
