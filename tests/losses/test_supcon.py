import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pytorch_metric_learning.losses import SupConLoss as PeerSupConLoss
from pytorch_metric_learning.reducers import DoNothingReducer
from torch import Tensor
from torch.autograd import gradcheck

from qclmixnet.core.errors import InputError
from qclmixnet.losses import SupConLoss


def _slow_supcon(
    projection: list[list[float]], labels: list[int], temperature: float
) -> list[float]:
    rows = [[v / math.hypot(*row) for v in row] for row in projection]

    def weight(i: int, a: int) -> float:
        dot = sum(x * y for x, y in zip(rows[i], rows[a], strict=True))
        return math.exp(dot / temperature)

    values = []
    for i, label in enumerate(labels):
        others = [a for a in range(len(rows)) if a != i]
        positives = [p for p in others if labels[p] == label]
        total = sum(weight(i, a) for a in others)
        shares = [-math.log(weight(i, p) / total) for p in positives]
        values.append(sum(shares) / len(shares) if shares else 0.0)
    return values


def _batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    projection = torch.randn(8, 3, dtype=torch.float64, generator=generator)
    return projection, torch.tensor([0, 2, 2, 0, 5, 0, 2, 5])


def test_one_positive_at_cosine_1_and_one_negative_at_cosine_0() -> None:
    projection = torch.tensor([[1.0, 0.0], [5.0, 0.0], [0.0, 2.0]])
    values: Tensor = SupConLoss(temperature=0.5)(projection, torch.tensor([0, 0, 1]))
    expected = math.log(1 + math.exp(-2))
    assert values.tolist() == pytest.approx([expected, expected, 0.0])


@pytest.mark.parametrize("temperature", [0.05, 0.1, 1.0])
def test_agrees_with_a_slow_loop(temperature: float) -> None:
    projection, labels = _batch()
    expected = _slow_supcon(projection.tolist(), labels.tolist(), temperature)
    values: Tensor = SupConLoss(temperature)(projection, labels)
    assert values.tolist() == pytest.approx(expected)


def test_agrees_with_pytorch_metric_learning() -> None:
    projection, labels = _batch()
    peer = PeerSupConLoss(temperature=0.1, reducer=DoNothingReducer())
    expected = peer(projection, labels)["loss"]["losses"]
    torch.testing.assert_close(SupConLoss(0.1)(projection, labels), expected)


def test_gradient_is_right() -> None:
    projection, labels = _batch()
    labels[4] = 9  # rows 4 and 7 are now without a positive
    loss = SupConLoss(0.3)
    assert gradcheck(lambda z: loss(z, labels), projection.requires_grad_())


def test_a_row_without_a_positive_is_exactly_zero_with_zero_gradient() -> None:
    projection, _ = _batch()
    projection.requires_grad_()
    values: Tensor = SupConLoss()(projection, torch.tensor([0, 0, 1, 0, 2, 0, 0, 0]))
    assert values[2].item() == 0
    (gradient,) = torch.autograd.grad(values[2], projection)
    assert gradient.abs().max().item() == 0


def test_a_batch_of_one_is_zero_with_zero_gradient() -> None:
    projection = torch.ones(1, 3, requires_grad=True)
    values: Tensor = SupConLoss()(projection, torch.tensor([4]))
    (gradient,) = torch.autograd.grad(values.sum(), projection)
    assert values.tolist() == [0.0]
    assert gradient.tolist() == [[0.0, 0.0, 0.0]]


def test_a_batch_of_one_class_is_the_spread_of_similarities_alone() -> None:
    projection = torch.ones(4, 3)
    values: Tensor = SupConLoss()(projection, torch.zeros(4, dtype=torch.int64))
    assert values.tolist() == pytest.approx([math.log(3)] * 4)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e4, 1e30])
def test_extreme_and_duplicate_rows_give_finite_values_and_gradients(
    scale: float,
) -> None:
    rows = [[1.0, 2.0], [1.0, 2.0], [-1.0, -2.0], [0.0, 0.0]]
    projection = (scale * torch.tensor(rows)).requires_grad_()
    values: Tensor = SupConLoss(0.01)(projection, torch.tensor([0, 1, 0, 1]))
    (gradient,) = torch.autograd.grad(values.sum(), projection)
    assert bool(values.isfinite().all() and gradient.isfinite().all())


def test_members_can_be_batched_with_vmap() -> None:
    projection, labels = _batch()
    loss = SupConLoss()
    members = torch.stack([projection, projection.flip(1) - 0.5])
    stacked = torch.vmap(loss, in_dims=(0, None))(members, labels)
    for values, member in zip(stacked, members, strict=True):
        torch.testing.assert_close(values, loss(member, labels))


@st.composite
def _batches(draw: st.DrawFn) -> tuple[Tensor, Tensor, list[int]]:
    n_rows = draw(st.integers(1, 6))
    rows = draw(arrays(np.float64, (n_rows, 2), elements=st.floats(-9, 9)))
    labels = draw(arrays(np.int64, n_rows, elements=st.integers(0, 2)))
    order = draw(st.permutations(range(n_rows)))
    return torch.from_numpy(rows), torch.from_numpy(labels), list(order)


@settings(deadline=None, max_examples=50)
@given(batch=_batches())
def test_values_are_finite_not_negative_and_follow_their_rows(
    batch: tuple[Tensor, Tensor, list[int]],
) -> None:
    projection, labels, order = batch
    loss = SupConLoss()
    values: Tensor = loss(projection, labels)
    assert bool(values.isfinite().all() and (values >= 0).all())
    torch.testing.assert_close(loss(projection[order], labels[order]), values[order])


@pytest.mark.parametrize("temperature", [0.0, -0.1, math.nan])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(InputError, match=rf"`temperature` .* got {temperature}"):
        SupConLoss(temperature)


@pytest.mark.usefixtures("users_view")
def test_row_counts_that_differ_are_refused() -> None:
    with pytest.raises(InputError, match=r"each of the 4 rows, got 1"):
        SupConLoss()(torch.zeros(4, 2), torch.tensor([0]))
    with pytest.raises(InputError, match=r"2 axes .* got shape \(4,\)"):
        SupConLoss()(torch.zeros(4), torch.tensor([0, 0, 1, 1]))
