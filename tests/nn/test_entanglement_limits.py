"""What the layer cannot express, whatever its angles: identities, not trained models.

``docs/explanation/probes.md`` tells the consequences.
"""

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from qclmixnet.nn import EntanglementLayer


def a_layer(width: int, seed: int) -> EntanglementLayer:
    layer = EntanglementLayer(
        width, init_std=1.5, generator=torch.Generator().manual_seed(seed)
    )
    return layer.double()


def normal(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("seed", range(5))
def test_without_a_bias_the_decision_is_that_of_a_linear_map(seed: int) -> None:
    layer, read_out = a_layer(6, seed), normal(6, 4, seed=seed + 50)
    x = normal(500, 6, seed=seed + 100)
    decided = (layer(x) @ read_out).argmax(dim=1)
    linear = (x * layer.theta.cos()) @ read_out
    assert decided.tolist() == linear.argmax(dim=1).tolist()


def test_also_with_many_layers_on_top_of_each_other() -> None:
    layers = [a_layer(5, seed) for seed in range(4)]
    x, read_out = normal(500, 5, seed=9), normal(5, seed=10)
    scale = torch.stack([layer.theta.cos() for layer in layers]).prod(dim=0)
    signs = (nn.Sequential(*layers)(x) @ read_out).sign()
    assert signs.tolist() == ((x * scale) @ read_out).sign().tolist()


def test_normalised_to_length_one_the_gate_is_gone() -> None:
    layer, x = a_layer(6, 0), normal(100, 6, seed=1)
    plain = nn.functional.normalize(x * layer.theta.cos(), dim=1)
    torch.testing.assert_close(nn.functional.normalize(layer(x), dim=1), plain)


def parity(x: Tensor) -> Tensor:
    return x.prod(dim=1)


@pytest.mark.parametrize("n_bits", [2, 4])
def test_with_a_bias_an_even_parity_is_still_out_of_reach(n_bits: int) -> None:
    """x and -x have the same class, but the linear form changes its sign.

    A positive class on the side of the larger numbers needs the form to be positive at
    both if the bias is negative; if it is not, the other class needs it to be negative
    at both.
    """
    corners = torch.tensor(
        list(itertools.product([-1.0, 1.0], repeat=n_bits)), dtype=torch.float64
    )
    wanted = parity(corners)
    for seed in range(300):
        layer = a_layer(n_bits, seed)
        numbers = 3 * normal(n_bits + 1, seed=1_000 + seed)
        signs = (layer(corners) @ numbers[:-1] + numbers[-1]).sign()
        assert (signs != wanted).any()
        pairs = (layer(corners) @ numbers[:-1]) * (layer(-corners) @ numbers[:-1])
        assert (pairs <= 0).all()


@pytest.mark.parametrize("width", [2, 16, 91])
def test_between_linear_maps_two_linear_forms_are_all_there_is(width: int) -> None:
    """Linear, layer, linear with one output is ``a(x) sigmoid(g(x)) + b``."""
    weight, shift = normal(width, 5, seed=1), normal(width, seed=2)
    layer, read_out, bias = a_layer(width, 3), normal(width, seed=4), 0.7
    x = normal(200, 5, seed=5)
    out = layer(x @ weight.T + shift) @ read_out + bias
    v, s = read_out * layer.theta.cos(), layer.theta.sin()
    form, gate = x @ (weight.T @ v) + shift @ v, x @ (weight.T @ s) + shift @ s
    torch.testing.assert_close(out, form * torch.sigmoid(gate) + bias)


def test_so_one_of_two_classes_is_convex() -> None:
    """Positive is ``a > -b (1 + exp(-g))``: above a convex curve, or below one.

    For a negative bias the rows between two positive rows are positive; the quadrants
    of an XOR are convex for neither class.
    """
    weight, shift = normal(8, 3, seed=11), normal(8, seed=12)
    layer, read_out = a_layer(8, 13), normal(8, seed=14)

    def out(x: Tensor, bias: float) -> Tensor:
        found: Tensor = layer(x @ weight.T + shift) @ read_out + bias
        return found

    for bias, sign in ((-0.5, 1), (0.5, -1)):
        x = 3 * normal(2_000, 3, seed=15)
        inside = x[sign * out(x, bias) > 0]
        assert 100 < len(inside) < 1_900
        half = len(inside) // 2
        between = (inside[:half] + inside[half : 2 * half]) / 2
        assert (sign * out(between, bias) > 0).all()


def test_between_linear_maps_the_xor_of_two_bits_is_in_reach() -> None:
    """``x1 - x2`` opens the gate and ``a`` bends over it: not all is out of reach."""
    x = torch.tensor([[1.0, 1], [-1, -1], [1, -1], [-1, 1]], dtype=torch.float64)
    layer = EntanglementLayer(2).double()
    with torch.no_grad():
        layer.theta.copy_(torch.tensor([0.0, math.pi / 2], dtype=torch.float64))
    # The first channel is the form 3.05 - 0.975 (x1 - x2), the second the gate.
    weight = torch.tensor([[-0.975, 0.975], [1.0, -1.0]], dtype=torch.float64)
    hidden = x @ weight.T + torch.tensor([3.05, 0.0], dtype=torch.float64)
    signs = (layer(hidden)[:, 0] - 1).sign()
    assert signs.tolist() == [1, 1, -1, -1]
