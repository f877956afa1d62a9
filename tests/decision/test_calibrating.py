"""Which calibration is chosen, by loops and on planted errors."""

import json

import numpy as np
import numpy.typing as npt
import pytest

from qclmixnet.core.errors import ModelFormatError
from qclmixnet.decision import (
    Calibration,
    IdentityScaling,
    IsotonicScaling,
    ProbabilityScaling,
    VectorScaling,
    calibration_from_dict,
    choose_calibration,
    cross_calibrate,
    fit_scaling,
    fit_vector,
)

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


def log_loss(codes: IntArray, proba: FloatArray) -> float:
    return float(-np.log(proba[np.arange(len(codes)), codes]).mean())


def chosen_for(codes: IntArray, proba: FloatArray, parts: int = 5) -> Calibration:
    n_rows, n_classes = proba.shape
    return choose_calibration(
        codes, proba, np.ones(n_classes), np.ones(n_rows), np.arange(n_rows) % parts
    )


@pytest.mark.parametrize("n_classes", [2, 4])
def test_what_the_simple_scaling_can_mend_it_mends(n_classes: int) -> None:
    kinds = []
    for seed in range(8):
        codes, proba = draw(seed, 800, n_classes)
        found = chosen_for(codes, tempered(proba, np.zeros(n_classes), 2.0))
        kinds.append(type(found))
    assert kinds.count(ProbabilityScaling) >= 6


def test_a_bias_of_each_class_asks_for_a_vector() -> None:
    codes, proba = draw(0, 2000, 4)
    bias = np.array([0.0, 1.0, -1.0, 0.5])
    wrong = tempered(proba, bias)
    found = chosen_for(codes, wrong)
    assert isinstance(found, VectorScaling)
    np.testing.assert_allclose(found.bias, -bias, atol=0.25)
    np.testing.assert_allclose(found.scale, 1.0, atol=0.2)
    fresh, truth = draw(1, 20_000, 4)
    best = log_loss(fresh, truth)
    assert log_loss(fresh, found(tempered(truth, bias))) < best + 0.01
    simple = fit_scaling(codes, wrong, np.ones(4))
    assert log_loss(fresh, simple(tempered(truth, bias))) > best + 0.1


def test_stairs_ask_for_a_curve_of_any_form_but_only_of_many_rows() -> None:
    # Class 1 is a fair coin wherever it is said to be between 0.02 and 0.98.
    def stairs(n_rows: int, seed: int) -> tuple[IntArray, FloatArray]:
        rng = np.random.default_rng(seed)
        p = rng.random(n_rows)
        truth = np.where(p < 0.1, 0.02, np.where(p > 0.6, 0.98, 0.5))
        codes = (rng.random(n_rows) < truth).astype(np.int64)
        return codes, np.stack([1 - p, p], axis=1)

    codes, proba = stairs(4000, 0)
    found = chosen_for(codes, proba)
    assert isinstance(found, IsotonicScaling)
    np.testing.assert_allclose(
        found(np.array([[0.95, 0.05], [0.65, 0.35], [0.1, 0.9]]))[:, 1],
        [0.02, 0.5, 0.98],
        atol=0.06,
    )
    few = chosen_for(*stairs(900, 0))
    assert not isinstance(few, IsotonicScaling)
    rare_codes, rare = stairs(30_000, 1)
    kept = np.flatnonzero((rare_codes == 0) | (np.cumsum(rare_codes) < 90))
    found = chosen_for(rare_codes[kept], rare[kept])
    assert not isinstance(found, IsotonicScaling)


def test_probabilities_that_are_right_are_hardly_changed() -> None:
    codes, proba = draw(3, 3000, 3)
    found = chosen_for(codes, proba)
    np.testing.assert_allclose(found(proba), proba, atol=0.05)


@pytest.mark.parametrize("n_rows", [1, 19, 499])
def test_few_rows_get_the_simple_scaling(n_rows: int) -> None:
    codes, proba = draw(0, n_rows, 3)
    proba = tempered(proba, np.array([0.0, 1.0, -1.0]))
    weights, ones = np.array([0.5, 1.0, 3.0]), np.ones(n_rows)
    parts = np.arange(n_rows) % 5
    found = choose_calibration(codes, proba, weights, ones, parts)
    assert found == fit_scaling(codes, proba, weights, ones)


