import time
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qclmixnet.augment.samplers import ClassAwareBatchSampler
from qclmixnet.core.errors import InputError


def sampler_of(
    labels: np.ndarray, batch_size: int, seed: int
) -> ClassAwareBatchSampler:
    generator = torch.Generator().manual_seed(seed)
    return ClassAwareBatchSampler(labels, batch_size=batch_size, generator=generator)


tables = st.tuples(
    st.integers(1, 80), st.integers(1, 12), st.integers(1, 40), st.integers(0, 999)
)


@given(tables)
@settings(max_examples=150, deadline=None)
def test_every_row_once_and_no_class_alone(table: tuple[int, int, int, int]) -> None:
    n_rows, n_classes, batch_size, seed = table
    labels = np.random.default_rng(seed).integers(0, n_classes, n_rows) * 3 - 5
    class_size = Counter(labels.tolist())
    sampler = sampler_of(labels, batch_size, seed)
    batches = [batch.tolist() for batch in sampler]
    assert len(batches) == len(sampler)
    # The rows dealt out come first, in parts whose sizes differ by at most one.
    dealt = np.array_split(np.arange(n_rows), len(batches))
    first = [batch[: len(part)] for batch, part in zip(batches, dealt, strict=True)]
    assert sorted(row for rows in first for row in rows) == list(range(n_rows))
    for batch, rows in zip(batches, first, strict=True):
        assert len(rows) >= min(3, n_rows)
        assert len(rows) <= max(batch_size, 5)
        assert len(set(batch)) == len(batch)
        present = Counter(labels[rows].tolist())
        needed = {c: 1 for c, n in present.items() if n == 1 and class_size[c] > 1}
        assert Counter(labels[batch[len(rows) :]].tolist()) == needed


@given(st.integers(5, 300), st.integers(5, 64))
def test_batches_hold_at_most_batch_size_rows(n_rows: int, batch_size: int) -> None:
    sampler = sampler_of(np.zeros(n_rows, dtype=np.int64), batch_size, 0)
    sizes = [len(batch) for batch in sampler]
    assert len(sizes) == -(-n_rows // batch_size)
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_same_seed_same_batches_and_every_epoch_another_order() -> None:
    labels = np.arange(50) % 7
    one, two = sampler_of(labels, 10, 3), sampler_of(labels, 10, 3)
    first, second = torch.cat(list(one)), torch.cat(list(one))
    assert torch.equal(first, torch.cat(list(two)))
    assert torch.equal(second, torch.cat(list(two)))
    assert not torch.equal(first, second)


def test_companions_come_evenly_from_the_rest_of_the_class() -> None:
    # One batch: rows 0 to 3 of class 0; only 0 and 1 share a batch with others.
    labels = np.array([0] * 4 + [1] * 16)
    sampler = sampler_of(labels, 5, 0)
    drawn: Counter[tuple[int, int]] = Counter()
    for _ in range(3000):
        for batch in sampler:
            rows, extra = batch[:5].tolist(), batch[5:].tolist()
            lone = [row for row in rows if row < 4]
            if len(lone) == 1:
                drawn[lone[0], next(row for row in extra if row < 4)] += 1
    counts = np.array([[drawn[a, b] for b in range(4) if b != a] for a in range(4)])
    expected = counts.sum() / 12
    # 99.9 % point of the chi-square distribution with 11 degrees of freedom.
    assert ((counts - expected) ** 2 / expected).sum() < 31.3


def test_global_generator_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    list(sampler_of(np.arange(20) % 3, 5, 0))
    assert torch.equal(before, torch.random.get_rng_state())


def test_labels_may_be_a_tensor() -> None:
    labels = np.arange(30) % 4
    generator = torch.Generator().manual_seed(1)
    given = ClassAwareBatchSampler(
        torch.from_numpy(labels), batch_size=8, generator=generator
    )
    assert torch.equal(
        torch.cat(list(given)), torch.cat(list(sampler_of(labels, 8, 1)))
    )


def test_a_million_rows_of_200_classes_take_seconds_at_most() -> None:
    labels = np.random.default_rng(0).integers(0, 200, 1_000_000)
    sampler = sampler_of(labels, 1024, 0)
    start = time.perf_counter()
    n_rows = sum(len(batch) for batch in sampler)
    # 0.3 s on an idle core; a loop over rows would take ten times the limit.
    assert time.perf_counter() - start < 3
    assert n_rows >= 1_000_000


@pytest.mark.usefixtures("as_installed")
def test_wrong_arguments_are_named() -> None:
    generator = torch.Generator()
    with pytest.raises(InputError, match=r"`batch_size` .* at least 1, got 0"):
        ClassAwareBatchSampler(np.zeros(4, int), batch_size=0, generator=generator)
    with pytest.raises(InputError, match=r"one class per row, got shape \(0,\)"):
        ClassAwareBatchSampler(np.zeros(0, int), batch_size=4, generator=generator)
