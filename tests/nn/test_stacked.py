from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from qclmixnet.core.errors import InputError
from qclmixnet.nn import RowShare, StackedDropout, StackedLinear, StackedNorm
from qclmixnet.nn.stacked import stacked_normal

SEEDS = (3, 1, 4)


def sources(seeds: tuple[int, ...] = SEEDS) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def linear_with_biases(d_in: int = 5, d_out: int = 2) -> StackedLinear:
    """A map in double precision whose biases are not the zeros of the start."""
    layer = StackedLinear(d_in, d_out, generators=sources()).double()
    layer.bias = nn.Parameter(draw(len(SEEDS), 1, d_out, seed=9))
    return layer


def linear_of_member(layer: StackedLinear, member: int) -> nn.Linear:
    alone = nn.Linear(layer.d_in, layer.d_out).double()
    alone.weight = nn.Parameter(layer.weight[member].detach().T.clone())
    alone.bias = nn.Parameter(layer.bias[member, 0].detach().clone())
    return alone


def norm_with_scales(width: int) -> StackedNorm:
    layer = StackedNorm(len(SEEDS), width).double()
    layer.scale = nn.Parameter(draw(len(SEEDS), 1, width, seed=7))
    layer.shift = nn.Parameter(draw(len(SEEDS), 1, width, seed=8))
    return layer


def dropout(
    rate: float = 0.3, *, seeds: tuple[int, ...] = SEEDS, pool_seed: int = 0
) -> StackedDropout:
    pool_generator = torch.Generator().manual_seed(pool_seed)
    return StackedDropout(
        rate, generators=sources(seeds), pool_generator=pool_generator
    )


def test_normal_draws_are_those_of_each_generator_alone() -> None:
    drawn = stacked_normal(4, 2, std=0.5, generators=sources())
    for member, generator in enumerate(sources()):
        alone = torch.randn(4, 2, generator=generator) * 0.5
        torch.testing.assert_close(drawn[member].detach(), alone)


def test_normal_draws_have_the_stated_spread() -> None:
    drawn = stacked_normal(100, 100, std=0.2, generators=sources())
    assert drawn.std().item() == pytest.approx(0.2, rel=0.02)
    assert drawn.mean().item() == pytest.approx(0.0, abs=0.01)


def test_linear_starts_with_the_stated_spread_and_no_bias() -> None:
    layer = StackedLinear(400, 50, generators=sources())
    assert layer.weight.std().item() == pytest.approx(1 / 20, rel=0.02)
    assert layer.bias.abs().max().item() == 0.0
    chosen = StackedLinear(400, 50, std=3.0, generators=sources())
    torch.testing.assert_close(chosen.weight, layer.weight * 60)


def test_linear_hand_computed_example() -> None:
    layer = StackedLinear(2, 1, generators=sources((0, 1)))
    layer.weight = nn.Parameter(torch.tensor([[[1.0], [2.0]], [[0.0], [-1.0]]]))
    layer.bias = nn.Parameter(torch.tensor([[[0.5]], [[10.0]]]))
    x = torch.tensor([[3.0, 4.0], [1.0, 0.0]])
    assert layer(x).tolist() == [[[11.5], [1.5]], [[6.0], [10.0]]]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("n_rows", [0, 1, 6])
def test_linear_equals_a_loop_over_members(n_rows: int, *, shared: bool) -> None:
    layer = linear_with_biases()
    x = draw(n_rows, 5) if shared else draw(3, n_rows, 5)
    expected = [
        linear_of_member(layer, member)(x if shared else x[member])
        for member in range(3)
    ]
    torch.testing.assert_close(layer(x), torch.stack(expected))


@pytest.mark.parametrize("shared", [True, False])
def test_linear_gradients_equal_those_of_the_loop(*, shared: bool) -> None:
    layer, pull = linear_with_biases(), draw(3, 6, 2, seed=5)
    x = (draw(6, 5) if shared else draw(3, 6, 5)).requires_grad_()
    x_loop = x.detach().clone().requires_grad_()
    (layer(x) * pull).sum().backward()
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    for member in range(3):
        alone = linear_of_member(layer, member)
        rows = x_loop if shared else x_loop[member]
        (alone(rows) * pull[member]).sum().backward()
        assert alone.weight.grad is not None
        torch.testing.assert_close(layer.weight.grad[member], alone.weight.grad.T)
        torch.testing.assert_close(layer.bias.grad[member, 0], alone.bias.grad)
    torch.testing.assert_close(x.grad, x_loop.grad)


