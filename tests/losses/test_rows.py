import pytest
import torch
from torch.autograd import gradcheck

from qclmixnet.core.errors import InputError
from qclmixnet.losses.rows import check_labels, check_matrix, unit_rows


def test_a_3_4_row_becomes_06_08() -> None:
    rows = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    expected = torch.tensor([[0.6, 0.8]], dtype=torch.float64)
    torch.testing.assert_close(unit_rows(rows), expected)


@pytest.mark.parametrize("scale", [1e-10, 1e-3, 1.0, 1e10, 1e30])
def test_length_is_one_at_any_magnitude(scale: float) -> None:
    # The squares of 1e30 overflow float32, those of 1e-10 vanish beside 1e-12.
    rows = scale * torch.tensor([[1.0, -2.0, 2.0]])
    expected = torch.tensor([[1.0, -2.0, 2.0]]) / 3
    torch.testing.assert_close(unit_rows(rows), expected)


def test_the_divided_out_scale_leaves_the_gradient_right() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    assert gradcheck(unit_rows, rows.requires_grad_())


def test_a_zero_row_stays_zero_and_passes_its_gradient_unscaled() -> None:
    rows = torch.zeros(1, 3, requires_grad=True)
    unit = unit_rows(rows)
    assert unit.tolist() == [[0.0, 0.0, 0.0]]
    (gradient,) = torch.autograd.grad(unit.sum(), rows)
    assert gradient.tolist() == [[1.0, 1.0, 1.0]]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (torch.zeros(3), r"`m` must have 2 axes .* got shape \(3,\)"),
        (torch.zeros(0, 2), r"at least one row .* got shape \(0, 2\)"),
        (torch.zeros(2, 0), r"one column, got shape \(2, 0\)"),
        (torch.zeros(4, 2, dtype=torch.int64), r"real numbers, got torch.int64"),
        (torch.zeros(3, 2), r"must have 4 rows, got 3"),
    ],
)
def test_a_wrong_matrix_is_named_with_its_shape(
    matrix: torch.Tensor, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_matrix(matrix, "m", n_rows=4)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.zeros(2, 1, dtype=torch.int64), r"`t` must have 1 axis .* \(2, 1\)"),
        (torch.zeros(2), r"whole numbers, got torch.float32"),
        (torch.zeros(2, dtype=torch.bool), r"whole numbers, got torch.bool"),
        (torch.zeros(3, dtype=torch.int64), r"each of the 2 rows, got 3"),
        (torch.tensor([0, -1]), r"in 0..4 for 5 classes, got -1"),
        (torch.tensor([0, 5]), r"in 0..4 for 5 classes, got 5"),
    ],
)
def test_wrong_labels_are_named_with_the_number(
    labels: torch.Tensor, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_labels(labels, "t", n_rows=2, n_classes=5)


def test_labels_that_are_only_compared_may_be_any_whole_numbers() -> None:
    check_labels(torch.tensor([-7, 900]), "t", n_rows=2)
