import pytest
import torch
from torch import Tensor, nn

from qclmixnet.nn.initialisation import (
    normal_parameter,
    own_generator,
    seeded_linear,
    uniform_parameter,
)


def test_linear_has_the_weights_torch_would_have_drawn() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(torch.Generator().manual_seed(3).get_state())
        expected = nn.Linear(7, 5)
    linear = seeded_linear(7, 5, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(linear.weight, expected.weight)
    torch.testing.assert_close(linear.bias, expected.bias)
    assert linear.weight.requires_grad
    assert linear.bias.requires_grad


def test_linear_without_bias_has_none() -> None:
    assert seeded_linear(3, 2, bias=False, generator=own_generator(None)).bias is None


def test_uniform_parameter_fills_its_range() -> None:
    values = uniform_parameter(4000, bound=0.5, generator=own_generator(None))
    assert values.abs().max() <= 0.5
    assert values.min() < -0.45
    assert values.max() > 0.45


def test_normal_parameter_has_the_stated_spread() -> None:
    generator = torch.Generator().manual_seed(0)
    values = normal_parameter(10_000, std=0.1, generator=generator)
    assert values.std().item() == pytest.approx(0.1, rel=0.05)
    assert values.mean().item() == pytest.approx(0.0, abs=0.005)


def test_without_a_generator_every_draw_is_new() -> None:
    assert own_generator(None).initial_seed() != own_generator(None).initial_seed()


@pytest.mark.parametrize("generator", [None, torch.Generator().manual_seed(0)])
def test_torch_global_random_state_is_untouched(
    generator: torch.Generator | None,
) -> None:
    before: Tensor = torch.get_rng_state()
    seeded_linear(3, 4, generator=own_generator(generator))
    normal_parameter(3, std=1.0, generator=own_generator(generator))
    assert torch.equal(torch.get_rng_state(), before)
