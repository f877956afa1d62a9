import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from qclmixnet.training.stacked_adamw import StackedAdamW


def _tensors(*shapes: tuple[int, ...], seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes
    ]


def _stacked(
    parameters: Sequence[Tensor],
    *,
    max_norm: float = math.inf,
    average: float = 0.9,
    weight_decay: float = 0.1,
) -> StackedAdamW:
    return StackedAdamW(
        parameters,
        weight_decay=weight_decay,
        max_gradient_norm=max_norm,
        average=average,
    )


def _close(one: Sequence[Tensor], other: Sequence[Tensor]) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def _plain_adamw(parameters: Sequence[Tensor]) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        [torch.nn.Parameter(p.clone()) for p in parameters],
        betas=(0.9, 0.95),
        weight_decay=0.1,
    )


def _plain_step(
    optimizer: torch.optim.AdamW,
    gradients: Sequence[Tensor],
    rate: float,
    max_norm: float = math.inf,
) -> list[Tensor]:
    """Take a step as torch does, and return the parameters."""
    (group,) = optimizer.param_groups
    group["lr"] = rate
    for parameter, gradient in zip(group["params"], gradients, strict=True):
        parameter.grad = gradient.clone()
    if math.isfinite(max_norm):
        torch.nn.utils.clip_grad_norm_(group["params"], max_norm)
    optimizer.step()
    return [parameter.detach() for parameter in group["params"]]


def test_one_member_moves_like_torchs_adamw_and_the_average_follows() -> None:
    shapes = ((1, 3, 2), (1, 1, 5), (1, 4))
    parameters = _tensors(*shapes, seed=0)
    plain = _plain_adamw(parameters)
    averages = [p.clone() for p in parameters]
    optimizer = _stacked(parameters)
    for step in range(60):
        rate = 0.01 * (1 + step % 7)
        gradients = _tensors(*shapes, seed=1 + step)
        gradients[1] *= step % 3  # some steps without any gradient
        optimizer.step(gradients, rate)
        expected = _plain_step(plain, gradients, rate)
        averages = [
            0.9 * old + 0.1 * now for old, now in zip(averages, expected, strict=True)
        ]
        _close(parameters, expected)
        _close(optimizer.averages, averages)


def test_an_average_of_nothing_old_is_the_weights() -> None:
    parameters = _tensors((2, 3), seed=0)
    optimizer = _stacked(parameters, average=0.0)
    optimizer.step(_tensors((2, 3), seed=1), 0.1)
    _close(optimizer.averages, parameters)
    assert optimizer.averages[0] is not parameters[0]


@pytest.mark.parametrize("max_norm", [0.05, 1.0, 4.0])
def test_each_member_is_clipped_as_if_it_were_alone(max_norm: float) -> None:
    n_members = 4
    # The third tensor belongs to the last two members, the fourth to the last one.
    shapes = ((4, 3, 2), (4, 1, 3), (2, 5), (1, 2, 2))
    first = [n_members - shape[0] for shape in shapes]
    parameters = _tensors(*shapes, seed=0)

    def of_member(tensors: Sequence[Tensor], member: int) -> list[Tensor]:
        return [
            tensor[member - start]
            for tensor, start in zip(tensors, first, strict=True)
            if member >= start
        ]

    alone = [_plain_adamw(of_member(parameters, m)) for m in range(n_members)]
    optimizer = _stacked(parameters, max_norm=max_norm)
    size = torch.tensor([0.01, 1.0, 100.0, 3.0], dtype=torch.float64)
    for step in range(10):
        gradients = [
            gradient * size[start:].view(-1, *[1] * (gradient.ndim - 1)) * (1 + step)
            for gradient, start in zip(
                _tensors(*shapes, seed=1 + step), first, strict=True
            )
        ]
        optimizer.step(gradients, 0.02)
        for member, plain in enumerate(alone):
            own = of_member(gradients, member)
            expected = _plain_step(plain, own, 0.02, max_norm)
            _close(of_member(parameters, member), expected)


@pytest.mark.parametrize("outlier", [1e6, math.inf, math.nan])
def test_an_outlier_of_one_member_changes_no_other(outlier: float) -> None:
    shapes = ((3, 2, 2), (2, 4))  # the second tensor belongs to the last two
    results = []
    for disturbed in (False, True):
        parameters = _tensors(*shapes, seed=0)
        optimizer = _stacked(parameters, max_norm=1.0)
        for step in range(5):
            gradients = _tensors(*shapes, seed=1 + step)
            if disturbed:
                gradients[0][1] *= outlier
                gradients[1][0] *= outlier
            optimizer.step(gradients, 0.1)
        results.append([*parameters, *optimizer.averages])
    for before, after in zip(*results, strict=True):
        n_members = len(before)
        assert torch.equal(before[-1], after[-1])
        if n_members == 3:
            assert torch.equal(before[0], after[0])
        assert not torch.equal(before[n_members - 2], after[n_members - 2])


def test_given_gradients_are_left_as_they_are() -> None:
    parameters, gradients = _tensors((2, 3), seed=0), _tensors((2, 3), seed=1)
    before = [gradient.clone() for gradient in gradients]
    _stacked(parameters, max_norm=0.1).step(gradients, 0.1)
    assert torch.equal(before[0], gradients[0])


def test_the_layout_of_a_gradient_does_not_matter() -> None:
    # A product with transposed weights leaves gradients with other strides.
    (gradient,) = _tensors((2, 3, 4), seed=1)
    strided = gradient.transpose(1, 2).contiguous().transpose(1, 2)
    assert not strided.is_contiguous()
    moved = []
    for given in (gradient, strided):
        parameters = _tensors((2, 3, 4), seed=0)
        _stacked(parameters).step([given], 0.1)
        moved.append(parameters[0])
    assert torch.equal(*moved)
