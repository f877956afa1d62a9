import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from qclmixnet.training import deal_folds
from qclmixnet.training.cross_fit import NEVER, folds_by_hash, hash_rows

Codes = npt.NDArray[np.int64]


def _deal(codes: Codes, copies: Codes, n_folds: int, seed: int = 0) -> Codes:
    generator = np.random.default_rng(seed)
    return deal_folds(codes, copies, n_folds=n_folds, generator=generator)


def _spread(folds: Codes, n_folds: int) -> int:
    counts = np.bincount(folds[folds != NEVER], minlength=n_folds)
    return int(np.ptp(counts))


@st.composite
def _tables(draw: st.DrawFn, *, pure: bool) -> tuple[Codes, Codes]:
    """Draw classes and copy numbers in any order; pure copies have one class."""
    groups = draw(
        st.lists(
            st.lists(st.integers(0, 4), min_size=1, max_size=4), min_size=1, max_size=30
        )
    )
    rows = [
        (group[0] if pure else code, number)
        for number, group in enumerate(groups)
        for code in group
    ]
    shuffled = np.array(draw(st.permutations(rows)), dtype=np.int64)
    return shuffled[:, 0], shuffled[:, 1]


@given(_tables(pure=True), st.integers(2, 6), st.integers(0, 99))
def test_folds_are_even_in_each_class_and_overall(
    table: tuple[Codes, Codes], n_folds: int, seed: int
) -> None:
    codes, copies = table
    folds = _deal(codes, copies, n_folds, seed)
    _, first = np.unique(copies, return_index=True)  # copies count once
    assert _spread(folds[first], n_folds) <= 1
    for code in np.unique(codes):
        different = first[codes[first] == code]
        assert _spread(folds[different], n_folds) <= 1
        never = folds[codes == code] == NEVER
        assert never.all() if len(different) == 1 else not never.any()


@given(_tables(pure=False), st.integers(2, 6), st.integers(0, 99))
def test_copies_stay_together_and_no_fold_takes_a_whole_class(
    table: tuple[Codes, Codes], n_folds: int, seed: int
) -> None:
    codes, copies = table
    folds = _deal(codes, copies, n_folds, seed)
    assert folds.dtype == np.int64
    assert np.isin(folds, [NEVER, *range(n_folds)]).all()
    for number in np.unique(copies):
        assert len(set(folds[copies == number])) == 1
    for fold in range(n_folds):
        # Who leaves this fold out still meets every class.
        assert set(codes[folds != fold]) == set(codes)


def test_two_rows_of_a_class_are_left_out_by_different_folds() -> None:
    codes = np.repeat(np.arange(50), 2)
    folds = _deal(codes, np.arange(100), 4)
    assert (folds[::2] != folds[1::2]).all()
    assert np.bincount(folds).tolist() == [25] * 4


def test_copies_of_one_row_are_not_left_out() -> None:
    codes = np.array([0, 0, 0, 1, 1])
    folds = _deal(codes, np.array([7, 8, 9, 3, 3]), 2)
    assert folds[3:].tolist() == [NEVER, NEVER]
    assert sorted(folds[:3]) in ([0, 0, 1], [0, 1, 1])


def test_a_class_hidden_among_copies_of_another_is_not_left_out() -> None:
    # The only row of class 1 equals a row of class 0, which comes first.
    codes = np.array([0, 0, 0, 0, 1])
    copies = np.array([0, 1, 2, 3, 3])
    for seed in range(8):
        folds = _deal(codes, copies, 2, seed)
        assert folds[3:].tolist() == [NEVER, NEVER]
        assert set(folds[:3]) == {0, 1}


def test_the_generator_alone_decides() -> None:
    codes, copies = np.repeat([0, 1], [30, 10]), np.arange(40)
    one = _deal(codes, copies, 4, seed=3)
    np.testing.assert_array_equal(one, _deal(codes, copies, 4, seed=3))
    assert (one != _deal(codes, copies, 4, seed=4)).any()
    # Copies are told apart by their numbers, whatever these are.
    np.testing.assert_array_equal(one, _deal(codes, 1000 + 3 * copies, 4, seed=3))


def test_folds_by_hash_keep_copies_together_and_are_of_equal_size() -> None:
    rng = np.random.default_rng(0)
    x_num = rng.normal(size=(20_000, 2)).astype(np.float32)
    x_cat = rng.integers(0, 5, size=(20_000, 1))
    x_num[10_000:], x_cat[10_000:] = x_num[:10_000], x_cat[:10_000]
    codes = (rng.random(20_000) < 0.1).astype(np.int64)
    hashes = hash_rows(x_num, x_cat)
    assert len(np.unique(hashes)) == 10_000
    folds = folds_by_hash(codes, hashes, n_folds=4, seed=1)
    np.testing.assert_array_equal(folds[:10_000], folds[10_000:])
    for code in (0, 1):
        shares = np.bincount(folds[codes == code], minlength=4) / (codes == code).sum()
        assert np.abs(shares - 0.25).max() < 0.05
    assert (folds != folds_by_hash(codes, hashes, n_folds=4, seed=2)).mean() > 0.5


def test_folds_by_hash_never_leave_out_a_whole_class() -> None:
    hashes = hash_rows(np.arange(50, dtype=np.float32)[:, None], np.zeros((50, 0), int))
    codes = np.zeros(50, dtype=np.int64)
    codes[7] = 1
    assert folds_by_hash(codes, hashes, n_folds=4, seed=0)[7] == NEVER


def test_a_hash_tells_columns_apart() -> None:
    x = np.array([[1, 2], [2, 1], [1, 2]], dtype=np.float32)
    first, swapped, again = hash_rows(x, np.zeros((3, 0), dtype=np.int64))
    assert first == again != swapped
