import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from qclmixnet.core.errors import InputError
from qclmixnet.nn import FeatureAttention

Vector = list[float]


def times(matrix: list[Vector], vector: Vector) -> Vector:
    return [sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix]


def mean(vectors: list[Vector]) -> Vector:
    return [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]


def loop(attention: FeatureAttention, row: Vector) -> Vector:
    """One row, one feature, one head and one key at a time."""
    e, b = attention.tokens.weight.tolist(), attention.tokens.bias.tolist()
    maps = (attention.query, attention.key, attention.value)
    w_q, w_k, w_v = (linear.weight.tolist() for linear in maps)
    w_o: Vector = attention.out.weight.tolist()[0]
    tokens = [
        [x * e_i + b_i for e_i, b_i in zip(e_j, b_j, strict=True)]
        for x, e_j, b_j in zip(row, e, b, strict=True)
    ]
    n_groups = min(len(row), attention.max_keys)
    groups = [part.tolist() for part in np.array_split(np.arange(len(row)), n_groups)]
    queries = [times(w_q, token) for token in tokens]
    keys = [mean([times(w_k, tokens[j]) for j in group]) for group in groups]
    values = [mean([times(w_v, tokens[j]) for j in group]) for group in groups]
    d_head = len(w_o) // attention.n_heads
    out = []
    for x, query in zip(row, queries, strict=True):
        total = x
        for start in range(0, len(w_o), d_head):
            part = slice(start, start + d_head)
            scores = [sum(map(float.__mul__, query[part], key[part])) for key in keys]
            weights = [math.exp(s / math.sqrt(d_head)) for s in scores]
            for weight, value in zip(weights, values, strict=True):
                seen = sum(map(float.__mul__, w_o[part], value[part]))
                total += weight / sum(weights) * seen
        out.append(total)
    return out


def build(width: int, *, n_heads: int = 1, max_keys: int = 256) -> FeatureAttention:
    attention = FeatureAttention(
        width,
        d_token=4,
        n_heads=n_heads,
        max_keys=max_keys,
        generator=torch.Generator().manual_seed(width),
    )
    # Weights well away from the small start, so that the softmax is far from flat.
    for parameter in attention.parameters():
        parameter.data *= 3
    return attention


def draw(n_rows: int, width: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n_rows, width, generator=generator, dtype=dtype)


def test_hand_computed_example() -> None:
    attention = FeatureAttention(2, d_token=1).double()
    for parameter in attention.parameters():
        nn.init.ones_(parameter)
    nn.init.zeros_(attention.tokens.bias)
    # Tokens, queries, keys and values are all (0, 1). Feature 1 asks 0: both keys
    # weigh 1/2. Feature 2 asks 1: the keys weigh 1/(1 + e) and e/(1 + e).
    y = attention(torch.tensor([[0.0, 1.0]], dtype=torch.float64))
    expected = torch.tensor([[0.5, 1.7310585786300049]], dtype=torch.float64)
    torch.testing.assert_close(y, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_heads", [1, 2])
@pytest.mark.parametrize(
    ("width", "max_keys"),
    [(1, 256), (5, 256), (6, 6), (7, 3), (6, 3), (7, 1), (7, 6)],
)
def test_equals_the_plain_loop(
    width: int, max_keys: int, n_heads: int, dtype: torch.dtype
) -> None:
    attention = build(width, n_heads=n_heads, max_keys=max_keys).to(dtype)
    x = draw(3, width, dtype)
    expected = torch.tensor([loop(attention, r) for r in x.tolist()], dtype=dtype)
    torch.testing.assert_close(attention(x), expected)


def test_many_features_are_pooled_by_a_linear_map() -> None:
    width, max_keys = 11, 4
    attention = build(width, max_keys=max_keys).double()
    x = draw(3, width)
    pool = torch.zeros(max_keys, width, dtype=torch.float64)
    for group, features in enumerate(np.array_split(np.arange(width), max_keys)):
        pool[group, features] = 1 / len(features)
    tokens = attention.tokens(x)
    keys, values = pool @ attention.key(tokens), pool @ attention.value(tokens)
    weights = torch.softmax(attention.query(tokens) @ keys.mT / math.sqrt(4), dim=2)
    expected = x + attention.out(weights @ values).squeeze(2)
    torch.testing.assert_close(attention(x), expected)


@pytest.mark.parametrize("max_keys", [256, 4])
def test_a_row_never_depends_on_the_other_rows(max_keys: int) -> None:
    attention = build(9, max_keys=max_keys).double()
    x = draw(6, 9)
    alone = torch.cat([attention(x[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(attention(x), alone)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(attention(x)[2].sum(), x)
    assert gradient.abs().sum(dim=1).nonzero().tolist() == [[2]]


@pytest.mark.parametrize("max_keys", [256, 2])
def test_gradient(max_keys: int) -> None:
    attention = build(5, n_heads=2, max_keys=max_keys).double()
    names = [name for name, _ in attention.named_parameters()]

    def run(x: Tensor, *values: Tensor) -> Tensor:
        parameters = dict(zip(names, values, strict=True))
        y: Tensor = torch.func.functional_call(attention, parameters, (x,))
        return y

    x = draw(2, 5).requires_grad_()
    assert torch.autograd.gradcheck(run, (x, *attention.parameters()))


def test_an_empty_batch_stays_empty() -> None:
    assert build(5, max_keys=2)(torch.zeros(0, 5)).shape == (0, 5)


def test_two_thousand_columns_are_feasible() -> None:
    attention = FeatureAttention(2000, generator=torch.Generator().manual_seed(0))
    x = draw(4, 2000, torch.float32).requires_grad_()
    attention(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_wrong_width_is_refused() -> None:
    with pytest.raises(InputError, match=r"shape \(batch, 3\), got \(2, 1\)"):
        FeatureAttention(3)(torch.zeros(2, 1))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match=r"multiple of `n_heads` = 3, got 16"):
        FeatureAttention(3, n_heads=3)
    with pytest.raises(InputError, match=r"`max_keys` .* at least 1, got 0"):
        FeatureAttention(3, max_keys=0)
    with pytest.raises(InputError, match=r"`n_heads` .* at least 1, got 0"):
        FeatureAttention(3, n_heads=0)
