"""Choose how to calibrate, by rows that each candidate did not see.

Measured on 720 simulated tables (2, 5 and 10 classes, imbalance 10 and 100; noisy
Gaussian posteriors after training with class weights, each class with a bias of its
own, a wrong temperature, in half of them warped as well), by the log-loss on 4000 fresh
rows in thousandths, the chosen calibration against the simple scaling alone:

===========  =============  =============  =============
rows         2 classes      5 classes      10 classes
===========  =============  =============  =============
200          0, of 93       0, of 649      0, of 1210
1000         +0.0, of 103   -6.1, of 669   -9.2, of 1238
5000         -0.0, of 94    -8.2, of 638   -15.4, of 1138
===========  =============  =============  =============

The worst of all tables lost 6.9. For two classes there is nothing to win in these
tables: the simple scaling holds a temperature and a bias already. With 200 rows the
same choice would have changed the log-loss by -0.9 to +0.6 and lost up to 19, so it
begins at 500. An isotonic curve for two classes was worse than the simple scaling by
12.3 with 200 rows and by 1.9 with 5000; it stays for what is bent more than that. No
scaling at all, tried as a candidate too, was chosen for 10 tables of 720, most often
wrongly, and is none.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import ModelFormatError
from qclmixnet.decision.calibration import ProbabilityScaling, fit_scaling
from qclmixnet.decision.flexible_calibration import (
    IdentityScaling,
    IsotonicScaling,
    VectorScaling,
    fit_isotonic,
    fit_vector,
)

__all__ = [
    "Calibration",
    "calibration_from_dict",
    "choose_calibration",
    "cross_calibrate",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_FEWEST_ROWS = 500  # below, nothing richer than the simple scaling is tried
_MANY_ROWS, _MANY_OF_A_CLASS = 1_000, 100  # a curve of any form needs so many
_PARTS = 5  # where all rows are of one part
_LEAST = 1e-12  # a probability below this costs no more


@runtime_checkable
class Calibration(Protocol):
    """What makes probabilities mean what they say."""

    def __call__(self, proba: FloatArray) -> FloatArray:
        """Return calibrated probabilities; rows by classes, each row sums to 1."""
        ...

    def to_dict(self) -> dict[str, object]:
        """Return the calibration fit for JSON; its "kind" says how to read it."""
        ...


def _identity(state: Mapping[str, object]) -> IdentityScaling:  # noqa: ARG001
    return IdentityScaling()


_READERS: dict[str, Callable[[Mapping[str, object]], Calibration]] = {
    "identity": _identity,
    "scaling": ProbabilityScaling.from_dict,
    "vector": VectorScaling.from_dict,
    "isotonic": IsotonicScaling.from_dict,
}


def calibration_from_dict(state: object) -> Calibration:
    """Rebuild a calibration from what its ``to_dict`` returned.

    Args:
        state: the dict, also after a way through JSON; one without a "kind" is a
            `ProbabilityScaling`, as older versions stored it.

    Returns:
        An equal calibration.

    Raises:
        ModelFormatError: the kind is unknown, or the rest does not fit it.

    >>> calibration_from_dict({"kind": "identity"})
    IdentityScaling()
    """
    if not isinstance(state, Mapping):
        raise ModelFormatError(f"The stored calibration is none: {state!r}.")
    kind = state.get("kind", "scaling")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise ModelFormatError(
            f"The stored calibration is of kind {kind!r}, which this version does not "
            f"know; it knows {', '.join(sorted(_READERS))}."
        )
    return reader(state)


def choose_calibration(
    codes: IntArray,
    proba: FloatArray,
    class_weights: FloatArray,
    sample_weight: FloatArray,
    parts: IntArray,
) -> Calibration:
    """Choose the calibration that does best on rows that it was not fitted to.

    The simple scaling, a temperature and how much of the class weights to take back, is
    kept unless another has a lower log-loss by more than one standard error of the
    difference, row by row. The others: a temperature and a bias for each class, and
    for two classes, from 1,000 rows and 100 of each class on, any rising curve.

    Args:
        codes: class number of each row.
        proba: predicted probabilities, rows by classes.
        class_weights: weight of each class in training, above 0.
        sample_weight: how much each row counts, above 0.
        parts: number of the part of each row; each part is predicted by what is fitted
            to the others. Rows that are all of one part are dealt into five.

    Returns:
        The calibration, fitted to all rows; with fewer than 500 the simple scaling.
    """
    simple = fit_scaling(codes, proba, class_weights, sample_weight)
    if len(codes) < _FEWEST_ROWS:
        return simple
    parts = _some_parts(parts)
    kinds = _kinds(np.bincount(codes, minlength=proba.shape[1]))
    rows = np.arange(len(codes))
    losses = {kind: np.empty(len(codes)) for kind in kinds}
    for part in np.unique(parts):
        own = parts == part
        rest = (codes[~own], proba[~own], class_weights, sample_weight[~own])
        base = fit_scaling(*rest)
        for kind, loss in losses.items():
            said = _fit(kind, base, *rest)(proba[own])
            of_truth = said[rows[: own.sum()], codes[own]]
            loss[own] = -np.log(np.maximum(of_truth, _LEAST))
    best, most = "scaling", 0.0
    for kind in kinds:
        gain, error = _mean_and_error(losses["scaling"] - losses[kind], sample_weight)
        if gain > max(error, most):
            best, most = kind, gain
    return _fit(best, simple, codes, proba, class_weights, sample_weight)


def cross_calibrate(
    codes: IntArray,
    proba: FloatArray,
    class_weights: FloatArray,
    sample_weight: FloatArray,
    parts: IntArray,
) -> FloatArray:
    """Calibrate each row by what the other parts say, choice of the kind included.

    Args:
        codes: class number of each row.
        proba: predicted probabilities, rows by classes.
        class_weights: weight of each class in training, above 0.
        sample_weight: how much each row counts, above 0.
        parts: number of the part of each row. Rows that are all of one part are dealt
            into five.

    Returns:
        Probabilities that no row had a say in itself, rows by classes.
    """
    out = np.empty_like(proba)
    parts = _some_parts(parts)
    for part in np.unique(parts):
        own = parts == part
        chosen = choose_calibration(
            codes[~own], proba[~own], class_weights, sample_weight[~own], parts[~own]
        )
        out[own] = chosen(proba[own])
    return out


def _some_parts(parts: IntArray) -> IntArray:
    if len(parts) and (parts == parts[0]).all():
        return np.arange(len(parts)) % _PARTS
    return parts


def _kinds(counts: IntArray) -> list[str]:
    many = counts.sum() >= _MANY_ROWS and counts.min() >= _MANY_OF_A_CLASS
    curve = ["isotonic"] if len(counts) == 2 and many else []
    return ["scaling", "vector", *curve]


def _fit(
    kind: str,
    simple: ProbabilityScaling,
    codes: IntArray,
    proba: FloatArray,
    class_weights: FloatArray,  # noqa: ARG001
    sample_weight: FloatArray,
) -> Calibration:
    if kind == "vector":
        return fit_vector(codes, proba, simple, sample_weight)
    if kind == "isotonic":
        return fit_isotonic(codes, proba, sample_weight)
    return simple


def _mean_and_error(values: FloatArray, weights: FloatArray) -> tuple[float, float]:
    shares = weights / weights.max()
    shares = shares / shares.sum()
    mean = float(shares @ values)
    error = np.sqrt((shares**2) @ (values - mean) ** 2)
    return mean, float(error)
