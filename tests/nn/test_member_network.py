import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qclmixnet.core.errors import InputError
from qclmixnet.nn import MemberNetwork, MemberOutput, StackedEntanglement

N_PLAIN, N_COLUMNS, N_BINS, N_CLASSES, WIDTH = 4, 3, 5, 3, 6


def build(
    *,
    seeds: tuple[int, ...] = (1, 2, 3, 4),
    n_binned: int = 2,
    n_columns: int = N_COLUMNS,
    n_blocks: int = 1,
    dropout: float = 0.15,
    entangle: bool = False,
    input_norm: float = 1.0,
) -> MemberNetwork:
    return MemberNetwork(
        n_plain=N_PLAIN,
        n_columns=n_columns,
        n_bins=N_BINS if n_columns else 0,
        n_classes=N_CLASSES,
        n_binned=n_binned,
        d_hidden=WIDTH,
        d_embedding=2,
        n_blocks=n_blocks,
        dropout=dropout,
        entangle=entangle,
        input_norm=input_norm,
        generators=[torch.Generator().manual_seed(seed) for seed in seeds],
        pool_generator=torch.Generator().manual_seed(0),
    )


def shaken(network: nn.Module) -> nn.Module:
    """The module in double precision, no parameter at its special start."""
    generator = torch.Generator().manual_seed(99)
    network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return network


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def rows(n_rows: int = 7) -> tuple[Tensor, Tensor]:
    return draw(n_rows, N_PLAIN), draw(n_rows, N_COLUMNS, N_BINS, seed=1).sigmoid()


def layer_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return F.layer_norm(x, (x.shape[-1],), scale[0], shift[0])


def wave_loop(x: list[float], its: dict[str, Tensor]) -> list[float]:
    """One row through one member's entanglement, number by number."""
    width = len(x)
    mean = sum(x) / width
    variance = sum((v - mean) ** 2 for v in x) / width
    scale, shift = its["norm.scale"][0].tolist(), its["norm.shift"][0].tolist()
    h = [
        (v - mean) / math.sqrt(variance + 1e-5) * a + b
        for v, a, b in zip(x, scale, shift, strict=True)
    ]

    def linear(name: str, row: list[float]) -> list[float]:
        weight, bias = its[f"{name}.weight"].tolist(), its[f"{name}.bias"][0].tolist()
        return [
            sum(v * weight[i][o] for i, v in enumerate(row)) + bias[o]
            for o in range(len(bias))
        ]

    t = linear("angles", h)
    k = its["coupling"][0].tolist()
    waves = [math.cos(angle) for angle in t]
    waves += [math.sin(angle) for angle in t]
    waves += [math.cos(t[c] + k[c] * t[c - 1]) for c in range(width)]  # t[-1] is last
    gates = [1 / (1 + math.exp(-logit)) for logit in linear("gates", h)]
    added = linear("out", [g * w for g, w in zip(gates, waves, strict=True)])
    return [v + a for v, a in zip(x, added, strict=True)]


def member_state(module: nn.Module, member: int) -> dict[str, Tensor]:
    return {name: p[member].detach() for name, p in module.state_dict().items()}