@pytest.mark.parametrize("shape", [(2, 5), (3, 2, 5)])
def test_linear_gradient_is_that_of_finite_differences(shape: tuple[int, ...]) -> None:
    layer = linear_with_biases()

    def run(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        named = {"weight": weight, "bias": bias}
        y: Tensor = torch.func.functional_call(layer, named, (x,))
        return y

    x = draw(*shape).requires_grad_()
    assert torch.autograd.gradcheck(run, (x, layer.weight, layer.bias))


def test_linear_treats_shared_rows_as_every_members_own() -> None:
    layer, x = linear_with_biases(), draw(6, 5)
    torch.testing.assert_close(layer(x), layer(x.expand(3, 6, 5)))


def test_a_member_alone_has_its_weights_of_the_stack() -> None:
    stack, x = StackedLinear(5, 4, generators=sources()), draw(7, 5).float()
    for member, generator in enumerate(sources()):
        alone = StackedLinear(5, 4, generators=[generator])
        assert torch.equal(alone.weight[0], stack.weight[member])
        torch.testing.assert_close(alone(x)[0], stack(x)[member])


def test_drawing_weights_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    StackedLinear(5, 4, generators=sources())
    layer = dropout().train()
    layer(torch.ones(3, 4, 5))
    assert torch.equal(torch.get_rng_state(), before)


def test_norm_hand_computed_example() -> None:
    layer = StackedNorm(2, 2).double()
    layer.scale = nn.Parameter(torch.tensor([[[1.0, 2.0]], [[3.0, 1.0]]]).double())
    layer.shift = nn.Parameter(torch.tensor([[[0.0, 5.0]], [[0.0, 0.0]]]).double())
    # Rows of -1000 and 1000 become -1 and 1 but for the 1e-5 under the root.
    x = torch.tensor([[[-1000.0, 1000.0]], [[1000.0, -1000.0]]]).double()
    expected = torch.tensor([[[-1.0, 7.0]], [[3.0, -1.0]]]).double()
    torch.testing.assert_close(layer(x), expected)


@given(
    n_rows=st.integers(0, 4), width=st.integers(1, 6), seed=st.integers(0, 2**31 - 1)
)
def test_norm_equals_layer_norm_of_each_member(
    n_rows: int, width: int, seed: int
) -> None:
    layer, x = norm_with_scales(width), draw(3, n_rows, width, seed=seed)
    y = layer(x)
    for member in range(3):
        alone = nn.LayerNorm(width).double()
        alone.weight = nn.Parameter(layer.scale[member, 0].detach())
        alone.bias = nn.Parameter(layer.shift[member, 0].detach())
        torch.testing.assert_close(y[member], alone(x[member]))


def test_norm_gradient() -> None:
    layer = norm_with_scales(4)

    def run(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        named = {"scale": scale, "shift": shift}
        y: Tensor = torch.func.functional_call(layer, named, (x,))
        return y

    x = draw(3, 2, 4).requires_grad_()
    assert torch.autograd.gradcheck(run, (x, layer.scale, layer.shift))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    y = dropout(rate).train()(torch.ones(3, 500, 200))
    for member in y:
        assert (member == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
        assert member.mean().item() == pytest.approx(1.0, abs=0.03 / (1 - rate))
    kept = y[y != 0]
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - rate)))


def test_dropout_drops_each_channel_and_each_row_alike() -> None:
    dropped = dropout(0.3).train()(torch.ones(3, 400, 300)) == 0
    for axis in (1, 2):
        shares = dropped.float().mean(dim=axis)  # 3 x 300 and 3 x 400 shares
        assert (shares - 0.3).abs().max().item() < 5 * (0.3 * 0.7 / 300) ** 0.5


def test_dropout_multiplies_what_comes_in_and_its_gradient_by_the_mask() -> None:
    mask = dropout().train()(torch.ones(3, 4, 5, dtype=torch.float64))
    x = draw(3, 4, 5).requires_grad_()
    y = dropout().train()(x)
    torch.testing.assert_close(y, x * mask)
    y.sum().backward()
    torch.testing.assert_close(x.grad, mask)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_dropout_changes_nothing_in_evaluation_or_at_rate_0(rate: float) -> None:
    layer, x = dropout(rate), draw(3, 4, 5)
    assert torch.equal(layer.eval()(x), x)
    if rate == 0:
        assert torch.equal(layer.train()(x), x)


def test_evaluation_takes_nothing_from_the_generators() -> None:
    first, second, x = dropout(), dropout(), torch.ones(3, 4, 5)
    first.eval()(x)
    assert torch.equal(first.train()(x), second.train()(x))


def test_dropout_is_fixed_by_its_generators_and_differs_by_call_and_member() -> None:
    x = torch.ones(3, 20, 10)
    first, second = dropout().train(), dropout().train()
    masks = [first(x) for _ in range(4)]
    for mask in masks:
        assert torch.equal(mask, second(x))
    windows = [member for mask in masks for member in mask]
    for i, window in enumerate(windows):
        assert not any(torch.equal(window, other) for other in windows[:i])
    assert not torch.equal(dropout(pool_seed=1).train()(x), masks[0])


@pytest.mark.parametrize("n_shares", [1, 2, 3])
def test_shares_of_a_batch_have_the_masks_of_the_whole(n_shares: int) -> None:
    x = torch.ones(3, 20, 10)
    whole, shares = dropout().train(), [dropout().train() for _ in range(n_shares)]
    for first, share in enumerate(shares):
        share.share = RowShare(20, first, n_shares)
    for _ in range(3):
        mask = whole(x)
        for first, share in enumerate(shares):
            rows = slice(first, None, n_shares)
            assert torch.equal(share(x[:, rows]), mask[:, rows])


