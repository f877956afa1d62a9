import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import DoNothingReducer
from pytorch_metric_learning.utils.loss_and_miner_utils import get_all_triplets_indices
from torch import Tensor
from torch.autograd import gradcheck

from qclmixnet.core.errors import InputError
from qclmixnet.losses import BatchAllTripletLoss, BatchHardTripletLoss

Loss = BatchHardTripletLoss | BatchAllTripletLoss
both = pytest.mark.parametrize("make", [BatchHardTripletLoss, BatchAllTripletLoss])


def _slow_triplet(
    projection: list[list[float]],
    labels: list[int],
    margin: float,
    reduce: Callable[[list[float]], float],
) -> list[float]:
    """Apply ``reduce`` to the hinges of all triplets of each anchor."""
    rows = [[v / math.hypot(*row) for v in row] for row in projection]
    everyone = range(len(rows))
    values = []
    for a in everyone:
        positives = [p for p in everyone if p != a and labels[p] == labels[a]]
        negatives = [n for n in everyone if labels[n] != labels[a]]
        hinges = [
            max(0.0, margin + math.dist(rows[a], rows[p]) - math.dist(rows[a], rows[n]))
            for p in positives
            for n in negatives
        ]
        values.append(reduce(hinges) if hinges else 0.0)
    return values


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    projection = torch.randn(9, 3, dtype=torch.float64, generator=generator)
    return projection, torch.tensor([0, 2, 2, 0, 5, 0, 2, 5, 1])


def test_hard_takes_the_farthest_positive_and_the_nearest_negative() -> None:
    # Anchor at 0 degrees; positives at 60 and 90, negatives at 180 and -90.
    degrees = torch.tensor([0.0, 60.0, 90.0, 180.0, -90.0], dtype=torch.float64)
    projection = torch.stack([degrees.deg2rad().cos(), degrees.deg2rad().sin()], dim=1)
    values = BatchHardTripletLoss(0.5)(projection, torch.tensor([0, 0, 0, 1, 1]))
    assert values[0].item() == pytest.approx(0.5 + math.sqrt(2) - math.sqrt(2))


def test_all_averages_over_every_triplet_easy_ones_included() -> None:
    # As above: distances 1 and sqrt 2 to positives, 2 and sqrt 2 to negatives; the
    # four hinges are 0, 1.5 - sqrt 2, sqrt 2 - 1.5 (so 0) and 0.5.
    degrees = torch.tensor([0.0, 60.0, 90.0, 180.0, -90.0], dtype=torch.float64)
    projection = torch.stack([degrees.deg2rad().cos(), degrees.deg2rad().sin()], dim=1)
    values = BatchAllTripletLoss(0.5)(projection, torch.tensor([0, 0, 0, 1, 1]))
    assert values[0].item() == pytest.approx((1.5 - math.sqrt(2) + 0.5) / 4)


@pytest.mark.parametrize("margin", [0.0, 0.5, 3.0])
@pytest.mark.parametrize(
    ("make", "reduce"), [(BatchHardTripletLoss, max), (BatchAllTripletLoss, _mean)]
)
def test_agrees_with_a_slow_loop_over_triplets(
    make: type[Loss], reduce: Callable[[list[float]], float], margin: float
) -> None:
    projection, labels = _batch()
    expected = _slow_triplet(projection.tolist(), labels.tolist(), margin, reduce)
    assert make(margin)(projection, labels).tolist() == pytest.approx(expected)


@both
def test_agrees_with_pytorch_metric_learning(make: type[Loss]) -> None:
    projection, labels = _batch()
    distance = LpDistance(normalize_embeddings=True, p=2)
    if make is BatchHardTripletLoss:
        triplets = BatchHardMiner(distance=distance)(projection, labels)
    else:
        triplets = get_all_triplets_indices(labels)
    peer = TripletMarginLoss(margin=0.5, distance=distance, reducer=DoNothingReducer())
    hinges = peer(projection, labels, indices_tuple=triplets)["loss"]["losses"]
    anchors = triplets[0]
    sums = torch.zeros(9, dtype=torch.float64).index_add(0, anchors, hinges)
    expected = sums / torch.bincount(anchors, minlength=9).clamp_min(1)
    torch.testing.assert_close(make(0.5)(projection, labels), expected)


