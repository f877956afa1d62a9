"""The order of an epoch: all rows, and of large tables every class evenly."""

import numpy as np
import pytest
import torch

from qclmixnet.training import order
from qclmixnet.training.order import epoch_order


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_small_tables_are_shuffled() -> None:
    labels = torch.tensor([0, 1] * 10)
    assert torch.equal(
        epoch_order(labels, seeded()), torch.randperm(20, generator=seeded())
    )


@pytest.mark.parametrize("seed", range(5))
def test_large_tables_spread_each_class_evenly(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(order, "SPREAD_FROM", 100)
    rng = np.random.default_rng(seed)
    labels = torch.from_numpy(rng.permutation(np.repeat([0, 1, 2], [900, 90, 10])))
    rows = epoch_order(labels, seeded(seed))
    assert sorted(rows.tolist()) == list(range(1000))
    for code, count in enumerate([900, 90, 10]):
        places = np.flatnonzero(labels[rows].numpy() == code)
        # Evenly means: any stretch holds its share of the class, give or take 2.
        for start in range(0, 1000, 50):
            within = ((places >= start) & (places < start + 50)).sum()
            assert abs(within - count * 50 / 1000) <= 2


def at_once(labels: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Give every row its time, and sort all of them."""
    n_rows = len(labels)
    shuffled = torch.randperm(n_rows, generator=generator)
    codes = labels[shuffled]
    counts = torch.bincount(codes)
    by_class = torch.argsort(codes, stable=True)
    of_class = codes[by_class]
    rank = torch.arange(n_rows) - (counts.cumsum(0) - counts)[of_class]
    late = torch.rand(len(counts), generator=generator, dtype=torch.float64)
    when = (rank + late[of_class]) / counts[of_class]
    return shuffled[by_class[torch.argsort(when)]]


@pytest.mark.parametrize("rows_at_once", [1, 7, 100, 333, 5000])
@pytest.mark.parametrize("counts", [(900, 90, 10), (1, 0, 998, 1), (333, 333, 334)])
def test_parts_are_in_the_order_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, counts: tuple[int, ...], rows_at_once: int
) -> None:
    monkeypatch.setattr(order, "SPREAD_FROM", 100)
    monkeypatch.setattr(order, "_ROWS_AT_ONCE", rows_at_once)
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.permutation(np.repeat(range(len(counts)), counts)))
    for seed in range(3):
        found = epoch_order(labels, seeded(seed))
        assert found.dtype == torch.int32
        assert torch.equal(found.long(), at_once(labels, seeded(seed)))


def test_rows_of_a_class_are_in_random_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "SPREAD_FROM", 100)
    labels = torch.tensor([0] * 190 + [1] * 10)
    firsts = {epoch_order(labels, seeded(s))[:20].max().item() for s in range(20)}
    assert len(firsts) > 5
    assert torch.equal(epoch_order(labels, seeded(3)), epoch_order(labels, seeded(3)))
