import pytest
import torch
from torch import nn

from qclmixnet.core.errors import InputError
from qclmixnet.nn import ClassifierHead, ProjectionHead


def test_classifier_hand_computed_example() -> None:
    head = ClassifierHead(2, 3)
    weight = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, -1.0]])
    head.linear.weight = nn.Parameter(weight)
    head.linear.bias = nn.Parameter(torch.tensor([0.5, 0.0, -1.0]))
    logits = head(torch.tensor([[1.0, 2.0], [-3.0, 0.0]]))
    assert logits.tolist() == [[1.5, 4.0, -2.0], [-2.5, 0.0, -4.0]]


def test_projection_hand_computed_example() -> None:
    head = ProjectionHead(2, 2)
    head.hidden.weight = nn.Parameter(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
    head.hidden.bias = nn.Parameter(torch.tensor([0.0, -1.0]))
    head.out.weight = nn.Parameter(torch.tensor([[2.0, 0.0], [1.0, 3.0]]))
    head.out.bias = nn.Parameter(torch.tensor([0.0, 10.0]))
    # The hidden rows are (3, -2) and (1, 4); ReLU makes the first (3, 0).
    projection = head(torch.tensor([[1.0, 2.0], [3.0, -2.0]]))
    assert projection.tolist() == [[6.0, 13.0], [2.0, 23.0]]


def test_projections_are_not_normalised() -> None:
    generator = torch.Generator().manual_seed(0)
    head = ProjectionHead(4, generator=generator)
    for linear in (head.hidden, head.out):
        nn.init.zeros_(linear.bias)
    x = torch.randn(3, 4, generator=generator)
    torch.testing.assert_close(head(10 * x), 10 * head(x))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InputError, match=r"`n_classes` .* at least 2, got 1"):
        ClassifierHead(4, 1)
    with pytest.raises(InputError, match=r"`d_repr` .* at least 1, got 0"):
        ClassifierHead(0, 2)
    with pytest.raises(InputError, match=r"`d_projection` .* at least 1, got -2"):
        ProjectionHead(4, -2)
