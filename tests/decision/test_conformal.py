"""Conformal sets by hand, by loop, and by how often they hold the truth."""

import numpy as np
import numpy.typing as npt
import pytest
from crepes import ConformalClassifier
from scipy.stats import binom

from qclmixnet.core.errors import InputError
from qclmixnet.decision import ConformalSets, HeldOut, abstains

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def rows_of(seed: int, counts: list[int]) -> HeldOut:
    """Rows with wrong probabilities, in hundredths, so that many are equal."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(counts)), counts)
    logits = rng.normal(size=(len(codes), len(counts))) * 2
    logits[np.arange(len(codes)), codes] += 1.5
    proba = np.exp(logits)
    proba = (proba / proba.sum(axis=1, keepdims=True)).round(2)
    return HeldOut(codes.astype(np.int64), proba, np.ones(len(codes)))


def test_p_values_by_hand() -> None:
    # Class 0 has oddities 0.1, 0.2, 0.2 and 0.5; class 1 has 0.3.
    proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.8, 0.2], [0.5, 0.5], [0.3, 0.7]])
    sets = ConformalSets.fit(HeldOut(np.array([0, 0, 0, 0, 1]), proba, np.ones(5)))
    new = np.array([[0.8, 0.2], [0.95, 0.05], [0.4, 0.6], [0.3, 0.7]])
    found = sets.p_values(new)
    # As odd as 0.2 are three of four, and the row itself; ties count as as odd.
    np.testing.assert_allclose(found[:, 0], [4 / 5, 5 / 5, 1 / 5, 1 / 5])
    np.testing.assert_allclose(found[:, 1], [1 / 2, 1 / 2, 1 / 2, 2 / 2])
    assert sets.n_rows == (4, 1)
    inside = sets.predict(new, coverage=0.75)
    assert inside.tolist() == [[True, True], [True, True], [False, True], [False, True]]
    assert abstains(inside).tolist() == [True, True, False, False]


@pytest.mark.parametrize("seed", range(3))
def test_p_values_by_loop(seed: int) -> None:
    rows, new = rows_of(seed, [40, 15, 3]), rows_of(seed + 9, [10, 10, 10])
    found = ConformalSets.fit(rows).p_values(new.proba)
    for row, p_values in zip(new.proba, found, strict=True):
        for k in range(3):
            own = [
                1 - p[k] for p, c in zip(rows.proba, rows.codes, strict=True) if c == k
            ]
            as_odd = sum(score >= 1 - row[k] for score in own)
            assert p_values[k] == pytest.approx((as_odd + 1) / (len(own) + 1))


@pytest.mark.parametrize("seed", range(3))
def test_p_values_are_those_of_crepes(seed: int) -> None:
    rows, new = rows_of(seed, [40, 15, 3]), rows_of(seed + 9, [10, 10, 10])
    own = 1 - rows.proba[np.arange(len(rows.codes)), rows.codes]
    peer = ConformalClassifier()
    peer.fit(own, bins=rows.codes)
    found = ConformalSets.fit(rows).p_values(new.proba)
    for k in range(3):
        theirs = peer.predict_p(1 - new.proba, bins=np.full(30, k), smoothing=False)
        np.testing.assert_allclose(found[:, k], theirs[:, k])


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_every_class_is_held_as_often_as_asked_the_rare_one_too(
    coverage: float,
) -> None:
    # One new row of each class beside each table, so that hits are independent.
    counts, n_tables = [200, 60, 30], 1200
    hits = np.zeros(3)
    for seed in range(n_tables):
        rows = rows_of(seed, [n + 1 for n in counts])
        last = np.cumsum([n + 1 for n in counts]) - 1
        kept = np.delete(np.arange(len(rows.codes)), last)
        sets = ConformalSets.fit(
            HeldOut(rows.codes[kept], rows.proba[kept], rows.weights[kept])
        )
        hits += np.diagonal(sets.predict(rows.proba[last], coverage))
    low = binom.ppf(0.001, n_tables, coverage)
    # Sets are too large by less than a row of the class, and by ties.
    for k, n in enumerate(counts):
        high = binom.ppf(0.999, n_tables, min(1.0, coverage + 1 / (n + 1) + 0.02))
        assert low <= hits[k] <= high, (k, hits[k] / n_tables)


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_what_is_attainable_is_what_a_hopeless_row_shows(coverage: float) -> None:
    for n in (0, 1, 3, 4, 8, 9, 18, 19, 20, 98, 99):
        scores = (np.linspace(0, 0.5, 500), np.linspace(0, 0.5, n))
        sets = ConformalSets(scores)
        out = not sets.predict(np.array([[1.0, 0.0]]), coverage)[0, 1]
        expected = n / (n + 1) >= coverage - 1e-12
        assert out == expected
        assert sets.attainable(coverage).tolist() == [True, expected]
        notes = sets.notes(coverage)
        assert len(notes) == (not expected)
        if notes:
            needed = next(m for m in range(200) if m / (m + 1) >= coverage - 1e-12)
            assert "Class number 1 is in every set" in notes[0]
            assert f"it takes {needed} held-out rows" in notes[0]
            assert f"it has {n}." in notes[0]


def test_larger_coverage_only_adds_classes() -> None:
    rows, new = rows_of(1, [50, 20, 20]), rows_of(2, [20, 20, 20])
    sets = ConformalSets.fit(rows)
    before = sets.predict(new.proba, 0.05)
    for coverage in (0.3, 0.6, 0.9, 0.99):
        after = sets.predict(new.proba, coverage)
        assert (after | ~before).all()
        before = after
    assert before.all()


def test_weights_change_nothing() -> None:
    rows = rows_of(3, [30, 10])
    heavy = HeldOut(rows.codes, rows.proba, np.where(rows.codes == 0, 9.0, 1.0))
    np.testing.assert_array_equal(
        ConformalSets.fit(rows).p_values(rows.proba),
        ConformalSets.fit(heavy).p_values(rows.proba),
    )


@pytest.mark.parametrize("coverage", [0.0, 1.0, -0.5, float("nan")])
def test_impossible_coverages_are_refused(coverage: float) -> None:
    sets = ConformalSets.fit(rows_of(0, [5, 5]))
    asks = (
        lambda: sets.predict(np.eye(2), coverage),
        lambda: sets.attainable(coverage),
        lambda: sets.notes(coverage),
    )
    for ask in asks:
        with pytest.raises(InputError, match=r"`coverage` must be a number above 0"):
            ask()


def test_other_probabilities_are_refused() -> None:
    sets = ConformalSets.fit(rows_of(0, [5, 5]))
    with pytest.raises(InputError, match=r"must have 2 columns.*got 3"):
        sets.predict(np.eye(3))
    nothing = HeldOut(np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros(0))
    with pytest.raises(InputError, match=r"at least one"):
        ConformalSets.fit(nothing)