def by_hand(
    network: MemberNetwork, member: int, plain: Tensor, bins: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Logits and representation of one member from its own weights."""
    n_smooth = network.n_members - network.n_binned
    its = {
        name: p[member - n_smooth if name.startswith(("emb", "binned")) else member]
        for name, p in network.state_dict().items()
        if member >= n_smooth or not name.startswith(("emb", "binned"))
    }
    z = plain @ its["plain.weight"] + its["plain.bias"]
    if member >= n_smooth:
        assert bins is not None
        vectors = torch.einsum("rcb,cbd->rcd", bins, its["embedding.weight"])
        flat = torch.relu(vectors.flatten(1) + its["embedding.bias"])
        z = z + flat @ its["binned.weight"] + its["binned.bias"]
    if network.entanglement is not None:
        waves = member_state(network.entanglement, member)
        z = z.new_tensor([wave_loop(row, waves) for row in z.tolist()])
    for block in range(len(network.blocks)):
        at = f"blocks.{block}."
        h = layer_norm(z, its[at + "norm.scale"], its[at + "norm.shift"])
        h = F.silu(h @ its[at + "up.weight"] + its[at + "up.bias"])
        z = z + h @ its[at + "down.weight"] + its[at + "down.bias"]
    z = layer_norm(z, its["norm.scale"], its["norm.shift"])
    return z @ its["head.weight"] + its["head.bias"], z


def test_entanglement_equals_the_formula_written_out() -> None:
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2, 3)]
    layer = shaken(StackedEntanglement(5, generators=generators))
    x = draw(3, 4, 5)
    expected = [
        [wave_loop(row, member_state(layer, member)) for row in x[member].tolist()]
        for member in range(3)
    ]
    torch.testing.assert_close(layer(x), torch.tensor(expected, dtype=torch.float64))


def test_entanglement_without_its_last_map_changes_nothing() -> None:
    layer = StackedEntanglement(5, generators=[torch.Generator().manual_seed(0)])
    nn.init.zeros_(layer.out.weight)
    x = draw(1, 4, 5).float()
    assert torch.equal(layer(x), x)


def test_entanglement_gradient() -> None:
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    layer = shaken(StackedEntanglement(3, generators=generators))
    names, values = zip(*layer.named_parameters(), strict=True)

    def run(x: Tensor, *parameters: Tensor) -> Tensor:
        named = dict(zip(names, parameters, strict=True))
        y: Tensor = torch.func.functional_call(layer, named, (x,))
        return y

    assert torch.autograd.gradcheck(run, (draw(2, 2, 3).requires_grad_(), *values))


@pytest.mark.parametrize("entangle", [False, True])
@pytest.mark.parametrize("n_blocks", [0, 1, 2])
@pytest.mark.parametrize("n_binned", [0, 1, 4])
def test_each_member_is_the_network_of_its_own_weights(
    n_binned: int, n_blocks: int, *, entangle: bool
) -> None:
    network = build(n_binned=n_binned, n_blocks=n_blocks, entangle=entangle)
    shaken(network).eval()
    plain, bins = rows()
    output: MemberOutput = network(plain, bins)
    assert output.logits.shape == (4, 7, N_CLASSES)
    assert output.representation.shape == (4, 7, WIDTH)
    for member in range(4):
        logits, representation = by_hand(network, member, plain, bins)
        torch.testing.assert_close(output.logits[member], logits)
        torch.testing.assert_close(output.representation[member], representation)


def test_gradients_of_all_members_at_once_equal_those_of_each_alone() -> None:
    network = shaken(build(entangle=True, dropout=0.0))
    plain, bins = rows()
    pull = draw(4, 7, N_CLASSES, seed=2)
    (network(plain, bins).logits * pull).sum().backward()
    for member, seed in enumerate((1, 2, 3, 4)):
        alone = build(
            seeds=(seed,), n_binned=int(member >= 2), entangle=True, dropout=0.0
        ).double()
        stack = dict(network.named_parameters())
        place = {n: member - 2 * n.startswith(("emb", "binned")) for n in stack}
        mine = {
            n: stack[n][place[n] : place[n] + 1] for n, _ in alone.named_parameters()
        }
        alone.load_state_dict({n: p.detach() for n, p in mine.items()})
        (alone(plain, bins).logits * pull[member]).sum().backward()
        for name, parameter in alone.named_parameters():
            grad = stack[name].grad
            assert grad is not None
            assert parameter.grad is not None
            torch.testing.assert_close(grad[place[name]], parameter.grad[0])


@pytest.mark.parametrize("entangle", [False, True])
def test_a_member_alone_is_the_member_of_the_stack_dropout_included(
    *, entangle: bool
) -> None:
    stack = build(entangle=entangle, dropout=0.5).train()
    plain, bins = (x.float() for x in rows(40))
    trained: list[Tensor] = [stack(plain, bins).logits for _ in range(3)]
    evaluated: MemberOutput = stack.eval()(plain, bins)
    for member, seed in enumerate((1, 2, 3, 4)):
        n_binned = int(member >= 2)
        alone = build(seeds=(seed,), n_binned=n_binned, entangle=entangle, dropout=0.5)
        own = dict(alone.named_parameters())
        for name, parameter in stack.named_parameters():
            if name in own:
                late = name.startswith(("emb", "binned"))
                place = member - 2 if late else member
                assert torch.equal(own[name][0], parameter[place])
        alone.train()
        for logits in trained:
            torch.testing.assert_close(alone(plain, bins).logits[0], logits[member])
        output: MemberOutput = alone.eval()(plain, bins)
        torch.testing.assert_close(output.logits[0], evaluated.logits[member])


def test_only_the_binned_members_see_the_bins() -> None:
    network = build()
    shaken(network).eval()
    nn.init.constant_(network.embedding.bias, 20.0)  # every ReLU lets its number pass
    plain, bins = rows()
    before: MemberOutput = network(plain, bins)
    for column in range(N_COLUMNS):
        for t in range(N_BINS):
            changed = bins.clone()
            changed[:, column, t] += 1.0
            after: MemberOutput = network(plain, changed)
            assert torch.equal(after.logits[:2], before.logits[:2])
            moved = (after.logits[2:] - before.logits[2:]).abs().amax(dim=(1, 2))
            assert moved.min().item() > 1e-6


def test_all_members_see_all_plain_columns() -> None:
    network = shaken(build()).eval()
    plain, bins = rows()
    before: MemberOutput = network(plain, bins)
    for column in range(N_PLAIN):
        changed = plain.clone()
        changed[:, column] += 1.0
        after: MemberOutput = network(changed, bins)
        moved = (after.logits - before.logits).abs().amax(dim=(1, 2))
        assert moved.min().item() > 1e-6


@pytest.mark.parametrize("member", range(4))
def test_a_member_does_not_depend_on_the_weights_of_the_others(member: int) -> None:
    network = shaken(build(entangle=True))
    plain, bins = rows()
    before: MemberOutput = network.eval()(plain, bins)
    late = member >= 2
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            has_late_only = name.startswith(("emb", "binned"))
            own = member - 2 if has_late_only else member
            for other in range(len(parameter)):
                if (has_late_only and not late) or other != own:
                    parameter[other] += 1.0
    after: MemberOutput = network(plain, bins)
    torch.testing.assert_close(after.logits[member], before.logits[member])
    others = [m for m in range(4) if m != member]
    assert (after.logits - before.logits)[others].abs().amax(dim=(1, 2)).min() > 1e-6


def test_a_members_loss_has_no_gradient_for_the_others() -> None:
    network = shaken(build(entangle=True))
    plain, bins = rows()
    network(plain, bins).logits[3].sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        own = 1 if name.startswith(("emb", "binned")) else 3
        for other in set(range(len(parameter))) - {own}:
            assert parameter.grad[other].abs().max().item() == 0.0
        assert parameter.grad[own].abs().max().item() > 0.0


def test_in_evaluation_a_row_never_depends_on_the_others() -> None:
    network = shaken(build(entangle=True)).eval()
    plain, bins = rows()
    output: MemberOutput = network(plain, bins)
    for row in range(7):
        one = slice(row, row + 1)
        alone: MemberOutput = network(plain[one], bins[one])
        torch.testing.assert_close(alone.logits, output.logits[:, one])
    nothing: MemberOutput = network(plain[:0], bins[:0])
    assert nothing.logits.shape == (4, 0, N_CLASSES)


def test_dropout_is_at_work_in_training_only() -> None:
    network = build(dropout=0.5)
    plain, bins = (x.float() for x in rows())
    first, second = (network.train()(plain, bins).logits for _ in range(2))
    assert (first - second).abs().amax(dim=(1, 2)).min().item() > 0
    assert torch.equal(
        network.eval()(plain, bins).logits, network.eval()(plain, bins).logits
    )


@pytest.mark.parametrize("n_binned", [0, 3])
def test_without_columns_with_bins_every_member_is_plain(n_binned: int) -> None:
    network = build(n_binned=n_binned, n_columns=0)
    assert network.n_binned == 0
    plain, bins = (x.float() for x in rows())
    output: MemberOutput = network.eval()(plain)
    smooth = build(n_binned=0).eval()
    assert network.state_dict().keys() == smooth.state_dict().keys()
    assert torch.equal(output.logits, smooth(plain, bins).logits)


def test_the_first_linear_map_turns_a_typical_row_into_unit_numbers() -> None:
    seeds = tuple(range(300))
    network = build(seeds=seeds, n_binned=0, input_norm=20.0)
    plain = draw(1, N_PLAIN).float()
    z = network.plain(plain / plain.norm() * 20.0)
    assert z.square().mean().item() == pytest.approx(1.0, rel=0.1)


def test_first_logits_are_small_whatever_the_scale_of_the_rows() -> None:
    network = build(seeds=tuple(range(300)), n_binned=0).eval()
    plain = draw(1, N_PLAIN).float()
    for scale in (0.3, 100.0):
        logits = network(plain * scale).logits
        assert logits.std().item() == pytest.approx(0.3, rel=0.1)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match=r"`n_members` .* at least 1, got 0"):
        build(seeds=(), n_binned=0)
    with pytest.raises(InputError, match=r"`n_binned` .* at most the 4 members, got 5"):
        build(n_binned=5)
    with pytest.raises(InputError, match=r"`n_binned` .* at least 0, got -1"):
        build(n_binned=-1)
    with pytest.raises(InputError, match=r"`n_blocks` .* at least 0, got -1"):
        build(n_blocks=-1)
    with pytest.raises(InputError, match=r"`input_norm` .* above 0, got 0"):
        build(input_norm=0.0)
    with pytest.raises(InputError, match=r"`rate` .* below 1, got 1.0"):
        build(dropout=1.0)
    small = partial(
        MemberNetwork,
        generators=[torch.Generator()],
        pool_generator=torch.Generator(),
    )
    with pytest.raises(InputError, match=r"`n_classes` .* at least 2, got 1"):
        small(n_plain=2, n_classes=1)
    with pytest.raises(InputError, match=r"`d_hidden` .* at least 1, got 0"):
        small(n_plain=2, n_classes=2, d_hidden=0)
    with pytest.raises(InputError, match=r"`d_in` .* at least 1, got 0"):
        small(n_plain=0, n_classes=2)
    with pytest.raises(InputError, match=r"`n_bins` .* at least 1, got 0"):
        small(n_plain=2, n_classes=2, n_columns=2, n_binned=1)


def test_inputs_that_do_not_fit_are_refused() -> None:
    network = build().double()
    plain, bins = rows(2)
    with pytest.raises(InputError, match=r"`plain` .* \(batch, 4\), got \(2, 1\)"):
        network(plain[:, :1], bins)
    with pytest.raises(InputError, match=r"`bins` must .* \(batch, 3, 5\), got"):
        network(plain, bins[:, :1])
    with pytest.raises(InputError, match=r"`bins` is needed by 2 of the members"):
        network(plain)
