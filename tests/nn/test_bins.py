import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from qclmixnet.core.errors import InputError
from qclmixnet.nn import MemberInput, PiecewiseLinearEncoding, StackedBinEmbedding

EDGES = [
    np.array([-1.0, 0.0, 0.5, 4.0]),
    np.array([2.0, 3.0]),
    np.array([-8.0, -4.0, 4.0]),
]


def share_of_bin(x: float, t: int, edges: list[float]) -> float:
    """Number t of the encoding of x, from the definition."""
    first, last = t == 0, t == len(edges) - 2
    low, high = edges[t], edges[t + 1]
    share = (x - low) / (high - low)
    if x < low and not first:
        return 0.0
    if x >= high and not last:
        return 1.0
    return min(max(share, -1.0), 2.0)


def loop(x: Tensor, edges: list[np.ndarray]) -> Tensor:
    n_bins = max(len(column) for column in edges) - 1
    out = torch.zeros(len(x), len(edges), n_bins, dtype=torch.float64)
    for row in range(len(x)):
        for column, its_edges in enumerate(edges):
            for t in range(len(its_edges) - 1):
                number = float(x[row, column])
                out[row, column, t] = share_of_bin(number, t, its_edges.tolist())
    return out


def test_encoding_hand_written_example() -> None:
    encoding = PiecewiseLinearEncoding([np.array([0.0, 1.0, 3.0, 4.0])])
    x = torch.tensor([[-9.0], [-0.5], [0.0], [0.25], [1.0], [2.0], [3.5], [4.5], [9.0]])
    assert encoding(x)[:, 0].tolist() == [
        [-1.0, 0.0, 0.0],
        [-0.5, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.25, 0.0, 0.0],
        [1.0, 0.0, 0.0],
        [1.0, 0.5, 0.0],
        [1.0, 1.0, 0.5],
        [1.0, 1.0, 1.5],
        [1.0, 1.0, 2.0],
    ]


def test_encoding_equals_the_plain_loop_everywhere() -> None:
    encoding = PiecewiseLinearEncoding(EDGES)
    at = np.unique(np.concatenate(EDGES))
    points = np.concatenate([at, at - 0.25, at + 0.125, [-100.0, 100.0, 0.3]])
    x = torch.tensor(np.repeat(points[:, None], 3, axis=1), dtype=torch.float32)
    shares = encoding(x)
    torch.testing.assert_close(shares.double(), loop(x, EDGES), rtol=0, atol=1e-6)
    assert encoding.n_bins == 3
    assert shares[:, 1, 1:].abs().max() == 0  # columns with fewer bins
    assert shares[:, 2, 2:].abs().max() == 0


@given(data=st.data())
def test_encoding_equals_the_plain_loop_for_any_edges(data: st.DataObject) -> None:
    # Multiples of 1/8 are exact in float32, and so are all differences.
    grid = st.integers(-80, 80)
    edges = [
        np.array(sorted(data.draw(st.sets(grid, min_size=2, max_size=6)))) / 8
        for _ in range(data.draw(st.integers(1, 3)))
    ]
    rows = data.draw(st.lists(st.tuples(*[grid] * len(edges)), min_size=1, max_size=5))
    x = torch.tensor(rows, dtype=torch.float32) / 8
    shares = PiecewiseLinearEncoding(edges)(x)
    torch.testing.assert_close(shares.double(), loop(x, edges), rtol=1e-6, atol=1e-6)


def test_a_column_with_one_bin_goes_on_linearly_for_one_width() -> None:
    encoding = PiecewiseLinearEncoding([np.array([2.0, 4.0])])
    x = torch.tensor([[-5.0], [0.0], [1.0], [3.0], [5.0], [6.0], [7.0]])
    assert encoding(x)[:, 0, 0].tolist() == [-1.0, -1.0, -0.5, 0.5, 1.5, 2.0, 2.0]


def test_the_sum_of_the_bins_rises_by_one_per_bin() -> None:
    edges = np.sort(np.random.default_rng(0).normal(size=9))
    encoding = PiecewiseLinearEncoding([edges]).double()
    at_edges = encoding(torch.tensor(edges[:, None])).sum(dim=2)[:, 0]
    torch.testing.assert_close(
        at_edges, torch.arange(9.0, dtype=torch.float64), rtol=0, atol=1e-5
    )
    first, last = edges[1] - edges[0], edges[-1] - edges[-2]
    x = torch.linspace(edges[0] - first, edges[-1] + last, 400, dtype=torch.float64)
    shares = encoding(x[:, None])
    assert (shares.diff(dim=0) >= 0).all()
    assert (shares.sum(dim=2).diff(dim=0) > 0).all()


