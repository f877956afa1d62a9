import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from qclmixnet.decision import ProbabilityScaling, fit_scaling

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

WEIGHTS = np.array([0.5, 1.5, 4.0])


def simulate(
    n_rows: int,
    *,
    sharpness: float = 1.0,
    undone: float = 1.0,
    weights: FloatArray = WEIGHTS,
    seed: int = 0,
) -> tuple[IntArray, FloatArray]:
    """Labels, and predictions that the stated scaling makes exactly right."""
    rng = np.random.default_rng(seed)
    truth = softmax(rng.normal(size=(n_rows, len(weights))) * 1.5 - weights, axis=1)
    y_true = (rng.random((n_rows, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    y_true = np.minimum(y_true, len(weights) - 1).astype(np.int64)
    log_p = (np.log(truth) + undone * np.log(weights)) / sharpness
    return y_true, softmax(log_p, axis=1)


def log_losses(y_true: IntArray, proba: FloatArray) -> FloatArray:
    losses: FloatArray = -np.log(proba[np.arange(len(y_true)), y_true])
    return losses


def scaling_with(
    sharpness: float, undone: float, weights: FloatArray = WEIGHTS
) -> ProbabilityScaling:
    return ProbabilityScaling(sharpness, undone, tuple(np.log(weights).tolist()))


def test_taking_weights_back_by_hand() -> None:
    # 0.5 / 1 against 0.5 / 3; then squared, 0.04 : 0.64; then both, 0.04 : 0.64 / 3.
    proba = np.array([[0.5, 0.5]])
    weights = np.array([1.0, 3.0])
    undo = scaling_with(1.0, 1.0, weights)
    np.testing.assert_allclose(undo(proba), [[0.75, 0.25]])
    skewed = np.array([[0.2, 0.8]])
    sharp = scaling_with(2.0, 0.0, weights)
    np.testing.assert_allclose(sharp(skewed), [[1 / 17, 16 / 17]])
    both = scaling_with(2.0, 1.0, weights)
    np.testing.assert_allclose(both(skewed), [[3 / 19, 16 / 19]])


def test_sharpness_1_with_nothing_undone_changes_nothing() -> None:
    _, proba = simulate(50)
    np.testing.assert_allclose(scaling_with(1.0, 0.0)(proba), proba, rtol=1e-12)


def test_a_common_factor_of_the_weights_changes_nothing() -> None:
    y_true, proba = simulate(200, sharpness=0.7)
    plain = fit_scaling(y_true, proba, WEIGHTS)
    scaled = fit_scaling(y_true, proba, WEIGHTS * 10)
    np.testing.assert_allclose(scaled(proba), plain(proba), atol=1e-3)


@given(seed=st.integers(0, 999), sharpness=st.floats(0.05, 20), undone=st.floats(-2, 3))
def test_rows_sum_to_1_and_equal_the_plain_formula(
    seed: int, sharpness: float, undone: float
) -> None:
    _, proba = simulate(5, seed=seed)
    scaled = scaling_with(sharpness, undone)(proba)
    np.testing.assert_allclose(scaled.sum(axis=1), 1.0, rtol=0, atol=1e-15 * 4)
    for row, out in zip(proba, scaled, strict=True):
        raw = [p**sharpness / w**undone for p, w in zip(row, WEIGHTS, strict=True)]
        np.testing.assert_allclose(out, np.array(raw) / sum(raw), rtol=1e-9)


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("undone", [0.0, 0.5, 1.0])
def test_known_scaling_is_found_again(sharpness: float, undone: float) -> None:
    y_true, proba = simulate(20_000, sharpness=sharpness, undone=undone)
    found = fit_scaling(y_true, proba, WEIGHTS)
    assert found.sharpness == pytest.approx(sharpness, rel=0.05)
    assert found.undone == pytest.approx(undone, abs=0.1)
    assert found.log_weights == pytest.approx(np.log(WEIGHTS))


@pytest.mark.parametrize("seed", range(3))
def test_no_other_scaling_of_a_grid_fits_better(seed: int) -> None:
    y_true, proba = simulate(300, sharpness=0.6, undone=0.3, seed=seed)
    found = fit_scaling(y_true, proba, WEIGHTS)

    def pulled_loss(sharpness: float, undone: float) -> float:
        scaled = log_softmax(
            sharpness * np.log(proba) - undone * np.log(WEIGHTS), axis=1
        )
        loss = -sum(scaled[row, label] for row, label in enumerate(y_true))
        return float(loss + 0.5 * np.log(sharpness) ** 2 + 0.5 * (undone - 1) ** 2)

    best = pulled_loss(found.sharpness, found.undone)
    for sharpness in np.exp(np.linspace(-2, 2, 21)):
        for undone in np.linspace(-1, 2, 16):
            assert best <= pulled_loss(sharpness, undone) + 1e-3


@settings(max_examples=30)
@given(
    seed=st.integers(0, 9999),
    n_rows=st.integers(1, 80),
    sharpness=st.floats(0.1, 5),
    weighted=st.booleans(),
)
def test_log_loss_is_never_above_that_of_the_start(
    *, seed: int, n_rows: int, sharpness: float, weighted: bool
) -> None:
    y_true, proba = simulate(n_rows, sharpness=sharpness, seed=seed)
    rng = np.random.default_rng(seed)
    counts = rng.exponential(size=n_rows) if weighted else np.ones(n_rows)
    rng.shuffle(y_true)  # as wrong as can be
    found = fit_scaling(y_true, proba, WEIGHTS, counts if weighted else None)
    before = (log_losses(y_true, scaling_with(1.0, 1.0)(proba)) * counts).sum()
    after = (log_losses(y_true, found(proba)) * counts).sum()
    assert after <= before * (1 + 1e-12)


def test_with_fewer_than_20_rows_only_the_weights_are_taken_back() -> None:
    y_true, proba = simulate(20, sharpness=0.3, undone=0.0)
    few = fit_scaling(y_true[:19], proba[:19], WEIGHTS)
    assert (few.sharpness, few.undone) == (1.0, 1.0)
    np.testing.assert_allclose(
        few(proba), proba / WEIGHTS / (proba / WEIGHTS).sum(axis=1, keepdims=True)
    )
    enough = fit_scaling(y_true, proba, WEIGHTS)
    assert enough.sharpness != 1.0
    none = fit_scaling(y_true[:0], proba[:0], WEIGHTS)
    assert (none.sharpness, none.undone) == (1.0, 1.0)


def test_equal_weights_leave_undone_at_1() -> None:
    y_true, proba = simulate(500, sharpness=0.5)
    found = fit_scaling(y_true, proba, np.ones(3))
    assert found.undone == pytest.approx(1.0, abs=1e-3)


def test_a_row_of_weight_2_counts_as_two_rows() -> None:
    y_true, proba = simulate(4000, sharpness=0.6, undone=0.5)
    double = np.random.default_rng(1).random(4000) < 0.2 + 0.5 * (y_true == 2)
    counts = np.where(double, 2.0, 1.0)
    rows = np.repeat(np.arange(4000), counts.astype(np.int64))
    weighted = fit_scaling(y_true, proba, WEIGHTS, counts)
    repeated = fit_scaling(y_true[rows], proba[rows], WEIGHTS)
    plain = fit_scaling(y_true, proba, WEIGHTS)
    # The mild pull weighs the same against fewer rows: equal but for that.
    assert weighted.sharpness == pytest.approx(repeated.sharpness, abs=2e-3)
    assert weighted.undone == pytest.approx(repeated.undone, abs=2e-3)
    assert abs(plain.undone - repeated.undone) > 0.05


def test_a_row_of_weight_0_does_not_count() -> None:
    y_true, proba = simulate(4000, sharpness=0.6, undone=0.5)
    counts = (np.arange(4000) < 2500).astype(np.float64)
    wrong = np.where(counts == 0, 2 - y_true, y_true)
    weighted = fit_scaling(wrong, proba, WEIGHTS, counts)
    shorter = fit_scaling(y_true[:2500], proba[:2500], WEIGHTS)
    assert weighted.sharpness == pytest.approx(shorter.sharpness, abs=2e-3)
    assert weighted.undone == pytest.approx(shorter.undone, abs=2e-3)


def test_the_unit_of_the_sample_weights_does_not_matter() -> None:
    y_true, proba = simulate(200, sharpness=0.6)
    plain = fit_scaling(y_true, proba, WEIGHTS)
    assert fit_scaling(y_true, proba, WEIGHTS, np.full(200, 4.0)) == plain


def test_probabilities_of_0_and_1_stay_finite() -> None:
    y_true = np.repeat([0, 1, 2], 20)
    proba = np.eye(3)[y_true]
    for labels in (y_true, (y_true + 1) % 3):  # all sure and right, all sure and wrong
        found = fit_scaling(labels, proba, WEIGHTS)
        assert np.isfinite([found.sharpness, found.undone]).all()
        assert found.sharpness > 0
        scaled = found(proba)
        assert np.isfinite(scaled).all()
        np.testing.assert_allclose(scaled.sum(axis=1), 1.0)
    wrong = fit_scaling((y_true + 1) % 3, proba, WEIGHTS)
    assert wrong.sharpness < 0.1  # they know nothing
    sure = scaling_with(50.0, 1.0)(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(sure[0], [1.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(sure[1], 1 / WEIGHTS / (1 / WEIGHTS).sum())


def test_the_order_of_two_classes_changes_only_with_their_weights() -> None:
    # With nothing undone, and with equal weights, no row changes its first class.
    _, proba = simulate(200)
    for scaling in (scaling_with(0.2, 0.0), scaling_with(3.0, 1.0, np.full(3, 2.0))):
        assert (scaling(proba).argmax(axis=1) == proba.argmax(axis=1)).all()
    assert (scaling_with(1.0, 1.0)(proba).argmax(axis=1) != proba.argmax(axis=1)).any()
