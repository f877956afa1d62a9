"""Held-out rows: all of the few, a weighted share of the many."""

import numpy as np

from qclmixnet.decision import keep_held_out


def test_few_rows_are_kept_as_they_are() -> None:
    codes = np.array([0, 1, 0])
    proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    kept = keep_held_out(codes, proba, np.array([1.0, 2.0, 3.0]))
    assert kept.codes.tolist() == [0, 1, 0]
    assert np.array_equal(kept.proba, proba)
    assert kept.weights.tolist() == [1.0, 2.0, 3.0]


def test_of_many_rows_rare_classes_stay_whole_and_weights_make_up_for_the_rest() -> (
    None
):
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat([0, 1, 2, 3], [100_000, 20_000, 2_000, 7]))
    proba = rng.dirichlet(np.ones(4), size=len(codes))
    weights = rng.uniform(0.5, 1.5, size=len(codes))
    kept = keep_held_out(codes, proba, weights)
    n_kept = np.bincount(kept.codes)
    assert n_kept[2:].tolist() == [2_000, 7]
    assert 19_990 <= n_kept.sum() <= 20_000
    # Each class's weight is about what it was, and exactly so where all rows are kept.
    whole, part = np.bincount(codes, weights), np.bincount(kept.codes, kept.weights)
    np.testing.assert_allclose(part[2:], whole[2:], rtol=1e-12)
    np.testing.assert_allclose(part[:2], whole[:2], rtol=0.02)
    # What is kept of a row is that row's own.
    first = int(np.flatnonzero((proba == kept.proba[0]).all(axis=1))[0])
    assert codes[first] == kept.codes[0]
