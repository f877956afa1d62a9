"""Classes that become more or less frequent after training.

If only the shares of the classes change, and within each class the rows stay what they
were, probabilities follow by one factor for each class. The new shares need not be
known: unlabelled rows tell them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.decision.checks import checked_proba
from qclmixnet.decision.held_out import HeldOut

__all__ = ["PriorEstimate", "estimate_prior", "shift_held_out", "shift_prior"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PriorEstimate:
    """Shares of the classes among unlabelled rows.

    Attributes:
        prior: one share per class; they sum to 1.
        standard_error: of each share, from the curvature of the likelihood. It takes
            the probabilities as right, and says little of shares at the edge, 0 or 1.
        n_iter: steps taken.
        converged: False if the last step was still larger than allowed.
    """

    prior: tuple[float, ...]
    standard_error: tuple[float, ...]
    n_iter: int
    converged: bool


def shift_prior(
    proba: FloatArray, trained: npt.ArrayLike, wanted: npt.ArrayLike
) -> FloatArray:
    """Restate probabilities for other shares of the classes.

    Args:
        proba: calibrated probabilities, rows by classes.
        trained: share of each class that they were calibrated on; counts will do.
        wanted: share of each class there will be, above 0 for each that `trained` has;
            counts will do.

    Returns:
        ``proba * wanted / trained``, each row made to sum to 1. A class that `trained`
        lacks keeps the probability 0.

    Raises:
        InputError: a share is missing, negative, not finite, or 0 where the other one
            is not.

    References:
        Elkan (2001), "The Foundations of Cost-Sensitive Learning", theorem 2; Saerens,
        Latinne, Decaestecker (2002), equation 2.4.

    >>> shift_prior(np.array([[0.5, 0.5]]), [0.5, 0.5], [0.9, 0.1])
    array([[0.9, 0.1]])
    """
    values = checked_proba(proba)
    before, after = _shares(trained, wanted, values.shape[1])
    out = values * _ratio(after, before)
    total = out.sum(axis=1, keepdims=True)
    # A row that was sure of a class that never occurred tells nothing.
    return np.where(total > 0, out / np.where(total > 0, total, 1), after)


def estimate_prior(
    proba: FloatArray,
    trained: npt.ArrayLike,
    *,
    max_iter: int = 10_000,
    tol: float = 1e-8,
) -> PriorEstimate:
    """Estimate the shares of the classes among rows whose class nobody knows.

    Args:
        proba: calibrated probabilities of these rows, rows by classes.
        trained: share of each class that they were calibrated on; counts will do.
        max_iter: steps of expectation and maximisation at most.
        tol: the largest change of a share in the last step.

    Returns:
        The shares of highest likelihood, and how sure they are.

    Raises:
        InputError: there are no rows, or the shares do not fit.

    References:
        Saerens, Latinne, Decaestecker (2002), "Adjusting the outputs of a classifier to
        new a priori probabilities: a simple procedure", equations 2.9 and 2.10; Louis
        (1982) for the curvature.

    >>> proba = np.repeat([[0.9, 0.1], [0.1, 0.9]], [70, 30], axis=0)
    >>> np.round(estimate_prior(proba, [0.5, 0.5]).prior, 4).tolist()
    [0.75, 0.25]
    """
    check_integer(max_iter, "max_iter", low=1)
    check_real(tol, "tol", low=0, open_low=True)
    values = checked_proba(proba)
    if not len(values):
        raise InputError("`proba` must have at least one row to estimate shares from.")
    before, _ = _shares(trained, trained, values.shape[1])
    likelihood = values * _ratio(np.ones_like(before), before)
    likelihood = likelihood[likelihood.sum(axis=1) > 0]
    prior, change, n_iter = before, np.inf, 0
    while n_iter < max_iter and change > tol and len(likelihood):
        joint = likelihood * prior
        joint /= joint.sum(axis=1, keepdims=True)
        new = joint.mean(axis=0)
        change = float(np.abs(new - prior).max())
        prior, n_iter = new, n_iter + 1
    return PriorEstimate(
        tuple(prior.tolist()),
        tuple(_standard_error(likelihood, prior, before > 0).tolist()),
        n_iter,
        bool(change <= tol),
    )


def shift_held_out(
    held_out: HeldOut, trained: npt.ArrayLike, wanted: npt.ArrayLike
) -> HeldOut:
    """Make held-out rows stand for a table with other shares of the classes.

    Rules chosen on them, and what is expected of rules, then hold for that table.

    Args:
        held_out: rows, their probabilities calibrated.
        trained: share of each class that they were calibrated on; counts will do.
        wanted: share of each class there will be, above 0 for each that `trained` has;
            counts will do.

    Returns:
        The same rows, the probabilities restated, and each row of class k counting
        ``wanted[k] / trained[k]`` times what it did.

    Raises:
        InputError: the shares do not fit, or there is a row of a class that `trained`
            lacks.

    >>> rows = HeldOut(np.array([0, 1]), np.full((2, 2), 0.5), np.ones(2))
    >>> shifted = shift_held_out(rows, [0.5, 0.5], [0.9, 0.1])
    >>> shifted.weights
    array([1.8, 0.2])
    """
    before, after = _shares(trained, wanted, held_out.proba.shape[1])
    missing = np.setdiff1d(held_out.codes, np.flatnonzero(before > 0))
    if len(missing):
        raise InputError(
            f"`trained` has no share of class number {missing[0]}, but there are "
            "held-out rows of it."
        )
    return HeldOut(
        held_out.codes,
        shift_prior(held_out.proba, before, after),
        held_out.weights * _ratio(after, before)[held_out.codes],
    )


def _shares(
    trained: npt.ArrayLike, wanted: npt.ArrayLike, n_classes: int
) -> tuple[FloatArray, FloatArray]:
    before, after = (
        _checked(values, name, n_classes)
        for values, name in ((trained, "trained"), (wanted, "wanted"))
    )
    for k in np.flatnonzero((before > 0) != (after > 0)):
        if before[k] > 0:
            raise InputError(
                f"`wanted` must be above 0 for class number {k}, which occurs in "
                "training; give it a small share instead."
            )
        raise InputError(
            f"`wanted` must be 0 for class number {k}, which does not occur in "
            "training: nothing is known of it."
        )
    return before, after


def _checked(values: npt.ArrayLike, name: str, n_classes: int) -> FloatArray:
    try:
        shares = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"`{name}` must hold one number for each class.") from error
    if shares.shape != (n_classes,):
        raise InputError(
            f"`{name}` must hold {n_classes} numbers, one for each class, got shape "
            f"{shares.shape}."
        )
    if not (np.isfinite(shares).all() and (shares >= 0).all() and shares.any()):
        raise InputError(
            f"`{name}` must hold finite numbers of at least 0, not all of them 0, got "
            f"{shares.tolist()}."
        )
    return np.asarray(shares / shares.sum(), dtype=np.float64)


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    there = denominator > 0
    return np.divide(numerator, denominator, out=np.zeros(len(there)), where=there)


def _standard_error(
    likelihood: FloatArray, prior: FloatArray, occurs: npt.NDArray[np.bool_]
) -> FloatArray:
    """Return the errors by the curvature within the shares that sum to 1."""
    out = np.zeros(len(prior))
    n_classes = int(occurs.sum())
    if n_classes < 2 or not len(likelihood):
        return out
    part = likelihood[:, occurs]
    slopes = part / (part @ prior[occurs])[:, None]
    # Directions along which shares still sum to 1.
    basis = np.linalg.qr(np.eye(n_classes) - 1 / n_classes)[0][:, : n_classes - 1]
    along = slopes @ basis
    covariance = basis @ np.linalg.pinv(along.T @ along) @ basis.T
    out[occurs] = np.sqrt(np.maximum(np.diagonal(covariance), 0))
    return out
