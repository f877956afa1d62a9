from collections.abc import Callable

import numpy as np
import pytest
import torch

from qclmixnet.nn import OneHotInput, QCLMixNet
from qclmixnet.preprocessing import EncodedTable
from qclmixnet.training import TrainingData


@pytest.fixture(scope="session")
def blobs() -> Callable[..., TrainingData]:
    """Three imbalanced clusters in four numbers and one category, as tensors."""

    def make(
        n_rows: int = 240, seed: int = 0, weights: np.ndarray | None = None
    ) -> TrainingData:
        rng = np.random.default_rng(seed)
        codes = rng.choice(3, size=n_rows, p=[0.7, 0.2, 0.1])
        codes[:9] = [0, 1, 2] * 3
        x_num = rng.normal(size=(n_rows, 4)) + 2.5 * codes[:, None] * [1, -1, 0, 0]
        x_cat = (codes[:, None] + rng.integers(2, size=(n_rows, 1))) % 4
        encoded = EncodedTable(
            x_num=x_num.astype(np.float32), x_cat=x_cat.astype(np.int64), unseen={}
        )
        if weights is None:
            weights = np.ones(n_rows)
        return TrainingData.from_arrays(
            encoded, codes.astype(np.int64), weights, device=torch.device("cpu")
        )

    return make


@pytest.fixture(scope="session")
def network() -> Callable[[], tuple[OneHotInput, QCLMixNet]]:
    """The inputs and a fresh network for `blobs`, the same weights every time."""

    def make() -> tuple[OneHotInput, QCLMixNet]:
        inputs = OneHotInput(4, (4,))
        generator = torch.Generator().manual_seed(1)
        return inputs, QCLMixNet(inputs.n_features, 3, generator=generator)

    return make
