import numpy as np
import pytest
import torch

from qclmixnet.core.errors import InputError
from qclmixnet.nn import MemberInput, MemberNetwork, OneHotInput, QCLMixNet
from qclmixnet.nn.couplings import VectorEntanglement
from qclmixnet.nn.entanglement import EntanglementLayer
from qclmixnet.nn.member_network import StackedEntanglement
from qclmixnet.preprocessing import ColumnGroup, EncodedTable
from qclmixnet.reasons import entanglement_map


def numbers(cells: list[list[float]]) -> EncodedTable:
    x_num = np.array(cells, dtype=np.float32)
    return EncodedTable(x_num, np.zeros((len(x_num), 0), dtype=np.int64), {})


def one_each(n_columns: int) -> tuple[ColumnGroup, ...]:
    return tuple(ColumnGroup(f"x{i}", (i,), ()) for i in range(n_columns))


def test_the_published_layer_by_hand() -> None:
    network = QCLMixNet(3, 2)
    layer = network.encoder.entanglement_1
    assert isinstance(layer, EntanglementLayer)
    angles = np.array([0.0, np.pi / 6, np.pi / 2])
    layer.theta.data = torch.tensor(angles)
    # Spreads 1, 2, 3: passes 1, 2 cos 30, 0 and moves 0, 1, 3.
    rows = numbers([[-1.0, -2.0, -3.0], [1.0, 2.0, 3.0]])
    found = entanglement_map(network, OneHotInput(3, []), rows, one_each(3), [])
    passes, moves = np.array([1, np.sqrt(3), 0]), np.array([0, 1, 3])
    expected = np.outer(passes, moves) + np.outer(moves, passes)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(found, expected / expected.max(), atol=1e-6)


def test_the_inputs_of_one_column_are_summed() -> None:
    network = QCLMixNet(4, 2)  # a number, its hole, and a category of two codes
    theta = network.encoder.entanglement_1.theta
    assert isinstance(theta, torch.nn.Parameter)
    theta.data = torch.tensor([0.3, 0.5, -0.2, 1.1])
    rows = EncodedTable(
        np.array([[1.0, 0.0], [3.0, 1.0]], dtype=np.float32), np.array([[0], [1]]), {}
    )
    groups = (ColumnGroup("age", (0, 1), ()), ColumnGroup("sex", (), (0,)))
    found = entanglement_map(network, OneHotInput(2, [2]), rows, groups, [2])
    assert found.tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_a_gate_for_each_input_by_a_plain_loop() -> None:
    network = QCLMixNet(3, 2, entanglement="vector")
    layer = network.encoder.entanglement_1
    assert isinstance(layer, VectorEntanglement)
    layer.phi.data.mul_(20)
    rows = numbers([[-1.0, -2.0, -3.0], [1.0, 2.0, 3.0]])
    found = entanglement_map(network, OneHotInput(3, []), rows, one_each(3), [])
    theta, phi = layer.theta.detach().numpy(), layer.phi.detach().numpy()
    expected = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            # Input j moves the gate of input i through phi[j, i].
            part = abs((i + 1) * np.cos(theta[i])) * abs((j + 1) * np.sin(phi[j, i]))
            if i != j:
                expected[i, j] += part
                expected[j, i] += part
    np.testing.assert_allclose(found, expected / expected.max(), rtol=1e-5)


def test_gated_waves_by_a_plain_loop() -> None:
    n_members, width, n_columns = 2, 4, 3
    generators = [torch.Generator().manual_seed(seed) for seed in range(n_members)]
    network = MemberNetwork(
        n_plain=n_columns,
        n_classes=2,
        d_hidden=width,
        entangle=True,
        generators=generators,
        pool_generator=torch.Generator().manual_seed(9),
    ).eval()
    layer = network.entanglement
    assert isinstance(layer, StackedEntanglement)
    layer.coupling.data.uniform_(-2, 2, generator=generators[0])
    rows = numbers([[-1.0, -2.0, -3.0], [1.0, 2.0, 3.0]])
    found = entanglement_map(
        network, MemberInput(n_columns, []), rows, one_each(n_columns), []
    )
    expected = np.zeros((n_columns, n_columns))
    for m in range(n_members):
        plain = network.plain.weight[m].detach().numpy()
        scale = layer.norm.scale[m, 0].detach().numpy()
        angles = layer.angles.weight[m].detach().numpy()
        coupling = layer.coupling[m, 0].detach().numpy()
        out = layer.out.weight[m].detach().numpy()
        for a in range(n_columns):
            for b in range(n_columns):
                for k in range(width):
                    way = np.linalg.norm(out[2 * width + k])
                    own = (a + 1) * (plain[a] * scale) @ angles[:, k]
                    # The layer adds the angle before k: cos(t_k + c_k t_(k-1)).
                    other = (b + 1) * (plain[b] * scale) @ angles[:, k - 1]
                    if a != b:
                        part = way * abs(own) * abs(coupling[k] * other)
                        expected[a, b] += part
                        expected[b, a] += part
    np.testing.assert_allclose(found, expected / expected.max(), rtol=1e-4)


def test_networks_without_angles_say_so() -> None:
    rows = numbers([[-1.0, 1.0], [1.0, 2.0]])
    with pytest.raises(InputError, match="no entanglement layer with angles"):
        entanglement_map(
            QCLMixNet(2, 2, entanglement="scaling"),
            OneHotInput(2, []),
            rows,
            one_each(2),
            [],
        )
    network = MemberNetwork(
        n_plain=2,
        n_classes=2,
        generators=[torch.Generator()],
        pool_generator=torch.Generator(),
    )
    with pytest.raises(InputError, match="`entangle` is off"):
        entanglement_map(network, MemberInput(2, []), rows, one_each(2), [])
