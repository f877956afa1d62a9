import pytest
import torch

from qclmixnet.core.errors import InputError
from qclmixnet.nn.shapes import check_width


@pytest.mark.parametrize("shape", [(3,), (4, 1), (4, 3, 1), ()])
def test_other_shapes_are_refused_by_their_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"`rows` must have shape \(batch, 3\), got"):
        check_width(torch.zeros(shape), 3, name="rows")


def test_an_empty_batch_of_the_right_width_is_accepted() -> None:
    check_width(torch.zeros(0, 3), 3)