@both
def test_gradient_is_right(make: type[Loss]) -> None:
    projection, labels = _batch()
    loss = make(0.5)
    assert gradcheck(lambda z: loss(z, labels), projection.requires_grad_())


@both
@pytest.mark.parametrize(
    "labels", [[4, 4, 4], [0, 1, 2]], ids=["no negative", "no positive"]
)
def test_a_missing_side_is_exactly_zero_with_zero_gradient(
    make: type[Loss], labels: list[int]
) -> None:
    projection = torch.eye(3, requires_grad=True)
    values: Tensor = make(3.0)(projection, torch.tensor(labels))
    (gradient,) = torch.autograd.grad(values.sum(), projection)
    assert values.tolist() == [0.0, 0.0, 0.0]
    assert gradient.abs().max().item() == 0


@both
def test_a_batch_of_one_is_zero_with_zero_gradient(make: type[Loss]) -> None:
    projection = torch.ones(1, 3, requires_grad=True)
    values: Tensor = make(0.5)(projection, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(values.sum(), projection)
    assert values.tolist() == [0.0]
    assert gradient.abs().max().item() == 0


@both
def test_duplicate_rows_cost_the_margin_and_have_finite_gradients(
    make: type[Loss],
) -> None:
    generator = torch.Generator().manual_seed(4)
    row = torch.randn(1, 8, generator=generator)
    projection = row.repeat(4, 1).requires_grad_()
    values: Tensor = make(0.5)(projection, torch.tensor([0, 0, 1, 1]))
    (gradient,) = torch.autograd.grad(values.sum(), projection)
    assert values.tolist() == [0.5, 0.5, 0.5, 0.5]
    assert bool(gradient.isfinite().all())


@both
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e4, 1e30])
def test_extreme_rows_give_finite_values_and_gradients(
    make: type[Loss], scale: float
) -> None:
    rows = [[1.0, 2.0], [1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [3.0, 0.0]]
    projection = (scale * torch.tensor(rows)).requires_grad_()
    values: Tensor = make(0.5)(projection, torch.tensor([0, 1, 0, 1, 1]))
    (gradient,) = torch.autograd.grad(values.sum(), projection)
    assert bool(values.isfinite().all() and gradient.isfinite().all())


@both
def test_members_can_be_batched_with_vmap(make: type[Loss]) -> None:
    projection, labels = _batch()
    loss = make(0.5)
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


@both
@settings(deadline=None, max_examples=50)
@given(batch=_batches())
def test_values_are_finite_not_negative_and_follow_their_rows(
    make: type[Loss], batch: tuple[Tensor, Tensor, list[int]]
) -> None:
    projection, labels, order = batch
    loss = make(0.5)
    values: Tensor = loss(projection, labels)
    assert bool(values.isfinite().all() and (values >= 0).all())
    torch.testing.assert_close(loss(projection[order], labels[order]), values[order])


@settings(deadline=None, max_examples=50)
@given(batch=_batches())
def test_the_hardest_triplet_costs_at_least_the_mean(
    batch: tuple[Tensor, Tensor, list[int]],
) -> None:
    projection, labels, _ = batch
    hardest: Tensor = BatchHardTripletLoss(0.5)(projection, labels)
    mean: Tensor = BatchAllTripletLoss(0.5)(projection, labels)
    assert bool((hardest >= mean - 1e-9).all())


@both
def test_a_negative_margin_is_refused(make: type[Loss]) -> None:
    with pytest.raises(InputError, match=r"`margin` .* at least 0, got -0\.1"):
        make(-0.1)


@both
@pytest.mark.usefixtures("users_view")
def test_row_counts_that_differ_are_refused(make: type[Loss]) -> None:
    with pytest.raises(InputError, match=r"each of the 4 rows, got 1"):
        make()(torch.zeros(4, 2), torch.tensor([0]))
