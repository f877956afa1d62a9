import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qclmixnet.core.errors import InputError
from qclmixnet.table import stratified_holdout


def split(
    codes: object, fraction: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return stratified_holdout(np.asarray(codes), fraction=fraction, generator=rng)


def test_counts_are_rounded_within_each_class() -> None:
    codes = np.repeat([0, 1, 2, 3, 4], [100, 10, 4, 3, 1])
    _, held_out = split(codes, 0.15)
    # 15; 1.5 rounds up to 2; 0.6 to 1; 0.45 to 0 of 3; a single row stays
    assert np.bincount(codes[held_out], minlength=5).tolist() == [15, 2, 1, 0, 0]


def test_four_rows_give_one_even_for_a_tiny_fraction() -> None:
    assert len(split([0] * 4, 0.01)[1]) == 1


def test_a_class_never_leaves_training_whole() -> None:
    assert len(split([0, 0, 1, 1], 0.99)[0]) == 2


def test_something_is_held_out_when_it_can_be() -> None:
    assert len(split([0, 1, 1], 0.01)[1]) == 1


@given(st.lists(st.integers(0, 4), max_size=60), st.floats(0.01, 0.99))
def test_split_laws(codes: list[int], fraction: float) -> None:
    train, held_out = split(np.array(codes, dtype=np.int64), fraction)
    assert train.dtype == held_out.dtype == np.int64
    assert sorted([*train, *held_out]) == list(range(len(codes)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(held_out) > 0).all()
    assert {codes[row] for row in train} == set(codes)
    if len(codes) > len(set(codes)):
        assert len(held_out)


def test_the_same_state_gives_the_same_split_and_another_another() -> None:
    codes = np.arange(200) % 3
    assert split(codes, 0.3)[1].tolist() == split(codes, 0.3)[1].tolist()
    assert split(codes, 0.3)[1].tolist() != split(codes, 0.3, seed=1)[1].tolist()


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, np.nan])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match="`fraction` must be a number above 0 and bel"):
        split([0, 1], fraction)
