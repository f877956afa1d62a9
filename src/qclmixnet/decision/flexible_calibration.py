"""Calibrations with more to learn than one temperature, for tables with many rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.isotonic import IsotonicRegression

from qclmixnet.core.errors import ModelFormatError
from qclmixnet.decision.calibration import ProbabilityScaling
from qclmixnet.decision.checks import numbers

__all__ = [
    "IdentityScaling",
    "IsotonicScaling",
    "VectorScaling",
    "fit_isotonic",
    "fit_vector",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_TINY = 1e-12
_MOST_ROWS = 20_000
_PULL = 4.0  # rows' worth of loss for one unit away from the simple scaling, doubled


@dataclass(frozen=True)
class IdentityScaling:
    """Leave probabilities as they are, but for rows that do not sum to 1.

    >>> IdentityScaling()(np.array([[0.2, 0.8], [1.0, 3.0]]))
    array([[0.2 , 0.8 ],
           [0.25, 0.75]])
    """

    def __call__(self, proba: FloatArray) -> FloatArray:
        """Return the same probabilities, rows by classes."""
        return np.asarray(proba / proba.sum(axis=1, keepdims=True), dtype=np.float64)

    def to_dict(self) -> dict[str, object]:
        """Return what says that there is nothing to do."""
        return {"kind": "identity"}


@dataclass(frozen=True)
class VectorScaling:
    """A temperature and a bias for each class.

    Probabilities p become proportional to ``p_k^scale_k exp(bias_k)``. For two classes
    this is beta calibration (Kull et al. 2017).

    Attributes:
        scale: one per class, above 0.
        bias: one per class.

    References:
        Guo, Pleiss, Sun, Weinberger (2017), "On Calibration of Modern Neural
        Networks", section 4.2, arXiv 1706.04599; on log-probabilities, not logits.
    """

    scale: tuple[float, ...]
    bias: tuple[float, ...]

    def __call__(self, proba: FloatArray) -> FloatArray:
        """Return scaled probabilities.

        Args:
            proba: rows by classes.

        Returns:
            The same shape; each row sums to 1.
        """
        log_p = np.log(np.maximum(proba, _TINY))
        out = np.exp(log_softmax(np.array(self.scale) * log_p + self.bias, axis=1))
        return np.asarray(out / out.sum(axis=1, keepdims=True), dtype=np.float64)

    def to_dict(self) -> dict[str, object]:
        """Return the scaling as plain lists, fit for JSON."""
        return {"kind": "vector", "scale": list(self.scale), "bias": list(self.bias)}

    @classmethod
    def from_dict(cls, state: Mapping[str, object]) -> "VectorScaling":
        """Rebuild a scaling from what ``to_dict`` returned.

        Args:
            state: the dict, also after a way through JSON.

        Returns:
            An equal scaling.

        Raises:
            ModelFormatError: `state` is not what ``to_dict`` returns.
        """
        scale, bias = numbers(state.get("scale")), numbers(state.get("bias"))
        if not (scale and bias and len(scale) == len(bias)):
            raise ModelFormatError(
                f"The stored calibration is damaged: {dict(state)!r}."
            )
        return cls(scale, bias)


@dataclass(frozen=True)
class IsotonicScaling:
    """Any rising curve of the probability of class 1, for two classes.

    Between knots it is straight. On flat parts rows become equally probable, so ranks
    of rows can be lost.

    Attributes:
        knots: probabilities of class 1 as predicted, rising.
        values: what they become, never falling, above 0 and below 1.

    References:
        Zadrozny and Elkan (2002), "Transforming classifier scores into accurate
        multiclass probability estimates".

    >>> scaling = IsotonicScaling((0.2, 0.6), (0.1, 0.9))
    >>> scaling(np.array([[0.6, 0.4], [1.0, 0.0]])).round(3)
    array([[0.5, 0.5],
           [0.9, 0.1]])
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]

    def __call__(self, proba: FloatArray) -> FloatArray:
        """Return probabilities off the curve.

        Args:
            proba: rows by two classes.

        Returns:
            The same shape; each row sums to 1.
        """
        second = np.interp(proba[:, 1], self.knots, self.values)
        return np.stack([1 - second, second], axis=1)

    def to_dict(self) -> dict[str, object]:
        """Return the curve as plain lists, fit for JSON."""
        return {
            "kind": "isotonic",
            "knots": list(self.knots),
            "values": list(self.values),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, object]) -> "IsotonicScaling":
        """Rebuild a curve from what ``to_dict`` returned.

        Args:
            state: the dict, also after a way through JSON.

        Returns:
            An equal curve.

        Raises:
            ModelFormatError: `state` is not what ``to_dict`` returns.
        """
        knots, values = numbers(state.get("knots")), numbers(state.get("values"))
        if not (
            knots
            and values
            and len(knots) == len(values)
            and (np.diff(knots) >= 0).all()
            and 0 < min(values) <= max(values) < 1
        ):
            raise ModelFormatError(
                f"The stored calibration is damaged: {dict(state)!r}."
            )
        return cls(knots, values)


