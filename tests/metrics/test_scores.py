import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn.metrics import geometric_mean_score
from sklearn import metrics as sk

from qclmixnet import metrics
from qclmixnet.core.errors import InputError


def _draw(
    seed: int, n_rows: int, n_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(n_classes), size=n_rows)
    y_true = rng.integers(n_classes, size=n_rows)
    y_true[:2] = 0, 1  # one class alone makes scikit-learn warn
    return y_true, proba.argmax(axis=1), proba


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(2, 6))
def test_scores_equal_those_of_scikit_learn(
    seed: int, n_rows: int, n_classes: int
) -> None:
    y_true, y_pred, proba = _draw(seed, n_rows, n_classes)
    got = metrics.confusion_matrix(y_true, y_pred, n_classes)
    labels = list(range(n_classes))
    np.testing.assert_array_equal(
        got, sk.confusion_matrix(y_true, y_pred, labels=labels)
    )
    f1 = sk.f1_score(y_true, y_pred, average="macro", zero_division=0)
    assert metrics.macro_f1(got) == pytest.approx(f1)
    recall = sk.recall_score(
        y_true, y_pred, labels=np.unique(y_true), average="macro", zero_division=0
    )
    assert metrics.macro_recall(got) == pytest.approx(recall)
    mcc = sk.matthews_corrcoef(y_true, y_pred)
    assert metrics.matthews_correlation(got) == pytest.approx(mcc, abs=1e-12)
    assert metrics.log_loss(y_true, proba) == pytest.approx(
        sk.log_loss(y_true, proba, labels=labels)
    )
    if n_classes == 2:
        brier = sk.brier_score_loss(y_true, proba[:, 1], pos_label=1)
        assert metrics.brier_score(y_true, proba) == pytest.approx(2 * brier)


@given(st.integers(0, 10_000), st.integers(10, 60), st.integers(2, 5))
def test_g_mean_equals_that_of_imbalanced_learn(
    seed: int, n_rows: int, n_classes: int
) -> None:
    y_true, y_pred, _ = _draw(seed, n_rows, n_classes)
    present = np.unique(y_true)
    peer = geometric_mean_score(y_true, y_pred, labels=present, average="multiclass")
    got = metrics.g_mean(metrics.confusion_matrix(y_true, y_pred, n_classes))
    assert got == pytest.approx(peer)


def test_macro_auroc_equals_one_against_rest_of_scikit_learn() -> None:
    y_true, _, proba = _draw(3, 200, 4)
    peer = sk.roc_auc_score(y_true, proba, multi_class="ovr", average="macro")
    assert metrics.macro_auroc(y_true, proba) == pytest.approx(peer)


def test_weights_count_like_repeated_rows() -> None:
    y_true, y_pred, proba = _draw(5, 40, 3)
    weights = np.arange(40) % 3
    repeated = np.repeat(np.arange(40), weights)
    np.testing.assert_array_equal(
        metrics.confusion_matrix(y_true, y_pred, 3, weights=weights.astype(float)),
        metrics.confusion_matrix(y_true[repeated], y_pred[repeated], 3),
    )
    assert metrics.log_loss(
        y_true, proba, weights=weights.astype(float)
    ) == pytest.approx(metrics.log_loss(y_true[repeated], proba[repeated]))


def test_calibration_error_of_written_out_bins() -> None:
    # Two bins of two rows: confidences .6 .7 with one hit, .8 .9 with two hits.
    proba = np.array([[0.6, 0.4], [0.7, 0.3], [0.8, 0.2], [0.9, 0.1]])
    got = metrics.expected_calibration_error(np.array([0, 1, 0, 0]), proba, n_bins=2)
    assert got == pytest.approx((2 * abs(0.65 - 0.5) + 2 * abs(0.85 - 1.0)) / 4)


def test_scores_of_a_written_out_case() -> None:
    y_true = np.array([0, 0, 0, 0, 1, 1])
    proba = np.array(
        [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6], [0.1, 0.9], [0.3, 0.7]]
    )
    scores = metrics.score_predictions(
        y_true, proba.argmax(axis=1), proba, labels=["no", "yes"]
    )
    assert scores.confusion == ((3, 1), (0, 2))
    assert scores.macro_recall == 0.875
    assert scores.rare_recall == 1.0
    assert scores.accuracy == pytest.approx(5 / 6)
    yes = scores.by_class[1]
    assert (yes.label, yes.support, yes.recall) == ("yes", 2, 1.0)
    assert yes.precision == pytest.approx(2 / 3)
    assert yes.auprc == 1.0


def test_a_class_absent_from_the_truth_is_not_punished() -> None:
    y_true = np.array([0, 0, 1, 1])
    proba = np.array([[0.8, 0.1, 0.1]] * 2 + [[0.1, 0.8, 0.1]] * 2)
    scores = metrics.score_predictions(
        y_true, proba.argmax(axis=1), proba, labels=["a", "b", "c"]
    )
    assert scores.macro_f1 == 1.0
    assert math.isnan(scores.by_class[2].auprc)
    assert '"auprc": null' in json.dumps(scores.to_dict())


def test_truth_of_a_single_class_has_no_area() -> None:
    proba = np.array([[0.8, 0.2], [0.6, 0.4]])
    scores = metrics.score_predictions(
        np.array([0, 0]), np.array([0, 0]), proba, labels=["a", "b"]
    )
    assert math.isnan(scores.macro_auroc)
    assert math.isnan(scores.macro_auprc)
    assert scores.mcc == 0.0


def test_errors_name_what_came() -> None:
    with pytest.raises(InputError, match="no row to score"):
        metrics.score_predictions(
            np.empty(0, int), np.empty(0, int), np.empty((0, 2)), labels=["a", "b"]
        )
    with pytest.raises(InputError, match=r"got shape \(1, 3\)"):
        metrics.score_predictions(
            np.array([0]), np.array([0]), np.ones((1, 3)) / 3, labels=["a", "b"]
        )
    with pytest.raises(InputError, match="between 0 and 1, got 0 to 2"):
        metrics.confusion_matrix(np.array([0, 1]), np.array([0, 2]), 2)
    with pytest.raises(InputError, match=r"shapes \(2,\) and \(1,\)"):
        metrics.confusion_matrix(np.array([0, 1]), np.array([0]), 2)
