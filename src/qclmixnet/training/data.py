"""The rows a network is fitted on, as tensors on one device."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

from qclmixnet.preprocessing import EncodedTable

__all__ = ["TrainingData"]


@dataclass(frozen=True)
class TrainingData:
    """Encoded rows with their classes and weights.

    Attributes:
        x_num: numbers, rows by columns.
        x_cat: category codes, rows by columns.
        labels: class numbers.
        weights: how much each row counts, at least 0; scaled to a mean of 1.
    """

    x_num: Float[Tensor, "rows n_num"]
    x_cat: Int[Tensor, "rows n_cat"]
    labels: Int[Tensor, " rows"]
    weights: Float[Tensor, " rows"]

    @classmethod
    def from_arrays(
        cls,
        encoded: EncodedTable,
        codes: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float64],
        *,
        device: torch.device,
    ) -> "TrainingData":
        """Move an encoded table with its classes and weights to a device."""
        scaled = weights / weights.max()  # first, so that no sum overflows
        scaled /= scaled.mean()
        return cls(
            x_num=torch.tensor(encoded.x_num, dtype=torch.float32, device=device),
            x_cat=torch.tensor(encoded.x_cat, dtype=torch.int64, device=device),
            labels=torch.tensor(codes, dtype=torch.int64, device=device),
            weights=torch.tensor(scaled, dtype=torch.float32, device=device),
        )

    @property
    def n_rows(self) -> int:
        """Rows in the table."""
        return len(self.labels)

    def take(self, rows: npt.NDArray[np.int64]) -> "TrainingData":
        """Return the named rows, in that order."""
        index = torch.as_tensor(rows, device=self.labels.device)
        return TrainingData(
            x_num=self.x_num[index],
            x_cat=self.x_cat[index],
            labels=self.labels[index],
            weights=self.weights[index],
        )