@given(
    edges=st.sets(st.floats(-50, 50, width=32), min_size=2, max_size=8),
    numbers=st.lists(st.floats(-200, 200, width=32), min_size=2, max_size=8),
)
def test_larger_numbers_never_have_smaller_shares(
    edges: set[float], numbers: list[float]
) -> None:
    column = np.array(sorted(edges))
    column = column[np.concatenate([[True], np.diff(column) > 1e-6])]
    if len(column) < 2:
        column = np.array([0.0, 1.0])
    x = torch.tensor(sorted(numbers), dtype=torch.float32)[:, None]
    shares = PiecewiseLinearEncoding([column])(x)
    assert shares.isfinite().all()
    assert (shares.diff(dim=0) >= 0).all()


def test_encoding_has_nothing_to_learn_or_save_and_copies_its_edges() -> None:
    edges = np.array([0.0, 1.0, 2.0])
    encoding = PiecewiseLinearEncoding([edges])
    edges[:] = 7.0
    assert list(encoding.parameters()) == []
    assert encoding.state_dict() == {}
    assert encoding.edges[0].tolist() == [0.0, 1.0, 2.0]


def test_encoding_refuses_a_single_column_instead_of_repeating_it() -> None:
    with pytest.raises(InputError, match=r"`x` must .* \(batch, 3\), got \(2, 1\)"):
        PiecewiseLinearEncoding(EDGES)(torch.zeros(2, 1))


@pytest.mark.parametrize("edges", [[0.0, 0.0], [0.0, 2.0, 1.0], [0.0, math.nan]])
def test_edges_that_do_not_increase_are_refused(edges: list[float]) -> None:
    with pytest.raises(InputError, match=r"`edges\[1\]` must .* each above the one"):
        PiecewiseLinearEncoding([EDGES[0], np.array(edges)])


def test_a_single_edge_is_refused() -> None:
    with pytest.raises(InputError, match=r"`edges\[0\]` .* 2 numbers .* shape \(1,\)"):
        PiecewiseLinearEncoding([np.array([1.0])])


