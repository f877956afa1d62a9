"""The rows a network is fitted on, as tensors on one device."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

from qclmixnet.preprocessing import EncodedTable, RowSource
from qclmixnet.training.read_ahead import read_ahead

__all__ = ["MemberData", "StoredData", "TrainingData"]

# Rows that travel to a device at a time, some 30 MB of them.
_ROWS_IN_BLOCK = 65_536


@runtime_checkable
class MemberData(Protocol):
    """What members learn from, wherever the encoded rows are."""

    @property
    def labels(self) -> Tensor:
        """Class numbers, on the device."""

    @property
    def weights(self) -> Tensor:
        """How much each row counts."""

    @property
    def n_rows(self) -> int:
        """Rows in the table."""

    def encoded(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return numbers and category codes of the named rows, on the device."""


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
        return cls(
            x_num=torch.tensor(encoded.x_num, dtype=torch.float32, device=device),
            x_cat=torch.tensor(encoded.x_cat, dtype=torch.int64, device=device),
            labels=torch.tensor(codes, dtype=torch.int64, device=device),
            weights=_scaled(weights, device),
        )

    @classmethod
    def from_rows(
        cls,
        rows: RowSource,
        codes: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float64],
        *,
        device: torch.device,
    ) -> "TrainingData":
        """Move rows, wherever they are, to a device, a block at a time."""
        n_rows = rows.n_rows
        x_num = torch.empty((n_rows, rows.n_num), dtype=torch.float32, device=device)
        x_cat = torch.empty((n_rows, rows.n_cat), dtype=torch.int64, device=device)
        for start in range(0, n_rows, _ROWS_IN_BLOCK):
            block = np.arange(start, min(start + _ROWS_IN_BLOCK, n_rows))
            taken = rows.take(block)
            x_num[start : start + len(block)] = torch.from_numpy(taken.x_num)
            x_cat[start : start + len(block)] = torch.from_numpy(taken.x_cat)
        labels = torch.tensor(codes, dtype=torch.int64, device=device)
        return cls(x_num, x_cat, labels, _scaled(weights, device))

    @property
    def n_rows(self) -> int:
        """Rows in the table."""
        return len(self.labels)

    def encoded(self, rows: Int[Tensor, " taken"]) -> tuple[Tensor, Tensor]:
        """Return numbers and category codes of the named rows."""
        return self.x_num[rows], self.x_cat[rows]

    def take(self, rows: npt.NDArray[np.int64]) -> "TrainingData":
        """Return the named rows, in that order."""
        index = torch.as_tensor(rows, device=self.labels.device)
        return TrainingData(
            x_num=self.x_num[index],
            x_cat=self.x_cat[index],
            labels=self.labels[index],
            weights=self.weights[index],
        )


@dataclass(frozen=True)
class StoredData:
    """Rows that stay where they are until a batch needs them.

    Attributes:
        rows: gives encoded rows by number.
        labels: class numbers, on the device.
        weights: how much each row counts, at least 0; scaled to a mean of 1.
    """

    rows: RowSource
    labels: Int[Tensor, " rows"]
    weights: Float[Tensor, " rows"]

    @classmethod
    def from_rows(
        cls,
        rows: RowSource,
        codes: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float64],
        *,
        device: torch.device,
    ) -> "StoredData":
        """Move classes and weights to a device, and leave the rows where they are."""
        labels = torch.from_numpy(codes).to(device)
        return cls(rows, labels, _scaled(weights, device))

    @property
    def n_rows(self) -> int:
        """Rows in the table."""
        return len(self.labels)

    def encoded(self, rows: Int[Tensor, " taken"]) -> tuple[Tensor, Tensor]:
        """Return numbers and category codes of the named rows, on the device."""
        taken = self.rows.take(rows.cpu().numpy())
        device = self.labels.device
        x_num, x_cat = torch.from_numpy(taken.x_num), torch.from_numpy(taken.x_cat)
        if device.type == "cuda":  # only from pinned memory a copy does not wait
            x_num, x_cat = x_num.pin_memory(), x_cat.pin_memory()
        return x_num.to(device, non_blocking=True), x_cat.to(device, non_blocking=True)

    def ahead(self, batches: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Return what `encoded` does of each batch, the next ones read meanwhile.

        Args:
            batches: row numbers, on the CPU, so that reading waits for no device.

        Returns:
            Numbers and category codes, batch by batch.
        """
        return read_ahead(self.encoded, batches)


def _scaled(weights: npt.NDArray[np.float64], device: torch.device) -> Tensor:
    if weights.strides == (0,):  # one number for all rows
        return torch.ones(1, device=device).expand(len(weights))
    scaled = weights / weights.max()  # first, so that no sum overflows
    scaled /= scaled.mean()
    return torch.tensor(scaled, dtype=torch.float32, device=device)
