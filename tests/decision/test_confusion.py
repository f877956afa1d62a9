"""Scores of confusion matrices, against the metrics room and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef

from qclmixnet import metrics
from qclmixnet.decision.confusion import (
    by_class,
    correlations,
    count_confusion,
    g_means,
    macro_means,
)


def test_many_matrices_are_scored_like_each_alone() -> None:
    rng = np.random.default_rng(0)
    many = rng.integers(0, 5, size=(200, 3, 3)).astype(np.float64)
    many[:50, 1] = 0  # a class that does not occur
    many[50:80, :, 2] = 0  # one that is never predicted
    many[80:90, :, 1:] = 0  # only one is predicted
    many[:, 0, 0] += 1
    found = np.stack([*by_class(many)], axis=1)
    for one, scores, g, mcc in zip(
        many, found, g_means(many), correlations(many), strict=True
    ):
        np.testing.assert_allclose(scores, metrics.precision_recall_f1(one))
        assert g == pytest.approx(metrics.g_mean(one))
        assert mcc == pytest.approx(metrics.matthews_correlation(one), abs=1e-12)
        truth, pred = (part.repeat(one.astype(int).ravel()) for part in CELLS)
        if len(set(pred)) > 1 or len(set(truth)) > 1:
            assert mcc == pytest.approx(matthews_corrcoef(truth, pred), abs=1e-12)


CELLS = np.indices((3, 3)).reshape(2, 9)


def test_weights_are_added_up_and_macro_means_take_what_occurs() -> None:
    y_true, y_pred = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    weights = np.array([2.0, 1.0, 0.5, 0.25])
    found = count_confusion(y_true, y_pred, 3, weights=weights)
    expected = metrics.confusion_matrix(y_true, y_pred, 3, weights=weights)
    np.testing.assert_array_equal(found, expected)
    _, recall, _ = by_class(found)
    occurs = np.array([True, True, False])
    assert macro_means(recall, occurs) == pytest.approx((2 / 3 + 1) / 2)
