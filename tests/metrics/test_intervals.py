import math
from functools import partial

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import f1_score, precision_score, recall_score

from qclmixnet.core.errors import InputError
from qclmixnet.metrics import (
    bootstrap_estimate,
    class_intervals,
    confusion_matrix,
    wilson_interval,
)


def test_intervals_of_a_class_are_those_of_drawing_rows_again() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=120)
    y_pred = np.where(rng.random(120) < 0.7, y, rng.integers(3, size=120))
    found = class_intervals(
        confusion_matrix(y, y_pred, 3).astype(np.int64),
        generator=np.random.default_rng(1),
        n_resamples=4000,
    )
    # How much rows called so, and rows of the class, count below the hits.
    below = {"precision": (0.0, 1.0), "recall": (1.0, 0.0), "f1": (0.5, 0.5)}

    def share(a: np.ndarray, b: np.ndarray, name: str) -> float:
        of_class, called = below[name]
        under = of_class * (a == 1).sum() + called * (b == 1).sum()
        return float(((a == 1) & (b == 1)).sum() / under)

    for name, score in (
        ("precision", precision_score),
        ("recall", recall_score),
        ("f1", f1_score),
    ):
        got = getattr(found[1], name)
        assert got.value == pytest.approx(score(y == 1, y_pred == 1))
        peer = bootstrap(
            (y, y_pred),
            partial(share, name=name),
            paired=True,
            vectorized=False,
            n_resamples=600,
            confidence_level=0.9,
            method="percentile",
            rng=np.random.default_rng(2),
        ).confidence_interval
        assert (got.low, got.high) == pytest.approx((peer.low, peer.high), abs=0.03)


def test_scores_of_all_or_nothing_have_wilsons_interval() -> None:
    confusion = np.array([[50, 0, 0], [0, 4, 0], [3, 0, 0]])
    first, whole, none = class_intervals(confusion, generator=np.random.default_rng(0))
    assert (whole.recall.low, whole.recall.high) == wilson_interval(1.0, 4)
    low = wilson_interval(1.0, 4)[0]
    assert (whole.f1.low, whole.f1.high) == pytest.approx((2 * low / (1 + low), 1.0))
    assert (none.recall.low, none.recall.high) == wilson_interval(0.0, 3)
    assert none.precision.value == 0
    assert math.isnan(none.precision.low)
    assert first.recall.high == 1
    assert 0 < first.precision.low < first.precision.value < 1


def test_a_matrix_without_rows_is_refused() -> None:
    with pytest.raises(InputError, match="no row"):
        class_intervals(np.zeros((2, 2), np.int64), generator=np.random.default_rng(0))


def test_the_basic_interval_turns_the_percentiles_around() -> None:
    values = np.array([0.0, 0.1, 0.5, 0.9])

    def mean(weights: np.ndarray) -> float:
        return float(np.average(values, weights=weights))

    got = bootstrap_estimate(
        mean, 4, generator=np.random.default_rng(3), n_resamples=50, coverage=0.8
    )
    rng, drawn = np.random.default_rng(3), []
    for _ in range(50):
        rows = rng.integers(4, size=4)
        drawn.append(values[rows].mean())
    assert got.value == pytest.approx(0.375)
    assert got.low == pytest.approx(0.75 - np.quantile(drawn, 0.9))
    assert got.high == pytest.approx(0.75 - np.quantile(drawn, 0.1))


def test_weights_are_drawn_with_their_rows() -> None:
    values, weights = np.array([0.2, 0.8]), np.array([3.0, 1.0])
    got = bootstrap_estimate(
        lambda counts: float(np.average(values, weights=counts)),
        2,
        generator=np.random.default_rng(0),
        weights=weights,
        n_resamples=99,
    )
    assert got.value == pytest.approx(0.35)
    # Only 0.2, 0.35 and 0.8 can be drawn; 0.8 in a quarter of the cases.
    assert got.low == pytest.approx(max(0.0, 0.7 - 0.8))
    assert got.high == pytest.approx(0.7 - 0.2)