def test_a_member_alone_drops_what_it_drops_in_the_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A small pool that wears out during the calls: it must do so in the same call.
    monkeypatch.setattr(StackedDropout, "_POOL", 100)
    monkeypatch.setattr(StackedDropout, "_PASSES", 1)
    stack = dropout().train()
    alone = [dropout(seeds=(seed,)).train() for seed in SEEDS]
    for n_rows in (6, 6, 2, 9, 6, 6):
        mask = stack(torch.ones(3, n_rows, 5))
        for member, layer in enumerate(alone):
            assert torch.equal(layer(torch.ones(1, n_rows, 5))[0], mask[member])


def pools_used(
    layer: StackedDropout, n_calls: int, x: Tensor, peek: Callable[[], object]
) -> list[object]:
    pools = []
    for _ in range(n_calls):
        layer(x)
        pools.append(peek())
    return pools


def test_the_pool_is_drawn_anew_when_it_is_worn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(StackedDropout, "_POOL", 100)
    monkeypatch.setattr(StackedDropout, "_PASSES", 2)
    layer = dropout().train()
    # 50 numbers a call: after the first call, 200 numbers or 4 calls wear it out.
    pools = pools_used(layer, 11, torch.ones(3, 10, 5), lambda: layer._pool)
    changed = [i for i in range(1, len(pools)) if pools[i] is not pools[i - 1]]
    assert changed == [5, 10]
    first, second = pools[0], pools[5]
    assert isinstance(first, Tensor)
    assert isinstance(second, Tensor)
    assert not torch.equal(first, second)


def test_rows_larger_than_the_pool_are_dropped_from_a_larger_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(StackedDropout, "_POOL", 100)
    layer = dropout(0.4).train()
    pools = pools_used(layer, 3, torch.ones(3, 200, 50), lambda: layer._pool)
    y = layer(torch.ones(3, 200, 50))
    assert (y == 0).float().mean().item() == pytest.approx(0.4, abs=0.02)
    assert not torch.equal(y[0], y[1])
    pool = pools[0]
    assert isinstance(pool, Tensor)
    assert len(pool) == 20_000
    assert pools[2] is pool  # a large pool lasts for as many passes as a small one


def test_dropout_follows_a_change_of_precision() -> None:
    layer = dropout().train()
    layer(torch.ones(3, 4, 5, dtype=torch.float64))
    assert layer(torch.ones(3, 4, 5)).dtype == torch.float32


def test_dropout_keeps_the_mean_of_numbers_in_bfloat16() -> None:
    layer = dropout().train()
    out = layer(torch.ones(3, 4, 5, dtype=torch.bfloat16))
    # Not what 1 / (1 - rate) rounds to in 8 bits.
    assert set(out.unique().tolist()) == {
        0.0,
        torch.tensor(1 / (1 - layer.rate)).item(),
    }


def test_dropout_goes_on_with_its_bits_where_the_module_is() -> None:
    layer, other = dropout().train(), dropout().train()
    layer(torch.ones(3, 4, 5))
    other.set_random_state(layer.random_state())
    other(torch.ones(3, 4, 5, device="meta"))
    pool = other._pool
    assert pool is not None
    assert pool.device.type == "meta"


def test_other_shapes_are_refused_instead_of_being_repeated() -> None:
    with pytest.raises(InputError, match=r"`x` must .* \(3, batch, 5\), got \(1, 2, 5"):
        linear_with_biases()(draw(1, 2, 5))
    with pytest.raises(InputError, match=r"`x` must .* \(batch, 5\), got \(2, 1\)"):
        linear_with_biases()(draw(2, 1))
    with pytest.raises(InputError, match=r"`x` must .* \(3, batch, 4\), got \(3, 2, 1"):
        norm_with_scales(4)(draw(3, 2, 1))
    with pytest.raises(InputError, match=r"`x` must .* \(3, batch, 4\), got \(1, 2, 4"):
        norm_with_scales(4)(draw(1, 2, 4))


@pytest.mark.usefixtures("users_view")
def test_other_numbers_of_axes_are_refused() -> None:
    with pytest.raises(InputError, match=r"`x` must .* \(3, batch, 5\), got \(5,\)"):
        linear_with_biases()(draw(5))
    with pytest.raises(InputError, match=r"`x` must .* \(3, batch, 4\), got \(2, 4\)"):
        norm_with_scales(4)(draw(2, 4))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match=r"`d_in` .* at least 1, got 0"):
        StackedLinear(0, 1, generators=sources())
    with pytest.raises(InputError, match=r"`d_out` .* at least 1, got 0"):
        StackedLinear(1, 0, generators=sources())
    with pytest.raises(InputError, match=r"`n_members` .* at least 1, got 0"):
        StackedNorm(0, 1)
    with pytest.raises(InputError, match=r"`width` .* at least 1, got 0"):
        StackedNorm(1, 0)
    for rate in (-0.1, 1.0):
        with pytest.raises(InputError, match=rf"`rate` .* below 1, got {rate}"):
            dropout(rate)
