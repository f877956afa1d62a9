import numpy as np
import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.reasons import nearest_cases


def test_a_plain_loop_agrees() -> None:
    rng = np.random.default_rng(0)
    new, past = rng.normal(size=(5, 3)), rng.normal(size=(40, 3))
    found = nearest_cases(new, past, n_cases=4)
    for row, positions, distances in zip(
        new, found.positions, found.distances, strict=True
    ):
        ways = [float(np.sqrt(((row - case) ** 2).sum() / 3)) for case in past]
        assert positions.tolist() == sorted(range(40), key=ways.__getitem__)[:4]
        np.testing.assert_allclose(distances, sorted(ways)[:4], rtol=1e-12)


def test_a_case_that_is_the_row_itself_is_at_zero() -> None:
    past = np.random.default_rng(1).normal(size=(30, 8)) * 1e3
    found = nearest_cases(past[[7]], past, n_cases=1)
    assert found.positions.tolist() == [[7]]
    assert found.distances.tolist() == [[0.0]]


def test_equal_cases_stand_in_their_order() -> None:
    found = nearest_cases(np.zeros((1, 2)), np.ones((3, 2)), n_cases=3)
    assert found.positions.tolist() == [[0, 1, 2]]


def test_fewer_past_cases_than_asked_for_are_all_given() -> None:
    found = nearest_cases(np.zeros((2, 2)), np.ones((3, 2)), n_cases=5)
    assert found.positions.shape == (2, 3)


def test_nothing_to_compare_with_is_told() -> None:
    with pytest.raises(InputError, match="at least one past case"):
        nearest_cases(np.zeros((1, 2)), np.zeros((0, 2)), n_cases=1)
    with pytest.raises(InputError, match="n_cases"):
        nearest_cases(np.zeros((1, 2)), np.ones((1, 2)), n_cases=0)
