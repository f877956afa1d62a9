import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from qclmixnet.core.errors import InputError
from qclmixnet.metrics import threshold_curve


def test_every_point_is_what_its_threshold_gives() -> None:
    rng = np.random.default_rng(0)
    proba = rng.integers(0, 20, 90) / 20
    happened = rng.random(90) < proba
    weights = rng.integers(1, 4, 90).astype(np.float64)
    curve = threshold_curve(happened, proba, weights=weights)
    assert curve.thresholds.tolist() == sorted(set(proba))
    for place, threshold in enumerate(curve.thresholds):
        called = proba >= threshold
        for score, values in (
            (precision_score, curve.precision),
            (recall_score, curve.recall),
            (f1_score, curve.f1),
        ):
            assert values[place] == pytest.approx(
                score(happened, called, sample_weight=weights)
            )


def test_a_threshold_that_finds_nothing_has_an_f1_of_zero() -> None:
    curve = threshold_curve(np.array([True, False]), np.array([0.1, 0.8]))
    assert curve.f1.tolist() == [2 / 3, 0.0]


def test_a_class_without_rows_has_no_curve() -> None:
    with pytest.raises(InputError, match="No row is of the class"):
        threshold_curve(np.zeros(3, dtype=bool), np.full(3, 0.5))
