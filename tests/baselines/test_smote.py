import numpy as np
import pytest

from qclmixnet.baselines.smote import smote

imblearn = pytest.importorskip("imblearn.over_sampling")

RNG = np.random.default_rng(0)
CODES = np.repeat([0, 1, 2, 3], [20, 8, 3, 1])
X_NUM = RNG.normal(size=(32, 2)) + 100 * CODES[:, None]
X_CAT = RNG.integers(0, 3, size=(32, 2))
NO_NUM, NO_CAT = np.empty((32, 0)), np.empty((32, 0), dtype=np.int64)


@pytest.mark.parametrize(
    ("x_num", "x_cat"), [(X_NUM, X_CAT), (X_NUM, NO_CAT), (NO_NUM, X_CAT)]
)
def test_classes_of_two_rows_and_more_reach_the_largest(
    x_num: np.ndarray, x_cat: np.ndarray
) -> None:
    more_num, more_cat, codes = smote(x_num, x_cat, CODES, random_state=1)
    assert np.bincount(codes).tolist() == [20, 20, 20, 1]
    np.testing.assert_array_equal(more_num[:32], x_num)
    np.testing.assert_array_equal(more_cat[:32], x_cat)
    np.testing.assert_array_equal(codes[:32], CODES)
    for column, given in zip(more_cat.T, x_cat.T, strict=True):
        assert set(column) <= set(given)


def test_new_rows_lie_between_rows_of_their_class() -> None:
    more, _, codes = smote(X_NUM, NO_CAT, CODES, random_state=1)
    for code in (1, 2):
        new, old = more[32:][codes[32:] == code], X_NUM[np.flatnonzero(code == CODES)]
        assert (new >= old.min(axis=0)).all()
        assert (new <= old.max(axis=0)).all()


def test_classes_of_six_rows_and_more_are_oversampled_as_by_the_library() -> None:
    kept = CODES < 2
    found = smote(X_NUM[kept], X_CAT[kept], CODES[kept], random_state=1)
    library = imblearn.SMOTENC(categorical_features=[2, 3], random_state=1)
    both = np.hstack([X_NUM, X_CAT])[kept]
    expected, codes = library.fit_resample(both, CODES[kept])
    np.testing.assert_array_equal(np.hstack(found[:2]), expected)
    np.testing.assert_array_equal(found[2], codes)


def test_classes_of_equal_size_get_no_new_rows() -> None:
    codes = np.repeat([0, 1], 16)
    assert len(smote(X_NUM, X_CAT, codes, random_state=0)[2]) == 32
