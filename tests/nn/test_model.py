from dataclasses import FrozenInstanceError

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qclmixnet.core.errors import InputError
from qclmixnet.nn import ModelOutput, QCLMixNet


def build(seed: int = 0, n_features: int = 6) -> QCLMixNet:
    return QCLMixNet(n_features, 3, generator=torch.Generator().manual_seed(seed))


def draw(n_rows: int, n_features: int = 6) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n_rows, n_features, generator=generator)


def test_both_heads_read_the_representation_of_the_encoder() -> None:
    model, x = build().eval(), draw(4)
    output: ModelOutput = model(x)
    assert torch.equal(output.representation, model.encoder(x))
    assert torch.equal(output.logits, model.classifier(output.representation))
    assert torch.equal(output.projection, model.projector(output.representation))


def test_sizes_follow_the_arguments() -> None:
    model = QCLMixNet(
        5, 7, d_hidden=10, d_repr=11, d_projection=12, d_token=6, n_heads=3, max_keys=2
    )
    output: ModelOutput = model(draw(4, 5))
    assert output.logits.shape == (4, 7)
    assert output.representation.shape == (4, 11)
    assert output.projection.shape == (4, 12)
    assert model.encoder.linear_1.weight.shape == (10, 5)
    assert model.encoder.attention.tokens.d_token == 6
    assert model.encoder.attention.n_heads == 3
    assert model.encoder.attention.max_keys == 2


@settings(deadline=None, max_examples=20)
@given(n_rows=st.integers(1, 8), n_features=st.integers(1, 9), seed=st.integers(0, 99))
def test_in_evaluation_a_row_never_depends_on_the_others(
    n_rows: int, n_features: int, seed: int
) -> None:
    model = build(seed, n_features).double().eval()
    x = draw(n_rows, n_features).double()
    output: ModelOutput = model(x)
    for i in range(n_rows):
        alone: ModelOutput = model(x[i : i + 1])
        torch.testing.assert_close(alone.logits, output.logits[i : i + 1])
        torch.testing.assert_close(alone.projection, output.projection[i : i + 1])


def test_the_same_seed_builds_the_same_parameters() -> None:
    first, second = build(5).state_dict(), build(5).state_dict()
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def test_another_seed_and_no_seed_build_other_parameters() -> None:
    models = [build(0), build(1), QCLMixNet(6, 3), QCLMixNet(6, 3)]
    angles = [next(model.encoder.entanglement_1.parameters()) for model in models]
    for i, first in enumerate(angles):
        assert not any(torch.equal(first, second) for second in angles[:i])


@pytest.mark.parametrize("seed", [0, None])
def test_construction_leaves_torch_global_random_state_alone(seed: int | None) -> None:
    before = torch.get_rng_state()
    QCLMixNet(6, 3) if seed is None else build(seed)
    assert torch.equal(torch.get_rng_state(), before)


def test_parameters_do_not_depend_on_torch_global_random_state() -> None:
    first = build().state_dict()
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(torch.Generator().manual_seed(7).get_state())
        second = build().state_dict()
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_state_dict_round_trip() -> None:
    model, other, x = build(0), build(1), draw(8)
    model(x)  # moves the running statistics, which must travel too
    other.load_state_dict(model.state_dict())
    assert torch.equal(model.eval()(x).logits, other.eval()(x).logits)


def test_every_parameter_is_reached_by_a_gradient() -> None:
    model = build()
    output: ModelOutput = model(draw(16))
    loss: Tensor = output.logits.square().sum() + output.projection.square().sum()
    torch.autograd.backward(loss)
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # Batch norm takes away any constant, so the bias before it has no effect.
        if name not in {"encoder.linear_1.bias", "encoder.linear_2.bias"}:
            assert parameter.grad.abs().max() > 1e-7, name


def test_output_is_frozen() -> None:
    output: ModelOutput = build().eval()(draw(1))
    with pytest.raises(FrozenInstanceError):
        output.logits = draw(1)  # type: ignore[misc]


def test_wrong_width_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"`x` must have shape \(batch, 6\), got \(2, 5\)"
    ):
        build()(draw(2, 5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_features": 0}, r"`n_features` .* at least 1, got 0"),
        ({"n_classes": 1}, r"`n_classes` .* at least 2, got 1"),
        ({"d_hidden": 0}, r"`d_hidden` .* at least 1, got 0"),
        ({"d_repr": -1}, r"`d_repr` .* at least 1, got -1"),
        ({"d_projection": 0}, r"`d_projection` .* at least 1, got 0"),
        ({"d_token": 10, "n_heads": 4}, r"multiple of `n_heads` = 4, got 10"),
        ({"max_keys": 0}, r"`max_keys` .* at least 1, got 0"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        QCLMixNet(**{"n_features": 6, "n_classes": 3, **arguments})  # type: ignore[arg-type]
