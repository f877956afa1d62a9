import numpy as np
import pytest

from qclmixnet.metrics import (
    calibration_error,
    calibration_error_estimate,
    equal_mass_bins,
)


def drawn(
    rng: np.random.Generator, n_rows: int, shift: float
) -> tuple[np.ndarray, np.ndarray]:
    proba = rng.beta(5, 3, n_rows)
    return rng.random(n_rows) < np.clip(proba + shift, 0, 1), proba


def test_the_ends_are_errors_that_a_plain_loop_finds_possible() -> None:
    happened, proba = drawn(np.random.default_rng(0), 400, 0.1)
    n_bins = 5
    got = calibration_error_estimate(
        happened, proba, n_bins=n_bins, generator=np.random.default_rng(1)
    )
    assert got.value == calibration_error(happened, proba, n_bins=n_bins)
    which = equal_mass_bins(proba, n_bins=n_bins)
    rows = [np.flatnonzero(which == k) for k in range(n_bins)]
    said = [proba[r].mean() for r in rows]
    gaps = [happened[r].mean() - proba[r].mean() for r in rows]
    rng = np.random.default_rng(2)

    def share_above(error: float) -> float:
        """Of simulations whose true error is this, how many show more than was seen."""
        factor, above = error / got.value, 0
        for _ in range(400):
            seen = 0.0
            for r, p, gap in zip(rows, said, gaps, strict=True):
                hits = (rng.random(len(r)) < p + factor * gap).sum()
                seen += len(r) / 400 * abs(hits / len(r) - p)
            above += seen > got.value
        return above / 400

    assert share_above(got.low) == pytest.approx(0.05, abs=0.04)
    assert share_above(got.high) == pytest.approx(0.95, abs=0.04)


def test_it_mostly_holds_the_true_error_where_the_plain_error_is_chance() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(20):
        happened, proba = drawn(rng, 150, 0.0)
        got = calibration_error_estimate(
            happened, proba, generator=rng, n_resamples=200
        )
        assert got.value > 0.02
        held += got.low == 0
    assert held >= 15


def test_a_large_error_is_told_from_none() -> None:
    happened, proba = drawn(np.random.default_rng(4), 500, 0.2)
    got = calibration_error_estimate(
        happened, proba, generator=np.random.default_rng(0)
    )
    true = float(np.abs(np.clip(proba + 0.2, 0, 1) - proba).mean())
    assert 0.1 < got.low < true < got.high < 0.3


def test_weights_that_leave_few_rows_widen_the_interval() -> None:
    happened, proba = drawn(np.random.default_rng(5), 400, 0.1)
    weights = np.where(np.arange(400) % 10 == 0, 50.0, 1.0)

    def width(weights: np.ndarray) -> float:
        got = calibration_error_estimate(
            happened, proba, weights=weights, generator=np.random.default_rng(0)
        )
        return got.high - got.low

    assert width(weights) > 1.5 * width(np.ones(400))


def test_an_error_of_zero_has_an_interval_as_well() -> None:
    happened = np.arange(40) % 2 == 0
    got = calibration_error_estimate(
        happened, np.full(40, 0.5), generator=np.random.default_rng(0)
    )
    assert (got.value, got.low) == (0, 0)
    # 20 of 40 is not unlikely while the true share is within 0.13 of a half.
    assert 0.05 < got.high < 0.2
