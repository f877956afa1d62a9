"""Members' contrastive losses against the single ones on each member's rows."""

import pytest
import torch

from qclmixnet.core.errors import InputError
from qclmixnet.losses import BatchHardTripletLoss, StackedContrast, SupConLoss


def _batch(
    n_members: int = 3, n_rows: int = 20, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    projection = torch.randn(
        n_members, n_rows, 5, generator=generator, dtype=torch.float64
    )
    labels = torch.randint(4, (n_rows,), generator=generator)
    takes_part = torch.rand(n_members, n_rows, generator=generator) < 0.7
    return projection, labels, takes_part


@pytest.mark.parametrize("seed", range(5))
def test_each_member_has_the_single_losses_of_its_own_rows(seed: int) -> None:
    projection, labels, takes_part = _batch(seed=seed)
    projection.requires_grad_()
    found = StackedContrast(0.2, 0.7)(projection, labels, takes_part)
    (gradient,) = torch.autograd.grad(found.sum(), projection)
    for member, own in enumerate(takes_part):
        rows = projection[member, own].detach().requires_grad_()
        expected = SupConLoss(0.2)(rows, labels[own])
        expected = expected + BatchHardTripletLoss(0.7)(rows, labels[own])
        torch.testing.assert_close(found[member, own], expected)
        (slope,) = torch.autograd.grad(expected.sum(), rows)
        torch.testing.assert_close(gradient[member, own], slope)
        assert not found[member, ~own].any()
        assert not gradient[member, ~own].any()


def test_members_and_rows_with_nothing_to_compare_have_no_loss() -> None:
    projection = torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))
    projection.requires_grad_()
    labels = torch.tensor([0, 1, 2])
    takes_part = torch.tensor([[True, True, True], [False, False, True]])
    found = StackedContrast()(projection, labels, takes_part)
    (gradient,) = torch.autograd.grad(found.sum(), projection)
    assert not found.any()
    assert not gradient.any()


def test_a_row_of_zeros_is_no_trouble() -> None:
    projection = torch.zeros(1, 4, 3, requires_grad=True)
    labels, takes_part = torch.tensor([0, 0, 1, 1]), torch.ones(1, 4, dtype=torch.bool)
    found = StackedContrast()(projection, labels, takes_part)
    (gradient,) = torch.autograd.grad(found.sum(), projection)
    assert found.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.usefixtures("users_view")
def test_shapes_that_do_not_fit_are_refused() -> None:
    projection, labels, takes_part = _batch()
    loss = StackedContrast()
    with pytest.raises(InputError, match=r"`takes_part` its first two axes"):
        loss(projection, labels, takes_part[:, :-1])
    with pytest.raises(InputError, match="`labels` must have one entry for each"):
        loss(projection, labels[:-1], takes_part)


@pytest.mark.parametrize(("temperature", "margin"), [(0.0, 0.5), (0.1, -0.1)])
def test_settings_out_of_range_are_refused(temperature: float, margin: float) -> None:
    with pytest.raises(InputError):
        StackedContrast(temperature, margin)
