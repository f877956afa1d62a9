"""A temperature and a bias for each class, and rising curves, by hand."""

import numpy as np
import numpy.typing as npt
import pytest

from qclmixnet.decision import VectorScaling, fit_isotonic, fit_scaling, fit_vector
from qclmixnet.decision.flexible_calibration import _PricedLoss

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def draw(seed: int, n_rows: int, n_classes: int) -> tuple[IntArray, FloatArray]:
    """Class numbers drawn from the probabilities beside them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n_rows, n_classes)) * 1.5 - 0.7 * np.arange(n_classes)
    proba = np.exp(logits)
    proba /= proba.sum(axis=1, keepdims=True)
    drawn = (rng.random((n_rows, 1)) > proba.cumsum(axis=1)).sum(axis=1)
    return np.minimum(drawn, n_classes - 1).astype(np.int64), proba


def tempered(proba: FloatArray, bias: FloatArray, power: float = 1.0) -> FloatArray:
    out = proba**power * np.exp(bias)
    return np.asarray(out / out.sum(axis=1, keepdims=True), dtype=np.float64)


def test_a_vector_by_hand() -> None:
    # 0.2^2 : 0.8 = 0.04 : 0.8, then the second times e^log 0.1.
    scaling = VectorScaling((2.0, 1.0), (0.0, float(np.log(0.1))))
    np.testing.assert_allclose(scaling(np.array([[0.2, 0.8]])), [[1 / 3, 2 / 3]])


@pytest.mark.parametrize("seed", range(3))
def test_no_vector_nearby_fits_better(seed: int) -> None:
    codes, proba = draw(seed, 120, 3)
    proba = tempered(proba, np.array([0.0, 0.8, -0.4]), 0.6)
    weights = np.random.default_rng(seed).uniform(0.5, 2, size=120)
    simple = fit_scaling(codes, proba, np.array([0.5, 1, 2]), weights)
    found = fit_vector(codes, proba, simple, weights)

    def priced(scale: FloatArray, bias: FloatArray) -> float:
        out = proba**scale * np.exp(bias)
        out /= out.sum(axis=1, keepdims=True)
        loss = -np.log(out[np.arange(120), codes]) @ weights / weights.mean()
        home = -simple.undone * np.array(simple.log_weights)
        away = bias - home
        way = ((np.log(scale / simple.sharpness)) ** 2).sum() + (
            (away - away.mean()) ** 2  # a common bias changes nothing
        ).sum()
        return float(loss + 2.0 * way)

    scale, bias = np.array(found.scale), np.array(found.bias)
    best = priced(scale, bias)
    rng = np.random.default_rng(seed)
    for reach in (0.01, 0.1, 0.5):
        for _ in range(50):
            other = scale * np.exp(reach * rng.normal(size=3))
            assert best <= priced(other, bias + reach * rng.normal(size=3)) + 1e-6


def test_slopes_and_curvature_are_those_of_small_steps() -> None:
    rng = np.random.default_rng(0)
    priced = _PricedLoss(
        rng.integers(0, 3, size=40),
        np.log(rng.dirichlet(np.ones(3), size=40)),
        rng.uniform(0.5, 2, size=40),
        rng.normal(size=6),
    )
    at, step = rng.normal(size=6) * 0.3, 1e-5
    ahead, behind = (
        [priced.loss(at + sign * step * way) for way in np.eye(6)] for sign in (1, -1)
    )
    slopes = [(a[0] - b[0]) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    np.testing.assert_allclose(priced.loss(at)[1], slopes, rtol=1e-6)
    bends = [(a[1] - b[1]) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    np.testing.assert_allclose(priced.curvature(at), bends, rtol=1e-6, atol=1e-6)


def test_isotonic_pools_by_hand_and_counts_weights() -> None:
    # 0, 1, 0, 1 in rising order: the middle two are pooled, at their weighted mean.
    p = np.array([0.1, 0.2, 0.3, 0.4])
    proba = np.stack([1 - p, p], axis=1)
    found = fit_isotonic(np.array([0, 1, 0, 1]), proba, np.array([1.0, 1, 3, 1]))
    # Kept off 0 and 1 by 1 / 6.
    np.testing.assert_allclose(found(proba)[:, 1], [1 / 6, 1 / 4, 1 / 4, 5 / 6])
    outside = found(np.array([[1.0, 0.0], [0.0, 1.0]]))
    np.testing.assert_allclose(outside, [[5 / 6, 1 / 6], [1 / 6, 5 / 6]])
