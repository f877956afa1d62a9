import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional

from qclmixnet.core.errors import InputError
from qclmixnet.losses import FocalLoss, class_weights, weighted_mean


def test_a_weight_of_two_counts_a_row_twice() -> None:
    values = torch.tensor([1.0, 4.0, 7.0])
    mean = weighted_mean(values, torch.tensor([2.0, 1.0, 0.0]))
    assert mean.item() == (1.0 + 1.0 + 4.0) / 3


def test_without_weights_it_is_the_mean() -> None:
    assert weighted_mean(torch.tensor([1.0, 4.0])).item() == 2.5


def test_class_weighted_mean_is_that_of_torch_cross_entropy() -> None:
    generator = torch.Generator().manual_seed(8)
    logits = torch.randn(9, 3, generator=generator)
    labels = torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 2])
    weights = class_weights(labels.bincount(), 0.5)
    expected = functional.cross_entropy(logits, labels, weight=weights)
    mean = weighted_mean(FocalLoss(gamma=0.0)(logits, labels), weights[labels])
    torch.testing.assert_close(mean, expected)


def test_weights_of_zero_alone_give_zero_with_zero_gradient() -> None:
    values = torch.tensor([1.0, 2.0], requires_grad=True)
    mean = weighted_mean(values, torch.zeros(2))
    (gradient,) = torch.autograd.grad(mean, values)
    assert mean.item() == 0
    assert gradient.tolist() == [0.0, 0.0]


def test_gradient_is_right() -> None:
    values = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)
    assert gradcheck(lambda v: weighted_mean(v, weights), values)


def test_one_row_is_its_own_mean() -> None:
    assert weighted_mean(torch.tensor([3.0]), torch.tensor([0.25])).item() == 3.0


def test_power_one_weighs_classes_alike_and_absent_ones_nothing() -> None:
    # 100 rows in 2 classes that exist: N / (2 n_c).
    weights = class_weights(torch.tensor([80, 0, 20]), 1.0)
    assert weights.tolist() == [0.625, 0.0, 2.5]


def test_power_half_by_hand() -> None:
    # 1 / sqrt(n) is 1/4 and 1; the mean over 16 + 1 rows is (16/4 + 1) / 17 = 5/17.
    weights = class_weights(torch.tensor([16.0, 1.0], dtype=torch.float64), 0.5)
    assert weights.tolist() == pytest.approx([17 / 20, 17 / 5])


def test_power_zero_weighs_all_rows_alike() -> None:
    assert class_weights(torch.tensor([5, 0, 1]), 0.0).tolist() == [1.0, 0.0, 1.0]


def test_the_number_of_classes_cancels_in_the_scaling() -> None:
    counts = [40, 9, 3]
    raw = [(sum(counts) / (3 * n)) ** 0.7 for n in counts]
    mean = sum(n * w for n, w in zip(counts, raw, strict=True)) / sum(counts)
    weights = class_weights(torch.tensor(counts), 0.7)
    assert weights.tolist() == pytest.approx([w / mean for w in raw])


def test_an_extreme_power_stays_finite() -> None:
    weights = class_weights(torch.tensor([1_000_000, 1]), 500.0)
    assert weights.tolist() == pytest.approx([0.0, 1_000_001.0])


@settings(deadline=None, max_examples=50)
@given(
    counts=st.lists(st.integers(0, 10**6), min_size=1, max_size=6).filter(any),
    power=st.floats(0, 3),
)
def test_the_mean_weight_of_a_row_is_one_and_rarer_never_weighs_less(
    counts: list[int], power: float
) -> None:
    weights = class_weights(torch.tensor(counts, dtype=torch.float64), power).tolist()
    weighed = sum(n * w for n, w in zip(counts, weights, strict=True))
    assert weighed == pytest.approx(sum(counts))
    present = sorted((n, -w) for n, w in zip(counts, weights, strict=True) if n)
    falling = [-w for _, w in present]
    assert all(a >= b for a, b in pairwise(falling))


@pytest.mark.usefixtures("users_view")
@pytest.mark.parametrize(
    ("values", "weights", "message"),
    [
        (torch.zeros(0), None, r"at least one row, got shape \(0,\)"),
        (torch.zeros(2, 1), None, r"1 axis \(batch\) .* got shape \(2, 1\)"),
        (torch.zeros(3), torch.ones(1), r"shape \(3,\) like `values`, got \(1,\)"),
        (torch.zeros(2), torch.tensor([1.0, -0.5]), r"at least 0, got -0\.5"),
    ],
)
def test_values_or_weights_that_do_not_fit_are_refused(
    values: Tensor, weights: Tensor | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        weighted_mean(values, weights)


@pytest.mark.usefixtures("users_view")
@pytest.mark.parametrize(
    ("counts", "power", "message"),
    [
        (torch.tensor([0, 0]), 1.0, r"not all 0, got \[0, 0\]"),
        (torch.tensor([1, -1]), 1.0, r"at least 0 .* got \[1, -1\]"),
        (torch.tensor([1.0, math.inf]), 1.0, r"finite, .* got \[1\.0, inf\]"),
        (torch.ones(1, 2), 1.0, r"1 axis \(classes\), got shape \(1, 2\)"),
        (torch.tensor([1, 2]), -1.0, r"`power` .* at least 0, got -1\.0"),
    ],
)
def test_counts_or_a_power_out_of_range_are_refused(
    counts: Tensor, power: float, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        class_weights(counts, power)
