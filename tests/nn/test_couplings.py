import math
from typing import get_args

import jaxtyping
import pytest
import torch
from torch import Tensor, nn

from qclmixnet.core.errors import InputError
from qclmixnet.nn import (
    Coupling,
    Encoder,
    EntanglementLayer,
    GatedScaling,
    Scaling,
    VectorEntanglement,
    make_coupling,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def rows(n_rows: int, width: int) -> Tensor:
    return torch.randn(n_rows, width, generator=seeded(9))


def test_vector_gate_equals_the_plain_loop() -> None:
    layer, x = VectorEntanglement(3, generator=seeded()), rows(4, 3)
    theta, phi = layer.theta.tolist(), layer.phi.tolist()
    expected = [
        [
            row[j]
            * math.cos(theta[j])
            * sigmoid(sum(row[i] * math.sin(phi[i][j]) for i in range(3)))
            for j in range(3)
        ]
        for row in x.tolist()
    ]
    torch.testing.assert_close(layer(x), torch.tensor(expected))


def test_equal_columns_of_angles_are_the_published_layer() -> None:
    vector = VectorEntanglement(4, generator=seeded())
    published = EntanglementLayer(4, generator=seeded(1))
    vector.theta = published.theta
    columns = published.theta.detach()[:, None].expand(4, 4)
    vector.phi = nn.Parameter(columns.clone())
    x = rows(5, 4)
    torch.testing.assert_close(vector(x), published(x))


def test_gated_scaling_equals_the_plain_loop() -> None:
    layer, x = GatedScaling(3, generator=seeded()), rows(4, 3)
    theta = layer.theta.tolist()
    expected = []
    for row in x.tolist():
        gate = sigmoid(sum(v * t for v, t in zip(row, theta, strict=True)))
        expected.append([v * (1 + t) * gate for v, t in zip(row, theta, strict=True)])
    torch.testing.assert_close(layer(x), torch.tensor(expected))


def test_small_angles_make_gated_scaling_and_the_published_layer_alike() -> None:
    # cos t = 1 + O(t^2) and sin t = t + O(t^3), so the layers differ by x t / 2.
    gated, published = GatedScaling(3), EntanglementLayer(3)
    tiny = nn.Parameter(torch.full((3,), 1e-4))
    gated.theta = published.theta = tiny
    x = rows(4, 3)
    torch.testing.assert_close(gated(x), published(x), rtol=2e-4, atol=1e-6)


def test_scaling_is_linear() -> None:
    layer, x, z = Scaling(3, generator=seeded()), rows(4, 3), rows(8, 3)[4:]
    torch.testing.assert_close(layer(2 * x + z), 2 * layer(x) + layer(z))


@pytest.mark.parametrize("kind", get_args(Coupling))
def test_a_row_does_not_see_the_others(kind: Coupling) -> None:
    layer, x = make_coupling(kind, 5, generator=seeded()), rows(6, 5)
    torch.testing.assert_close(layer(x)[2:3], layer(x[2:3]))


def test_three_kinds_have_as_many_parameters_as_the_published_layer() -> None:
    def count(kind: Coupling) -> int:
        return sum(p.numel() for p in make_coupling(kind, 7).parameters())

    assert count("no_sinusoid") == count("scaling") == count("scalar") == 7
    assert count("none") == 0
    assert count("vector") == 7 + 49


def test_an_unknown_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(InputError, match=r"`entanglement` must be .*'tensor'"):
        make_coupling("tensor", 3)  # type: ignore[arg-type]


def test_the_encoder_takes_each_kind_and_none_is_a_plain_network() -> None:
    plain = Encoder(4, entanglement="none", generator=seeded()).eval()
    by_hand = plain.attention(rows(3, 4))
    for linear, norm in (
        (plain.linear_1, plain.norm_1),
        (plain.linear_2, plain.norm_2),
    ):
        by_hand = nn.functional.leaky_relu(norm(linear(by_hand)))
    torch.testing.assert_close(plain(rows(3, 4)), by_hand)
