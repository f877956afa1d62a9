"""Where the rows of a fit live: on the device that learns from them, or where they are.

Rows on the device are read at its own speed. A table that has no room there stays in
memory or in its files, and the rows of the next batches travel while a step runs.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from qclmixnet.preprocessing import EncodedTable, RowSource
from qclmixnet.training.data import MemberData, StoredData, TrainingData

__all__ = ["MOST_OF_FREE", "free_memory", "place_rows"]

MOST_OF_FREE = 0.5
"""Share of a device's free memory that encoded rows may take; the rest is for steps."""


def free_memory(device: torch.device) -> int:
    """Return the free memory of a device in bytes; 0 where it cannot be asked for.

    Args:
        device: the device.

    Returns:
        Bytes.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        limit = torch.mps.recommended_max_memory()
        return int(limit - torch.mps.driver_allocated_memory())
    return 0


def place_rows(
    encoded: RowSource,
    codes: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    *,
    device: torch.device,
    free: Callable[[torch.device], int] = free_memory,
) -> MemberData:
    """Put rows on a device if they have room there, and leave them else.

    On the CPU rows in memory have room, and rows in files stay there. On any other
    device there is room for what takes up to half of the memory that is free.

    Args:
        encoded: the rows.
        codes: their classes, which always go to the device.
        weights: how much each counts, likewise.
        device: where steps are computed.
        free: says how many bytes of a device are free.

    Returns:
        The rows, wherever they are now.
    """
    if device.type == "cpu":
        fits = isinstance(encoded, EncodedTable)
    else:
        n_bytes = encoded.n_rows * (4 * encoded.n_num + 8 * encoded.n_cat)
        fits = n_bytes <= MOST_OF_FREE * free(device)
    if not fits:
        return StoredData.from_rows(encoded, codes, weights, device=device)
    if isinstance(encoded, EncodedTable):
        return TrainingData.from_arrays(encoded, codes, weights, device=device)
    return TrainingData.from_rows(encoded, codes, weights, device=device)