@pytest.mark.parametrize("bias", [0.0, 0.25])
@pytest.mark.parametrize("seed", range(4))
def test_the_choice_by_loop(seed: int, bias: float) -> None:
    codes, proba = draw(seed, 500, 3)
    proba = tempered(proba, bias * np.array([0.0, 1.0, -1.0]))
    rng = np.random.default_rng(seed)
    weights, parts = rng.uniform(0.5, 2, size=500), rng.integers(0, 4, size=500)
    by_class = np.array([0.5, 1.0, 2.0])
    found = choose_calibration(codes, proba, by_class, weights, parts)

    def fits(rows: npt.NDArray[np.bool_]) -> list[Calibration]:
        simple = fit_scaling(codes[rows], proba[rows], by_class, weights[rows])
        vector = fit_vector(codes[rows], proba[rows], simple, weights[rows])
        return [simple, vector]

    losses = np.empty((2, 500))
    for i in range(500):
        said = [fit(proba[i : i + 1])[0, codes[i]] for fit in CACHE(fits, parts, i)]
        losses[:, i] = -np.log(said)
    gain = losses[0] - losses[1]
    mean = sum(weights * gain) / sum(weights)
    error = np.sqrt(sum((weights * (gain - mean)) ** 2)) / sum(weights)
    assert found == fits(np.ones(500, dtype=bool))[int(mean > error)]


class _Cache:
    """Fits of all parts but one, kept while the same function asks."""

    def __init__(self) -> None:
        self.kept: dict[tuple[object, int], list[Calibration]] = {}

    def __call__(self, fits: object, parts: IntArray, row: int) -> list[Calibration]:
        assert callable(fits)
        key = (fits, int(parts[row]))
        if key not in self.kept:
            self.kept[key] = fits(parts != parts[row])
        return self.kept[key]


CACHE = _Cache()


def test_rows_of_one_part_are_dealt_into_five() -> None:
    codes, proba = draw(2, 600, 3)
    proba = tempered(proba, np.array([0.0, 0.5, -0.5]))
    args = codes, proba, np.ones(3), np.ones(600)
    one, five = np.zeros(600, np.int64), np.arange(600) % 5
    assert choose_calibration(*args, one) == choose_calibration(*args, five)
    np.testing.assert_array_equal(
        cross_calibrate(*args, one), cross_calibrate(*args, five)
    )


def test_no_row_has_a_say_in_its_own_probabilities() -> None:
    codes, proba = draw(4, 700, 3)
    proba = tempered(proba, np.array([0.0, 1.0, -1.0]))
    weights, ones, parts = np.array([1.0, 2, 3]), np.ones(700), np.arange(700) % 4
    found = cross_calibrate(codes, proba, weights, ones, parts)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    own = parts == 2
    rest = (codes[~own], proba[~own], weights, ones[~own], parts[~own])
    chosen = choose_calibration(*rest)
    assert isinstance(chosen, VectorScaling)
    np.testing.assert_array_equal(found[own], chosen(proba[own]))
    other = np.where(own, (codes + 1) % 3, codes)
    again = cross_calibrate(other, proba, weights, ones, parts)
    np.testing.assert_array_equal(again[own], found[own])
    assert not np.array_equal(again[~own], found[~own])


KEPT: list[Calibration] = [
    IdentityScaling(),
    ProbabilityScaling(1.5, 0.3, (0.0, 1.1)),
    VectorScaling((0.5, 2.0), (0.0, -0.3)),
    IsotonicScaling((0.1, 0.5, 0.9), (0.01, 0.3, 0.99)),
]


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: type(kept).__name__)
def test_every_calibration_survives_json(kept: Calibration) -> None:
    assert isinstance(kept, Calibration)
    stored = json.loads(json.dumps(kept.to_dict(), allow_nan=False))
    assert calibration_from_dict(stored) == kept


def test_a_dict_without_a_kind_is_a_scaling_of_an_old_model() -> None:
    state = {"sharpness": 2.0, "undone": 1.0, "log_weights": [0.0, 1.0]}
    assert calibration_from_dict(state) == ProbabilityScaling(2.0, 1.0, (0.0, 1.0))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, r"is none: None"),
        ({"kind": "magic"}, r"kind 'magic', which this version does not know"),
        ({}, r"damaged"),
        ({"kind": "scaling", "sharpness": 1.0, "undone": None}, r"damaged"),
        ({"kind": "vector", "scale": [1.0], "bias": [0.0, 1.0]}, r"damaged"),
        ({"kind": "vector", "scale": [1.0, float("inf")], "bias": [0, 0]}, r"damaged"),
        ({"kind": "isotonic", "knots": [], "values": []}, r"damaged"),
        ({"kind": "isotonic", "knots": [0.5, 0.1], "values": [0.1, 0.2]}, r"damaged"),
        ({"kind": "isotonic", "knots": [0.1, 0.5], "values": [0.0, 0.2]}, r"damaged"),
    ],
)
def test_what_cannot_be_read_is_refused(state: object, words: str) -> None:
    with pytest.raises(ModelFormatError, match=words):
        calibration_from_dict(state)


def test_sure_models_that_err_are_calibrated_without_a_warning() -> None:
    codes = np.repeat([0, 1], 60)
    wrong = np.where(np.arange(120) % 7 == 0, 1 - codes, codes)
    found = chosen_for(codes, np.eye(2)[wrong])
    said = found(np.eye(2))
    assert np.isfinite(said).all()
    assert 0.7 < said[0, 0] < 0.98
