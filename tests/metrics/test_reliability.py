import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from qclmixnet.core.errors import InputError
from qclmixnet.metrics import (
    brier_parts,
    calibration_error,
    clopper_pearson_interval,
    equal_mass_bins,
    expected_calibration_error,
    reliability_bins,
    wilson_interval,
)


def drawn(seed: int, n_rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    proba = rng.random(n_rows)
    return rng.random(n_rows) < proba**2, proba, rng.integers(1, 4, n_rows) * 1.0


@pytest.mark.parametrize(("hits", "n_rows"), [(0, 7), (7, 7), (1, 3), (40, 90)])
@pytest.mark.parametrize("coverage", [0.9, 0.95])
def test_intervals_of_shares_equal_those_of_scipy(
    hits: int, n_rows: int, coverage: float
) -> None:
    peers = binomtest(hits, n_rows)
    for ours, peer in (
        (wilson_interval, peers.proportion_ci(coverage, method="wilson")),
        (clopper_pearson_interval, peers.proportion_ci(coverage, method="exact")),
    ):
        got = ours(hits / n_rows, n_rows, coverage=coverage)
        assert got == pytest.approx((peer.low, peer.high), abs=1e-12)


def test_a_coverage_of_one_is_refused() -> None:
    with pytest.raises(InputError, match=r"`coverage`.*got 1"):
        wilson_interval(0.5, 10, coverage=1)


def test_bins_of_distinct_probabilities_equal_those_of_scikit_learn() -> None:
    happened, proba, _ = drawn(0, 200)
    seen, said = calibration_curve(happened, proba, n_bins=10, strategy="quantile")
    bins = reliability_bins(happened, proba, n_bins=10)
    assert [each.mass for each in bins] == [20.0] * 10
    np.testing.assert_allclose([each.seen for each in bins], seen)
    np.testing.assert_allclose([each.said for each in bins], said)


def test_equal_probabilities_are_never_torn_apart() -> None:
    proba = np.repeat([0.1, 0.2, 0.9], [70, 20, 10])
    which = equal_mass_bins(proba, n_bins=10)
    # The middles of the three masses lie at 0.35, 0.80 and 0.95 of all.
    assert which.tolist() == [3] * 70 + [8] * 20 + [9] * 10


@given(st.integers(0, 10_000), st.integers(1, 80), st.integers(1, 12))
def test_weights_count_like_repeated_rows(seed: int, n_rows: int, n_bins: int) -> None:
    happened, proba, weights = drawn(seed, n_rows)
    again = np.repeat(np.arange(n_rows), weights.astype(int))
    one = brier_parts(happened, proba, n_bins=n_bins, weights=weights)
    other = brier_parts(happened[again], proba[again], n_bins=n_bins)
    assert vars(one) == pytest.approx(vars(other), abs=1e-12)
    assert calibration_error(
        happened, proba, n_bins=n_bins, weights=weights
    ) == pytest.approx(calibration_error(happened[again], proba[again], n_bins=n_bins))
    weighted = reliability_bins(happened, proba, n_bins=n_bins, weights=weights)
    repeated = reliability_bins(happened[again], proba[again], n_bins=n_bins)
    for mine, theirs in zip(weighted, repeated, strict=True):
        assert (mine.mass, mine.said, mine.seen) == pytest.approx(
            (theirs.mass, theirs.said, theirs.seen)
        )


def test_uneven_weights_widen_the_interval_to_that_of_fewer_rows() -> None:
    happened = np.array([True, False, True, False])
    weights = np.array([3.0, 3.0, 1.0, 1.0])
    (only,) = reliability_bins(happened, np.full(4, 0.5), weights=weights)
    # (3 + 3 + 1 + 1)^2 / (9 + 9 + 1 + 1) = 3.2 rows.
    assert (only.low, only.high) == pytest.approx(wilson_interval(0.5, 3.2))


def test_the_interval_can_be_chosen() -> None:
    happened = np.array([True, False, True])
    (only,) = reliability_bins(
        happened, np.full(3, 0.5), interval=clopper_pearson_interval
    )
    assert (only.low, only.high) == clopper_pearson_interval(2 / 3, 3)


def test_the_calibration_error_equals_a_plain_loop() -> None:
    happened, proba, weights = drawn(1, 97)
    which = equal_mass_bins(proba, n_bins=7, weights=weights)
    gap = 0.0
    for number in range(7):
        rows = [row for row in range(97) if which[row] == number]
        mass = sum(weights[row] for row in rows)
        said = sum(weights[row] * proba[row] for row in rows) / mass
        seen = sum(weights[row] for row in rows if happened[row]) / mass
        gap += mass / weights.sum() * abs(said - seen)
    got = calibration_error(happened, proba, n_bins=7, weights=weights)
    assert got == pytest.approx(gap)


def test_the_error_of_the_predicted_class_is_the_usual_one() -> None:
    rng = np.random.default_rng(2)
    proba, y = rng.dirichlet(np.ones(3), 150), rng.integers(3, size=150)
    got = calibration_error(proba.argmax(axis=1) == y, proba.max(axis=1), n_bins=15)
    assert got == pytest.approx(expected_calibration_error(y, proba, n_bins=15))


@given(st.integers(0, 10_000), st.integers(1, 80), st.integers(1, 12))
def test_the_parts_of_the_brier_score_add_up(
    seed: int, n_rows: int, n_bins: int
) -> None:
    happened, proba, weights = drawn(seed, n_rows)
    parts = brier_parts(happened, proba, n_bins=n_bins, weights=weights)
    whole = parts.reliability - parts.resolution + parts.uncertainty
    assert parts.brier == pytest.approx(whole + parts.within_bins, abs=1e-12)
    peer = brier_score_loss(happened, proba, sample_weight=weights, pos_label=True)
    assert parts.brier == pytest.approx(peer)


def test_two_probabilities_give_the_parts_of_murphy() -> None:
    happened = np.array([True, False, False, False, True, True, False, True])
    proba = np.array([0.2] * 4 + [0.6] * 4)
    parts = brier_parts(happened, proba, n_bins=2)
    assert parts.reliability == pytest.approx((0.05**2 + 0.15**2) / 2)
    assert parts.resolution == pytest.approx(0.25**2)
    assert parts.uncertainty == pytest.approx(0.25)
    assert parts.within_bins == pytest.approx(0, abs=1e-15)


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(InputError, match=r"shapes \(2,\), \(3,\) and \(2,\)"):
        calibration_error(np.array([True, False]), np.full(3, 0.5))
    with pytest.raises(InputError, match="no row"):
        brier_parts(np.zeros(0, dtype=bool), np.zeros(0))
