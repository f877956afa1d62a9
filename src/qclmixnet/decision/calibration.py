"""Probabilities that mean what they say again after training with class weights."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax

from qclmixnet.core.errors import ModelFormatError
from qclmixnet.decision.checks import is_number, numbers

__all__ = ["ProbabilityScaling", "fit_scaling"]

_TINY = 1e-12
_FEWEST_ROWS, _MOST_ROWS = 20, 20_000


@dataclass(frozen=True)
class ProbabilityScaling:
    """A temperature, and how much of the class weights to take back.

    Probabilities p become proportional to ``p^sharpness / w^undone`` with the class
    weights w of the training.

    Attributes:
        sharpness: above 1 more extreme, below 1 less; the inverse of a temperature.
        undone: 0 keeps the effect of the weights, 1 removes it whole.
        log_weights: logarithm of each class's weight.
    """

    sharpness: float
    undone: float
    log_weights: tuple[float, ...]

    def __call__(self, proba: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return scaled probabilities.

        Args:
            proba: rows by classes.

        Returns:
            The same shape; each row sums to 1.
        """
        log_p = np.log(np.maximum(proba, _TINY))
        return _scaled(log_p, np.array(self.log_weights), self.sharpness, self.undone)

    def to_dict(self) -> dict[str, object]:
        """Return the scaling as plain lists and numbers, fit for JSON."""
        return {
            "kind": "scaling",
            "sharpness": self.sharpness,
            "undone": self.undone,
            "log_weights": list(self.log_weights),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, object]) -> "ProbabilityScaling":
        """Rebuild a scaling from what ``to_dict`` returned.

        Args:
            state: the dict, also after a way through JSON.

        Returns:
            An equal scaling.

        Raises:
            ModelFormatError: `state` is not what ``to_dict`` returns.
        """
        sharpness, undone = state.get("sharpness"), state.get("undone")
        log_weights = numbers(state.get("log_weights"))
        if not (is_number(sharpness) and is_number(undone) and log_weights):
            raise ModelFormatError(
                f"The stored calibration is damaged: {dict(state)!r}."
            )
        return cls(float(sharpness), float(undone), log_weights)  # type: ignore[arg-type]


def fit_scaling(
    y_true: npt.NDArray[np.int64],
    proba: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    sample_weight: npt.NDArray[np.float64] | None = None,
) -> ProbabilityScaling:
    """Choose the scaling with the lowest log-loss on rows not learned from.

    Args:
        y_true: class number of each row.
        proba: predicted probabilities, rows by classes.
        weights: weight of each class in training, above 0.
        sample_weight: how much each row counts, at least 0; None counts all alike.

    Returns:
        The scaling; with fewer than 20 rows the one that only takes the weights back.

    References:
        Guo, Pleiss, Sun, Weinberger (2017), "On Calibration of Modern Neural
        Networks", section 4.2 (temperature), arXiv 1706.04599; Elkan (2001), "The
        Foundations of Cost-Sensitive Learning", theorem 2, for taking weights back.

    >>> y = np.repeat([0, 1], [30, 10])
    >>> proba = np.full((40, 2), 0.5)  # what weights of 1 and 3 make of 30 : 10
    >>> fit_scaling(y, proba, np.array([1.0, 3.0]))(proba)[0].round(3)
    array([0.75, 0.25])
    """
    log_weights = np.log(weights)
    log_p = np.log(np.maximum(proba, _TINY))
    sharpness, undone = 1.0, 1.0
    if len(y_true) >= _FEWEST_ROWS:
        counts = np.ones(len(y_true)) if sample_weight is None else sample_weight
        # Two numbers need no more rows than this.
        kept = slice(None, None, max(1, len(y_true) // _MOST_ROWS))
        log_p, y_true, counts = log_p[kept], y_true[kept], counts[kept]
        rows = np.arange(len(y_true))
        counts = counts / counts.max()  # first, so that no sum overflows
        counts = counts / counts.mean()

        def loss(values: npt.NDArray[np.float64]) -> float:
            scaled = log_softmax(
                np.exp(values[0]) * log_p - values[1] * log_weights, axis=1
            )
            # A mild pull to the start decides where the rows do not.
            pull = 0.5 * (values[0] ** 2 + (values[1] - 1) ** 2)
            return float(-(scaled[rows, y_true] * counts).sum() + pull)

        found = minimize(loss, np.array([0.0, 1.0]), method="L-BFGS-B")
        sharpness, undone = float(np.exp(found.x[0])), float(found.x[1])
    return ProbabilityScaling(sharpness, undone, tuple(map(float, log_weights)))


def _scaled(
    log_p: npt.NDArray[np.float64],
    log_weights: npt.NDArray[np.float64],
    sharpness: float,
    undone: float,
) -> npt.NDArray[np.float64]:
    out: npt.NDArray[np.float64] = np.exp(
        log_softmax(sharpness * log_p - undone * log_weights, axis=1)
    )
    out /= out.sum(axis=1, keepdims=True)
    return out
