import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional

from qclmixnet.core.errors import InputError
from qclmixnet.losses import FocalLoss

GAMMAS = [0.0, 0.3, 1.0, 2.0, 5.0]


def _slow_focal(
    logits: list[list[float]], target: list[list[float]], gamma: float
) -> list[float]:
    values = []
    for row, q in zip(logits, target, strict=True):
        total = sum(math.exp(v) for v in row)
        value = 0.0
        for v, q_c in zip(row, q, strict=True):
            p = math.exp(v) / total
            value += q_c * (1 - p) ** gamma * -math.log(p)
        values.append(value)
    return values


def _batch(n_rows: int = 6, n_classes: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(
        n_rows, n_classes, dtype=torch.float64, generator=generator
    )
    proba = torch.rand(n_rows, n_classes, dtype=torch.float64, generator=generator)
    labels = torch.randint(n_classes, (n_rows,), generator=generator)
    return logits, proba / proba.sum(dim=1, keepdim=True), labels


def test_three_quarters_for_the_label_is_log_four_thirds_over_sixteen() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0]], dtype=torch.float64)
    value: Tensor = FocalLoss(gamma=2.0)(logits, torch.tensor([0]))
    assert value.item() == pytest.approx(math.log(4 / 3) / 16, rel=1e-12)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_mixed_labels_agree_with_a_slow_loop(gamma: float) -> None:
    logits, proba, _ = _batch()
    expected = _slow_focal(logits.tolist(), proba.tolist(), gamma)
    assert FocalLoss(gamma)(logits, proba).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_labels_are_mixed_labels_with_all_weight_on_one_class(gamma: float) -> None:
    logits, _, labels = _batch()
    one_hot = functional.one_hot(labels, 4).double()
    loss = FocalLoss(gamma)
    torch.testing.assert_close(loss(logits, labels), loss(logits, one_hot))


def test_gamma_zero_is_cross_entropy() -> None:
    logits, proba, labels = _batch()
    for target in (labels, proba):
        expected = functional.cross_entropy(logits, target, reduction="none")
        torch.testing.assert_close(FocalLoss(0.0)(logits, target), expected)


def test_a_class_without_rows_changes_nothing_but_its_share() -> None:
    logits, _, _ = _batch()
    labels = torch.tensor([0, 1, 1, 0, 3, 3])  # no row of class 2
    one_hot = functional.one_hot(labels, 4).double()
    expected = _slow_focal(logits.tolist(), one_hot.tolist(), 2.0)
    assert FocalLoss(2.0)(logits, labels).tolist() == pytest.approx(expected)


def test_a_batch_of_one_has_the_value_it_has_among_others() -> None:
    logits, _, labels = _batch()
    loss = FocalLoss(2.0)
    alone = loss(logits[2:3], labels[2:3])
    torch.testing.assert_close(alone, loss(logits, labels)[2:3])


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradient_is_right(gamma: float) -> None:
    logits, proba, labels = _batch()
    logits.requires_grad_()
    loss = FocalLoss(gamma)
    assert gradcheck(lambda x: loss(x, labels), logits)
    assert gradcheck(lambda x: loss(x, proba), logits)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("label", [0, 1, 2])
def test_extreme_logits_give_finite_values_and_gradients(
    gamma: float, dtype: torch.dtype, label: int
) -> None:
    rows = [[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [1e4, 1e4, 1e4], [30.0, 0.0, -30.0]]
    logits = torch.tensor(rows, dtype=dtype, requires_grad=True)
    values: Tensor = FocalLoss(gamma)(logits, torch.full((4,), label))
    (gradient,) = torch.autograd.grad(values.sum(), logits)
    assert bool(values.isfinite().all() and (values >= 0).all())
    assert bool(gradient.isfinite().all())


def test_a_hopeless_row_costs_the_logit_gap() -> None:
    value: Tensor = FocalLoss(2.0)(torch.tensor([[1e4, -1e4]]), torch.tensor([1]))
    assert value.item() == pytest.approx(2e4)


def test_complement_keeps_its_digits_where_p_rounds_to_one() -> None:
    # p = 1 - e^-40, so (1 - p)^0.5 = e^-20; in float64 1 - p itself rounds to 0.
    logits = torch.tensor([[40.0, 0.0]], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    value = FocalLoss(0.5)(logits, q)
    assert value.item() == pytest.approx(40.0)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    assert gradient.tolist()[0] == pytest.approx([1.0, -1.0])


@st.composite
def _batches(draw: st.DrawFn) -> tuple[Tensor, Tensor, list[int]]:
    n_rows, n_classes = draw(st.integers(1, 5)), draw(st.integers(2, 4))
    logits = draw(
        arrays(np.float32, (n_rows, n_classes), elements=st.floats(-99, 99, width=32))
    )
    labels = draw(arrays(np.int64, n_rows, elements=st.integers(0, n_classes - 1)))
    order = draw(st.permutations(range(n_rows)))
    return torch.from_numpy(logits), torch.from_numpy(labels), list(order)


@settings(deadline=None, max_examples=50)
@given(batch=_batches(), gamma=st.sampled_from(GAMMAS))
def test_values_are_finite_not_negative_and_follow_their_rows(
    batch: tuple[Tensor, Tensor, list[int]], gamma: float
) -> None:
    logits, labels, order = batch
    loss = FocalLoss(gamma)
    values: Tensor = loss(logits, labels)
    assert bool(values.isfinite().all() and (values >= 0).all())
    torch.testing.assert_close(loss(logits[order], labels[order]), values[order])


@pytest.mark.parametrize("gamma", [-1.0, math.inf, math.nan])
def test_gamma_out_of_range_is_refused(gamma: float) -> None:
    with pytest.raises(InputError, match=rf"`gamma` .* at least 0, got {gamma}"):
        FocalLoss(gamma)


@pytest.mark.usefixtures("users_view")
@pytest.mark.parametrize(
    ("target", "message"),
    [
        (torch.tensor([0, 1, 2]), r"each of the 4 rows, got 3"),
        (torch.tensor([0, 1, 2, 3]), r"in 0..2 for 3 classes, got 3"),
        (torch.zeros(4), r"shape of `logits`, \(4, 3\), got \(4,\)"),
        (torch.zeros(4, 3), r"a sum off by 1\."),
        (torch.tensor([[2.0, -1.0, 0.0]]).expand(4, 3), r"got an entry of -1 and"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(target: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        FocalLoss()(torch.zeros(4, 3), target)


@pytest.mark.usefixtures("users_view")
def test_logits_of_one_class_or_one_axis_are_refused() -> None:
    with pytest.raises(InputError, match=r"at least 2 columns, got 1"):
        FocalLoss()(torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(InputError, match=r"2 axes .* got shape \(4,\)"):
        FocalLoss()(torch.zeros(4), torch.zeros(4, dtype=torch.int64))
