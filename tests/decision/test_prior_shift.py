"""Shares of classes that move, and are found again."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qclmixnet.core.errors import InputError
from qclmixnet.decision import (
    ArgmaxRule,
    HeldOut,
    estimate_prior,
    expect,
    shift_held_out,
    shift_prior,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CENTRES = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
OLD, NEW = np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.3, 0.4])


def gaussians(seed: int, n_rows: int, prior: FloatArray) -> tuple[IntArray, FloatArray]:
    """Class numbers by the prior, and the log-densities of each class."""
    rng = np.random.default_rng(seed)
    codes = rng.choice(3, size=n_rows, p=prior)
    x = CENTRES[codes] + rng.normal(size=(n_rows, 2))
    log_density = -((x[:, None] - CENTRES) ** 2).sum(axis=2) / 2
    return codes.astype(np.int64), log_density


def posterior(log_density: FloatArray, prior: FloatArray) -> FloatArray:
    out = np.exp(log_density) * prior
    return np.asarray(out / out.sum(axis=1, keepdims=True), dtype=np.float64)


def test_by_hand() -> None:
    # 0.8 * 1/2 against 0.2 * 3: 0.4 to 0.6. Counts do as well as shares.
    shifted = shift_prior(np.array([[0.8, 0.2]]), [2, 1], [1, 3])
    np.testing.assert_allclose(shifted, [[0.4, 0.6]])


def test_it_is_the_rule_of_bayes_with_the_other_prior() -> None:
    _, log_density = gaussians(0, 200, OLD)
    shifted = shift_prior(posterior(log_density, OLD), OLD, NEW)
    np.testing.assert_allclose(shifted, posterior(log_density, NEW), rtol=1e-9)


@given(
    st.integers(0, 999),
    st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3),
    st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3),
)
def test_there_and_back_is_nothing(seed: int, a: list[float], b: list[float]) -> None:
    proba = np.random.default_rng(seed).dirichlet(np.ones(3), size=5)
    np.testing.assert_allclose(shift_prior(proba, a, a), proba, rtol=1e-9)
    back = shift_prior(shift_prior(proba, a, b), b, a)
    np.testing.assert_allclose(back, proba, rtol=1e-9)
    np.testing.assert_allclose(shift_prior(proba, a, b).sum(axis=1), 1)


def test_a_class_that_never_occurred_stays_impossible() -> None:
    proba = np.array([[0.6, 0.3, 0.1], [0.0, 0.0, 1.0]])
    shifted = shift_prior(proba, [0.5, 0.5, 0], [0.25, 0.75, 0])
    np.testing.assert_allclose(shifted, [[0.4, 0.6, 0.0], [0.25, 0.75, 0.0]])


def test_two_kinds_of_rows_by_hand() -> None:
    # 30 of 100 rows say class 1: 0.1 (1 - q) + 0.9 q = 0.3, so q = 1/4. The error is
    # that of the share 0.3, through the slope of 0.8.
    proba = np.repeat([[0.9, 0.1], [0.1, 0.9]], [70, 30], axis=0)
    found = estimate_prior(proba, [0.5, 0.5], tol=1e-12)
    np.testing.assert_allclose(found.prior, [0.75, 0.25], atol=1e-8)
    error = np.sqrt(0.3 * 0.7 / 100) / 0.8
    np.testing.assert_allclose(found.standard_error, [error, error], rtol=1e-6)
    assert found.converged


def test_a_planted_prior_is_found_again_within_its_error() -> None:
    misses, errors = [], []
    for seed in range(60):
        _, log_density = gaussians(seed, 800, NEW)
        found = estimate_prior(posterior(log_density, OLD), OLD)
        assert found.converged
        assert sum(found.prior) == pytest.approx(1)
        misses.append(np.array(found.prior) - NEW)
        errors.append(found.standard_error)
    spread, stated = np.std(misses, axis=0), np.mean(errors, axis=0)
    np.testing.assert_allclose(stated, spread, rtol=0.3)
    assert (np.abs(np.mean(misses, axis=0)) < 3 * spread / np.sqrt(60)).all()


def test_it_is_the_loop_of_saerens() -> None:
    _, log_density = gaussians(1, 50, NEW)
    proba = posterior(log_density, OLD)
    prior = OLD.tolist()
    for _ in range(7):
        sums = [0.0, 0.0, 0.0]
        for row in proba:
            joint = [row[k] * prior[k] / OLD[k] for k in range(3)]
            sums = [s + j / sum(joint) for s, j in zip(sums, joint, strict=True)]
        prior = [s / 50 for s in sums]
    found = estimate_prior(proba, OLD, max_iter=7)
    np.testing.assert_allclose(found.prior, prior)
    assert (found.n_iter, found.converged) == (7, False)


def test_no_other_prior_is_likelier() -> None:
    _, log_density = gaussians(2, 150, NEW)
    proba = posterior(log_density, OLD)
    found = np.array(estimate_prior(proba, OLD).prior)
    rng = np.random.default_rng(0)
    others = rng.dirichlet(300 * found + 0.1, size=500)
    best = np.log((proba / OLD) @ found).sum()
    assert (np.log((proba / OLD) @ others.T).sum(axis=0) <= best + 1e-6).all()


def test_rows_without_a_shift_keep_their_prior() -> None:
    proba = np.tile([0.7, 0.2, 0.1], (40, 1))  # they say no more than the prior
    found = estimate_prior(proba, OLD)
    np.testing.assert_allclose(found.prior, OLD)


def test_shifted_rows_stand_for_the_other_table() -> None:
    codes, log_density = gaussians(3, 20_000, OLD)
    rows = HeldOut(codes, posterior(log_density, OLD), np.ones(20_000))
    shifted = shift_held_out(rows, OLD, NEW)
    new_codes, new_density = gaussians(4, 20_000, NEW)
    fresh = HeldOut(new_codes, posterior(new_density, NEW), np.ones(20_000))
    expected, real = (expect(ArgmaxRule(), of, n_draws=1) for of in (shifted, fresh))
    assert expected.accuracy.value == pytest.approx(real.accuracy.value, abs=0.015)
    assert expected.macro_f1.value == pytest.approx(real.macro_f1.value, abs=0.015)
    shares = np.bincount(codes, shifted.weights) / shifted.weights.sum()
    np.testing.assert_allclose(shares, NEW, atol=0.01)
    np.testing.assert_array_equal(shifted.codes, codes)


PROBA = np.full((2, 3), 1 / 3)
ROWS = HeldOut(np.array([0, 2]), PROBA, np.ones(2))
REFUSED = [
    (lambda: shift_prior(PROBA, [1, 1], [1, 1, 1]), r"`trained` must hold 3 numbers"),
    (lambda: shift_prior(PROBA, OLD, [1, 1, -1]), r"`wanted`.*at least 0.*-1\.0"),
    (lambda: shift_prior(PROBA, OLD, [0, 0, 0]), r"`wanted`.*not all of them 0"),
    (lambda: shift_prior(PROBA, OLD, [1, 1, float("nan")]), r"`wanted`.*finite"),
    (lambda: shift_prior(PROBA, OLD, "abc"), r"`wanted` must hold one number"),
    (lambda: shift_prior(PROBA, OLD, [1, 1, 0]), r"above 0 for class number 2"),
    (lambda: shift_prior(PROBA, [1, 1, 0], OLD), r"must be 0 for class number 2"),
    (lambda: estimate_prior(PROBA[:0], OLD), r"at least one row"),
    (lambda: estimate_prior(PROBA, OLD, tol=0.0), r"`tol`.*got 0\.0"),
    (lambda: shift_held_out(ROWS, [1, 1, 0], [1, 2, 0]), r"no share of class number 2"),
]


@pytest.mark.parametrize(("ask", "words"), REFUSED)
def test_shares_that_do_not_fit_are_refused(ask: object, words: str) -> None:
    assert callable(ask)
    with pytest.raises(InputError, match=words):
        ask()
