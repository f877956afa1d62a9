import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from qclmixnet.core.errors import InputError
from qclmixnet.nn import EntanglementLayer


def loop(x: list[list[float]], theta: list[float]) -> list[list[float]]:
    rows = []
    for row in x:
        score = sum(v * math.sin(t) for v, t in zip(row, theta, strict=True))
        gate = 1 / (1 + math.exp(-score))
        rows.append([v * math.cos(t) * gate for v, t in zip(row, theta, strict=True)])
    return rows


def test_hand_computed_example() -> None:
    layer = EntanglementLayer(3).double()
    # The sines are 0, 1, 1/2 and the cosines 1, 0, sqrt(3)/2.
    angles = torch.tensor([0.0, math.pi / 2, math.pi / 6], dtype=torch.float64)
    layer.theta = nn.Parameter(angles)
    x = torch.tensor([[1.0, 2.0, -4.0], [3.0, 1.0, 2.0]], dtype=torch.float64)
    # First row: 2 - 2 = 0 opens the gate by 1/2; second: 1 + 1 = 2 by 0.88079708.
    expected = [
        [0.5, 0.0, -1.7320508075688772],
        [2.6423912339336472, 0.0, 1.5255852906861353],
    ]
    torch.testing.assert_close(layer(x), torch.tensor(expected, dtype=torch.float64))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31), n_rows=st.integers(0, 5), width=st.integers(1, 6))
def test_equals_the_plain_loop(seed: int, n_rows: int, width: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    layer = EntanglementLayer(width, init_std=2.0, generator=generator).double()
    x = torch.randn(n_rows, width, generator=generator, dtype=torch.float64)
    expected = torch.tensor(
        loop(x.tolist(), layer.theta.tolist()), dtype=torch.float64
    ).reshape(n_rows, width)
    torch.testing.assert_close(layer(x), expected)


def test_the_gate_is_one_number_per_row() -> None:
    layer = EntanglementLayer(5, init_std=0.5)
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    gate = layer(x) / (x * torch.cos(layer.theta))
    torch.testing.assert_close(gate, gate[:, :1].expand(4, 5))


def test_extreme_rows_stay_finite() -> None:
    layer = EntanglementLayer(2, init_std=1.0)
    x = torch.tensor([[1e30, -1e30], [-1e30, 1e30]], requires_grad=True)
    y = layer(x)
    (y * 1e-30).sum().backward()
    assert y.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    layer = EntanglementLayer(4, init_std=1.0, generator=generator).double()
    x = torch.randn(3, 4, generator=generator, dtype=torch.float64, requires_grad=True)

    def run(x: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = torch.func.functional_call(layer, {"theta": theta}, (x,))
        return y

    assert torch.autograd.gradcheck(run, (x, layer.theta))


def test_initial_angles_have_the_stated_spread() -> None:
    generator = torch.Generator().manual_seed(0)
    theta = EntanglementLayer(10_000, generator=generator).theta
    assert theta.std().item() == pytest.approx(0.1, rel=0.05)
    assert EntanglementLayer(3, init_std=0).theta.tolist() == [0.0, 0.0, 0.0]


def test_wrong_width_is_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(batch, 3\), got \(2, 1\)"):
        EntanglementLayer(3)(torch.zeros(2, 1))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match=r"`width` .* at least 1, got 0"):
        EntanglementLayer(0)
    with pytest.raises(InputError, match=r"`init_std` .* at least 0, got -1"):
        EntanglementLayer(3, init_std=-1.0)
