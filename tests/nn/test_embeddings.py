import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from qclmixnet.core.errors import InputError
from qclmixnet.nn import FeatureTokens, OneHotInput


def test_one_hot_hand_written_example() -> None:
    one_hot = OneHotInput(2, [3, 1, 2])
    x_num = torch.tensor([[0.5, -1.0], [2.0, 3.0]])
    x_cat = torch.tensor([[2, 0, 1], [0, 0, 0]])
    assert one_hot.n_features == 8
    assert one_hot(x_num, x_cat).tolist() == [
        [0.5, -1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0],
        [2.0, 3.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0],
    ]


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_one_hot_equals_the_plain_loop(data: st.DataObject) -> None:
    cardinalities = data.draw(st.lists(st.integers(1, 5), max_size=4))
    n_num = data.draw(st.integers(0 if cardinalities else 1, 3))
    n_rows = data.draw(st.integers(0, 4))
    codes = [
        [data.draw(st.integers(0, c - 1)) for c in cardinalities] for _ in range(n_rows)
    ]
    generator = torch.Generator().manual_seed(0)
    x_num = torch.randn(n_rows, n_num, generator=generator, dtype=torch.float64)
    expected = []
    for numbers, row in zip(x_num.tolist(), codes, strict=True):
        for code, cardinality in zip(row, cardinalities, strict=True):
            numbers += [float(code == level) for level in range(cardinality)]
        expected.append(numbers)
    x_cat = torch.tensor(codes, dtype=torch.int64).reshape(n_rows, len(cardinalities))
    x = OneHotInput(n_num, cardinalities)(x_num, x_cat)
    assert x.dtype == torch.float64
    assert x.tolist() == expected


def test_one_hot_has_nothing_to_learn_or_save() -> None:
    one_hot = OneHotInput(1, [2])
    assert list(one_hot.parameters()) == []
    assert one_hot.state_dict() == {}


def test_gradient_flows_through_the_numbers() -> None:
    x_num = torch.zeros(2, 1, requires_grad=True)
    (
        OneHotInput(1, [2])(x_num, torch.zeros(2, 1, dtype=torch.int64)) * 3
    ).sum().backward()
    assert x_num.grad is not None
    assert x_num.grad.tolist() == [[3.0], [3.0]]


@pytest.mark.parametrize("code", [-1, 2])
def test_code_outside_its_column_is_refused(code: int) -> None:
    x_cat = torch.tensor([[1, 2], [code, 0]])
    message = rf"`x_cat` column 0 must hold codes from 0 to 1, got {code} in row 1"
    with pytest.raises(InputError, match=message):
        OneHotInput(0, [2, 3])(torch.zeros(2, 0), x_cat)


def test_one_hot_refuses_other_widths() -> None:
    one_hot = OneHotInput(1, [2])
    x_cat = torch.zeros(2, 1, dtype=torch.int64)
    with pytest.raises(InputError, match=r"`x_num` must .* \(batch, 1\), got \(2, 3\)"):
        one_hot(torch.zeros(2, 3), x_cat)
    with pytest.raises(InputError, match=r"`x_cat` must .* \(batch, 1\), got \(2, 2\)"):
        one_hot(torch.zeros(2, 1), x_cat.expand(2, 2))


def test_one_hot_refuses_bad_arguments() -> None:
    with pytest.raises(InputError, match=r"`n_num` .* at least 0, got -1"):
        OneHotInput(-1, [2])
    with pytest.raises(InputError, match=r"`cardinalities\[1\]` .* got 0"):
        OneHotInput(1, [2, 0])
    with pytest.raises(InputError, match="there is no column to use"):
        OneHotInput(0, [])


def test_tokens_hand_computed_example() -> None:
    tokens = FeatureTokens(2, 3)
    tokens.weight = nn.Parameter(torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.0, 1.0]]))
    tokens.bias = nn.Parameter(torch.tensor([[0.0, 0.0, 1.0], [0.5, 0.5, 0.5]]))
    assert tokens(torch.tensor([[2.0, 4.0]])).tolist() == [
        [[2.0, 4.0, 7.0], [-3.5, 0.5, 4.5]]
    ]


def test_initial_tokens_are_bounded_by_their_length() -> None:
    tokens = FeatureTokens(500, 16, generator=torch.Generator().manual_seed(0))
    for values in (tokens.weight, tokens.bias):
        assert 0.24 < values.abs().max().item() <= 0.25


def test_tokens_refuse_a_single_column_instead_of_repeating_it() -> None:
    with pytest.raises(InputError, match=r"shape \(batch, 3\), got \(2, 1\)"):
        FeatureTokens(3, 4)(torch.zeros(2, 1))


def test_tokens_refuse_bad_arguments() -> None:
    with pytest.raises(InputError, match=r"`d_token` .* at least 1, got 0"):
        FeatureTokens(3, 0)