def fit_vector(
    y_true: IntArray,
    proba: FloatArray,
    simple: ProbabilityScaling,
    sample_weight: FloatArray,
) -> VectorScaling:
    """Fit a temperature and a bias for each class, pulled towards a simple scaling.

    Args:
        y_true: class number of each row.
        proba: predicted probabilities, rows by classes.
        simple: what few rows shall not lead away from.
        sample_weight: how much each row counts, above 0.

    Returns:
        The scaling with the lowest log-loss and price of the way.
    """
    kept = slice(None, None, max(1, len(y_true) // _MOST_ROWS))
    codes, log_p = y_true[kept], np.log(np.maximum(proba[kept], _TINY))
    weights = sample_weight[kept] / sample_weight[kept].max()  # no sum overflows
    weights = weights / weights.mean()
    n_classes = log_p.shape[1]
    home = np.concatenate(
        [
            np.full(n_classes, np.log(simple.sharpness)),
            -simple.undone * np.array(simple.log_weights),
        ]
    )
    priced = _PricedLoss(codes, log_p, weights, home)
    # Few steps of Newton: scales and biases hang together too closely for others.
    found = minimize(
        priced.loss, home, jac=True, hess=priced.curvature, method="trust-exact"
    ).x
    scale, bias = np.exp(found[:n_classes]), found[n_classes:]
    return VectorScaling(tuple(scale.tolist()), tuple((bias - bias[0]).tolist()))


@dataclass(frozen=True, eq=False)
class _PricedLoss:
    """The log-loss of log-scales and biases, and the price of the way from home."""

    codes: IntArray
    log_p: FloatArray
    weights: FloatArray
    home: FloatArray

    def loss(self, values: FloatArray) -> tuple[float, FloatArray]:
        """Return the loss and its slopes."""
        scaled, log_q = self._said(values)
        rows = np.arange(len(self.codes))
        away = values - self.home
        loss = -(self.weights @ log_q[rows, self.codes]) + _PULL / 2 * (away @ away)
        slope = np.exp(log_q)
        slope[rows, self.codes] -= 1
        by_scale = self.weights @ (slope * scaled)
        by_bias = self.weights @ slope
        return float(loss), np.concatenate([by_scale, by_bias]) + _PULL * away

    def curvature(self, values: FloatArray) -> FloatArray:
        """Return the second derivatives."""
        scaled, log_q = self._said(values)
        n_classes = log_q.shape[1]
        q = np.exp(log_q)
        by_value = np.hstack([q * scaled, q])
        out = -(by_value.T @ (self.weights[:, None] * by_value))
        both = self.weights @ (q * scaled)
        twice = self.weights @ (q * scaled**2)
        # A log-scale bends its own logit, too.
        bent = both - np.bincount(
            self.codes,
            self.weights * scaled[np.arange(len(q)), self.codes],
            minlength=n_classes,
        )
        scales, biases = np.arange(n_classes), np.arange(n_classes) + n_classes
        out[scales, scales] += twice + bent
        out[biases, biases] += self.weights @ q
        out[scales, biases] += both
        out[biases, scales] += both
        return np.asarray(out + _PULL * np.eye(2 * n_classes), dtype=np.float64)

    def _said(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        n_classes = self.log_p.shape[1]
        scaled = np.exp(values[:n_classes]) * self.log_p
        return scaled, log_softmax(scaled + values[n_classes:], axis=1)


def fit_isotonic(
    y_true: IntArray, proba: FloatArray, sample_weight: FloatArray
) -> IsotonicScaling:
    """Fit the rising curve of least squares, kept off 0 and 1 by a row's worth.

    Args:
        y_true: 0 or 1 for each row.
        proba: predicted probabilities, rows by two classes.
        sample_weight: how much each row counts, above 0.

    Returns:
        The curve.

    >>> p = np.array([0.1, 0.2, 0.3, 0.4])
    >>> y = np.array([0, 1, 0, 1])
    >>> curve = fit_isotonic(y, np.stack([1 - p, p], axis=1), np.ones(4))
    >>> curve(np.array([[0.75, 0.25]])).round(2)
    array([[0.5, 0.5]])
    """
    off = 1 / (len(y_true) + 2)
    curve = IsotonicRegression(y_min=off, y_max=1 - off)
    curve.fit(proba[:, 1], y_true, sample_weight=sample_weight / sample_weight.max())
    knots, values = curve.X_thresholds_, curve.y_thresholds_
    values = np.clip(values, off, 1 - off)
    return IsotonicScaling(tuple(map(float, knots)), tuple(map(float, values)))
