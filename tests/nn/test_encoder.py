import pytest
import torch
from torch import Tensor, nn

from qclmixnet.core.errors import InputError
from qclmixnet.nn import Encoder


def build(n_features: int = 5) -> Encoder:
    generator = torch.Generator().manual_seed(0)
    encoder = Encoder(n_features, d_hidden=6, d_repr=4, d_token=4, generator=generator)
    for norm in (encoder.norm_1, encoder.norm_2):
        norm.weight.data.uniform_(0.5, 1.5, generator=generator)
        norm.bias.data.normal_(generator=generator)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.normal_(generator=generator)
        norm.running_var.uniform_(0.5, 2.0, generator=generator)
    return encoder.double()


def draw(n_rows: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n_rows, 5, generator=generator, dtype=torch.float64)


def spelled_out(encoder: Encoder, x: Tensor, *, by_batch: bool) -> Tensor:
    """The published chain, with batch norm and leaky ReLU written as formulas."""

    def block(x: Tensor, linear: nn.Linear, norm: nn.BatchNorm1d) -> Tensor:
        h = x @ linear.weight.T + linear.bias
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean = h.mean(0) if by_batch else norm.running_mean
        var = ((h - mean) ** 2).mean(0) if by_batch else norm.running_var
        h = (h - mean) / torch.sqrt(var + 1e-5) * norm.weight + norm.bias
        return torch.where(h > 0, h, 0.01 * h)

    x = encoder.attention(encoder.entanglement_1(x))
    x = block(x, encoder.linear_1, encoder.norm_1)
    return block(encoder.entanglement_2(x), encoder.linear_2, encoder.norm_2)


@pytest.mark.parametrize("by_batch", [True, False])
def test_equals_the_published_chain(by_batch: bool) -> None:  # noqa: FBT001
    encoder, x = build().train(by_batch), draw(7)
    expected = spelled_out(encoder, x, by_batch=by_batch)
    torch.testing.assert_close(encoder(x), expected)


def test_a_training_batch_of_one_row_uses_the_running_statistics() -> None:
    encoder, x = build(), draw(1)
    expected = encoder.eval()(x)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    y = encoder.train()(x)
    y.sum().backward()
    assert torch.equal(y, expected)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(p.grad is not None for p in encoder.parameters())


def test_larger_training_batches_move_the_running_statistics() -> None:
    encoder = build().train()
    encoder(draw(2))
    encoder(draw(1))
    assert encoder.norm_1.num_batches_tracked is not None
    assert encoder.norm_1.num_batches_tracked.item() == 1


@pytest.mark.parametrize("train", [True, False])
def test_an_empty_batch_stays_empty(train: bool) -> None:  # noqa: FBT001
    assert build().train(train)(draw(0)).shape == (0, 4)


def test_in_evaluation_a_row_never_depends_on_the_others() -> None:
    encoder, x = build().eval(), draw(6)
    alone = torch.cat([encoder(x[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(encoder(x), alone)


@pytest.mark.parametrize("name", ["d_hidden", "d_repr", "d_token", "max_keys"])
def test_bad_sizes_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"`{name}` .* at least 1, got 0"):
        Encoder(3, **{name: 0})  # type: ignore[arg-type]


def test_wrong_width_is_refused() -> None:
    with pytest.raises(InputError, match=r"`n_features` .* at least 1, got 0"):
        Encoder(0)
    with pytest.raises(InputError, match=r"shape \(batch, 3\), got \(2, 4\)"):
        Encoder(3)(torch.zeros(2, 4))