def sources(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def embedding_with_biases() -> StackedBinEmbedding:
    layer = StackedBinEmbedding(3, 4, 2, generators=sources(5, 6)).double()
    generator = torch.Generator().manual_seed(0)
    bias = torch.randn(2, 1, 6, generator=generator, dtype=torch.float64)
    layer.bias = nn.Parameter(bias)
    return layer


def draw_bins(n_rows: int) -> Tensor:
    generator = torch.Generator().manual_seed(n_rows)
    return torch.rand(n_rows, 3, 4, generator=generator, dtype=torch.float64)


def embedding_loop(layer: StackedBinEmbedding, bins: Tensor) -> Tensor:
    """Embed by member and column."""
    d = layer.d_embedding
    members = []
    for weight, bias in zip(layer.weight, layer.bias, strict=True):
        columns = [
            torch.relu(bins[:, j] @ weight[j] + bias[0, j * d : (j + 1) * d])
            for j in range(bins.shape[1])
        ]
        members.append(torch.cat(columns, dim=1))
    return torch.stack(members)


@pytest.mark.parametrize("n_rows", [0, 1, 7])
def test_embedding_equals_a_loop_over_members_and_columns(n_rows: int) -> None:
    layer, bins = embedding_with_biases(), draw_bins(n_rows)
    out = layer(bins)
    assert out.shape == (2, n_rows, 6)
    torch.testing.assert_close(out, embedding_loop(layer, bins))
    if n_rows:
        assert 0 < (out == 0).double().mean() < 1  # both sides of the ReLU


def test_embedding_gradients_equal_those_of_the_loop() -> None:
    layer, other = embedding_with_biases(), embedding_with_biases()
    bins = draw_bins(7).requires_grad_()
    bins_loop = bins.detach().clone().requires_grad_()
    layer(bins).square().sum().backward()
    torch.autograd.backward(embedding_loop(other, bins_loop).square().sum())
    torch.testing.assert_close(layer.weight.grad, other.weight.grad)
    torch.testing.assert_close(layer.bias.grad, other.bias.grad)
    torch.testing.assert_close(bins.grad, bins_loop.grad)


def test_an_embedded_member_alone_has_its_weights_of_the_stack() -> None:
    stack = StackedBinEmbedding(3, 4, 2, generators=sources(5, 6))
    bins = draw_bins(7).float()
    for member, seed in enumerate((5, 6)):
        alone = StackedBinEmbedding(3, 4, 2, generators=sources(seed))
        assert torch.equal(alone.weight[0], stack.weight[member])
        torch.testing.assert_close(alone(bins)[0], stack(bins)[member])


def test_embedding_starts_with_vectors_of_unit_spread() -> None:
    layer = StackedBinEmbedding(20, 16, 50, generators=sources(0))
    assert layer.weight.std().item() == pytest.approx((16 / 2) ** -0.5, rel=0.02)
    assert layer.bias.abs().max().item() == 0.0
    half = torch.zeros(1, 20, 16)
    half[:, :, :8] = 1.0
    # Half of a standard normal passes the ReLU: mean square 1/2.
    assert layer(half).square().mean().item() == pytest.approx(0.5, rel=0.15)


def test_embedding_refuses_other_shapes_and_bad_arguments() -> None:
    layer = embedding_with_biases()
    with pytest.raises(InputError, match=r"\(batch, 3, 4\), got \(2, 3, 1\)"):
        layer(draw_bins(2)[:, :, :1])
    with pytest.raises(InputError, match=r"\(batch, 3, 4\), got \(2, 1, 4\)"):
        layer(draw_bins(2)[:, :1])
    with pytest.raises(InputError, match=r"`n_columns` .* at least 1, got 0"):
        StackedBinEmbedding(0, 4, 2, generators=sources(0))
    with pytest.raises(InputError, match=r"`n_bins` .* at least 1, got 0"):
        StackedBinEmbedding(3, 0, 2, generators=sources(0))
    with pytest.raises(InputError, match=r"`d_embedding` .* at least 1, got 0"):
        StackedBinEmbedding(3, 4, 0, generators=sources(0))


def test_member_input_picks_the_columns_that_have_bins() -> None:
    inputs = MemberInput(3, [2], columns=[2, 0], edges=[EDGES[1], EDGES[0]])
    x_num = torch.tensor([[0.25, 9.0, 2.5], [-1.0, 9.0, 4.0]])
    plain, bins = inputs(x_num, torch.tensor([[1], [0]]))
    assert plain.tolist() == [[0.25, 9.0, 2.5, 0.0, 1.0], [-1.0, 9.0, 4.0, 1.0, 0.0]]
    assert bins is not None
    assert bins.tolist() == [
        [[0.5, 0.0, 0.0], [1.0, 0.5, 0.0]],
        [[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
    ]
    assert (inputs.n_plain, inputs.n_columns, inputs.n_bins) == (5, 2, 3)
    assert inputs.numbers_per_row == plain[0].numel() + bins[0].numel()
    assert inputs.state_dict() == {}


def test_member_input_without_bins_is_the_plain_rows() -> None:
    inputs = MemberInput(1, [2])
    plain, bins = inputs(torch.tensor([[0.5]]), torch.tensor([[0]]))
    assert plain.tolist() == [[0.5, 1.0, 0.0]]
    assert bins is None
    assert (inputs.n_columns, inputs.n_bins, inputs.numbers_per_row) == (0, 0, 3)


def test_member_input_accepts_columns_as_an_array() -> None:
    listed = MemberInput(3, [], columns=[2, 0], edges=EDGES[:2])
    array = MemberInput(3, [], columns=np.array([2, 0]), edges=EDGES[:2])
    assert array.columns == listed.columns == [2, 0]
    assert all(type(column) is int for column in array.columns)


def test_member_input_refuses_what_does_not_fit() -> None:
    with pytest.raises(InputError, match=r"`edges` .* each of the 2 `columns`, got 1"):
        MemberInput(3, [], columns=[0, 1], edges=EDGES[:1])
    with pytest.raises(InputError, match="there is no column to use"):
        MemberInput(0, [])
    for column in (-1, 3):
        with pytest.raises(InputError, match=rf"`columns` .* 0 to 2, got \[{column}\]"):
            MemberInput(3, [2], columns=[column], edges=EDGES[:1])
    inputs = MemberInput(3, [], columns=[2], edges=EDGES[:1])
    no_codes = torch.zeros(2, 0, dtype=torch.int64)
    with pytest.raises(InputError, match=r"`x_num` must .* \(batch, 3\), got \(2, 1\)"):
        inputs(torch.zeros(2, 1), no_codes)
