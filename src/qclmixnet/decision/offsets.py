"""Offsets on log-probabilities: one number for each class, tuned on held-out rows.

Adding an offset to the log-probability of each class before the argmax is the whole
family of rules that weigh classes by cost; for two classes it is the threshold. The
offsets that maximise a macro score on few rows overfit, so they are found in two steps:
first the best multiple of minus the log class frequencies, which has one number to
learn, then class by class away from it, each unit of the way at a price that falls with
the number of rows.

Measured on 720 simulated tables (2, 5 and 10 classes, imbalance 10 and 100, 200 to
2000 rows to tune on; noisy, biased, mistempered Gaussian posteriors), the balanced
score on 8000 fresh rows moved from the plain argmax by +1.45 points with the default
price, +1.06 without a price, +0.97 with the first step alone. It fell by more than a
point on 8 % of the tables. With 10 classes and 200 rows, the hardest case: +0.27, -1.33
and +0.10. Tables whose smallest class has under 5 rows: +1.34, +0.47 and +0.78.

References:
    Menon et al. (2021), "Long-tail learning via logit adjustment", arXiv 2007.07314,
    section 4.1, for the first step. The second step is ours.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from qclmixnet.core.checks import check_choice, check_integer, check_real
from qclmixnet.core.errors import ModelFormatError
from qclmixnet.decision.checks import (
    checked_codes,
    checked_proba,
    checked_weights,
    is_number,
    numbers,
)
from qclmixnet.decision.confusion import TiltObjective
from qclmixnet.decision.sweep import Objective, Staircase, inner_score, sweep_offset

__all__ = ["OffsetRule", "tune_offsets"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_TINY = float(np.finfo(np.float64).tiny)  # stands for 0, whose logarithm is not finite
_GAIN = 1e-9  # smaller gains are rounding
_REACH = 1.0  # how far past its nearer end a wide stair is entered, in log-probability
_MULTIPLES = np.linspace(0.0, 1.5, 31)  # of minus the log class frequencies
_MAX_PASSES = 20
_PASS_GAIN = 1e-4  # a pass over all classes that brings less is the last


@dataclass(frozen=True, eq=False)
class OffsetRule:
    """Predict the class with the largest log-probability plus offset.

    Attributes:
        offsets: float64, one per class; the most frequent class has 0 unless some class
            had no row, which then has 0 itself.
        objective: the score they were tuned for.
        inner_before: that score on the tuning rows by the plain argmax.
        inner_after: the same by this rule; optimistic, for it was maximised.
        note: what to know about the tuning, empty when there is nothing.

    >>> rule = OffsetRule(np.array([0.0, 1.5]), "macro_f1", 0.5, 0.6, "")
    >>> rule.decide(np.array([[0.9, 0.1], [0.8, 0.2]]))
    array([0, 1])
    """

    offsets: np.ndarray
    objective: str
    inner_before: float
    inner_after: float
    note: str

    def __eq__(self, other: object) -> bool:
        """Compare all values, the offsets one by one."""
        return isinstance(other, OffsetRule) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """Return the class number of each row; the first class wins ties.

        Args:
            proba: rows by classes, not negative; rows need not sum to 1.

        Returns:
            int64, one per row.

        Raises:
            InputError: `proba` has another number of classes, or is no probability.
        """
        checked = checked_proba(proba, len(self.offsets))
        return _argmax(_log(checked), self.offsets)

    def to_dict(self) -> dict[str, object]:
        """Return the rule as plain lists, numbers and texts, fit for JSON."""
        return {
            "kind": "offsets",
            "offsets": [float(value) for value in self.offsets],
            "objective": self.objective,
            "inner_before": self.inner_before,
            "inner_after": self.inner_after,
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, object]) -> "OffsetRule":
        """Rebuild a rule from what ``to_dict`` returned.

        Args:
            state: the dict, also after a way through JSON.

        Returns:
            An equal rule.

        Raises:
            ModelFormatError: `state` is not what ``to_dict`` returns.

        >>> rule = OffsetRule(np.array([0.0, 1.5]), "macro_f1", 0.5, 0.6, "")
        >>> OffsetRule.from_dict(rule.to_dict()) == rule
        True
        """
        offsets, objective = state.get("offsets"), state.get("objective")
        before, after = state.get("inner_before"), state.get("inner_after")
        note = state.get("note")
        if not (
            numbers(offsets)
            and objective in get_args(TiltObjective)
            and isinstance(note, str)
        ):
            raise ModelFormatError(
                f"The stored decision rule is damaged: {dict(state)!r}."
            )
        if not (is_number(before) and is_number(after)):
            raise ModelFormatError("The stored decision rule lacks its scores.")
        values = np.array(offsets, dtype=np.float64)
        return cls(values, str(objective), float(before), float(after), note)  # type: ignore[arg-type]


def tune_offsets(
    y_true: np.ndarray,
    proba: np.ndarray,
    *,
    objective: Objective = "balanced",
    min_rows: int = 10,
    price: float = 0.2,
    weights: np.ndarray | None = None,
) -> OffsetRule:
    """Find the offsets that score best on held-out probabilities.

    They are all 0 unless that is strictly better on these rows than the plain argmax.
    A class without rows keeps the offset 0. Classes with fewer than `min_rows` rows
    share one step away from their class frequencies, and `note` says so.

    Args:
        y_true: class numbers, one per row.
        proba: rows by classes, predicted by models that did not see the row.
        objective: the macro score to maximise; balanced is the mean of the other two.
        min_rows: rows that a class needs for an offset of its own.
        price: how much score, times the square root of the number of rows, one unit of
            offset away from the class frequencies must bring; at 0 the score on these
            rows is all that counts.
        weights: how much each row counts in the score, above 0; None counts all alike.
            `min_rows` and `price` go by the number of rows.

    Returns:
        The rule.

    Raises:
        InputError: the two do not fit each other, or are no class numbers and
            probabilities.

    >>> proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]])
    >>> rule = tune_offsets(np.array([0, 0, 1, 1]), proba, min_rows=1)
    >>> rule.decide(proba)
    array([0, 0, 1, 1])
    """
    check_choice(objective, "objective", get_args(Objective))
    check_integer(min_rows, "min_rows", low=1)
    check_real(price, "price", low=0)
    checked = checked_proba(proba)
    codes = checked_codes(y_true, checked)
    shares = np.ones(len(codes)) if weights is None else checked_weights(weights, codes)
    search = _Search(codes, _log(checked), shares, objective, min_rows, price)
    before = search.score(np.zeros(checked.shape[1]))
    offsets = search.best()
    after = search.score(offsets)
    if after <= before + _GAIN:
        offsets, after = np.zeros(checked.shape[1]), before
    return OffsetRule(offsets, objective, before, after, search.note())


class _Search:
    """Coordinate ascent on the score less the price of the way from the reference."""

    def __init__(
        self,
        y_true: IntArray,
        log_proba: FloatArray,
        weights: FloatArray,
        objective: Objective,
        min_rows: int,
        price: float,
    ) -> None:
        self.y_true, self.log_proba, self.objective = y_true, log_proba, objective
        self.weights = weights
        self.min_rows = min_rows
        self.price = price / math.sqrt(len(y_true))
        self.n_classes = log_proba.shape[1]
        self.n_rows = np.bincount(y_true, minlength=self.n_classes)
        self.support: FloatArray = np.bincount(
            y_true, weights, minlength=self.n_classes
        ).astype(np.float64)
        self.present = self.n_rows > 0
        self.rare = self.present & (self.n_rows < min_rows)

    def score(self, offsets: FloatArray) -> float:
        y_pred = _argmax(self.log_proba, offsets)
        return inner_score(
            self.y_true, y_pred, self.n_classes, self.objective, weights=self.weights
        )

    def best(self) -> FloatArray:
        """Return the best offsets found from a few starts."""
        rarity = np.zeros(self.n_classes)
        rarity[self.present] = -np.log(self.support[self.present])
        rarity[self.present] -= rarity[self.present].min()
        scores = [self.score(multiple * rarity) for multiple in _MULTIPLES]
        reference = (
            _MULTIPLES[int(np.argmax(scores))] * rarity
        )  # the smallest of equals
        starts = [reference, 0 * rarity]
        if self.price == 0:  # more local maxima without a price
            starts += [rarity, rarity / 2]
        found = [self._ascend(start, reference) for start in starts]
        values = [value for value, _ in found]
        offsets = found[int(np.argmax(np.array(values) >= max(values) - _GAIN))][
            1
        ]  # first of equals
        if self.present.all():  # only differences count: the largest class has 0
            offsets = offsets - offsets[int(np.argmax(self.support))]
        return offsets

    def _worth(self, offsets: FloatArray, reference: FloatArray, score: float) -> float:
        return score - self.price * float(np.abs(offsets - reference).sum())

    def _ascend(
        self, start: FloatArray, reference: FloatArray
    ) -> tuple[float, FloatArray]:
        offsets = start.copy()
        current = self._worth(offsets, reference, self.score(offsets))
        for _ in range(_MAX_PASSES):
            before = current
            for moving in self._directions():
                stairs = sweep_offset(
                    self.log_proba + offsets,
                    self.y_true,
                    self.weights,
                    moving=moving,
                    support=self.support,
                    objective=self.objective,
                )
                step, score = self._best_step(stairs, (reference - offsets)[moving])
                moved = np.where(moving, offsets + step, offsets)
                worth = self._worth(moved, reference, score)
                if worth > current + _GAIN:
                    offsets, current = moved, worth
            if current <= before + _PASS_GAIN:
                break
        return current, offsets

    def _directions(self) -> list[BoolArray]:
        """Classes that move together: rare ones all at once, then each other one."""
        alone = np.flatnonzero(self.present & ~self.rare)
        by_rows = alone[np.argsort(self.support[alone], kind="stable")]
        single = [np.arange(self.n_classes) == k for k in by_rows]
        together = [self.rare] if self.rare.any() else []
        # All classes at once would change nothing.
        return [moving for moving in (*together, *single) if not moving.all()]

    def _best_step(
        self, stairs: Staircase, way_back: FloatArray
    ) -> tuple[float, float]:
        """Return the best change of the moving offsets, and its score.

        Within a stair the step is its middle, and in a wide stair not far from its end
        nearer to the reference. Of equally good runs of stairs, the nearest is taken.
        """
        home = float(way_back.mean())
        low = np.where(np.isneginf(stairs.low), stairs.high - 2 * _REACH, stairs.low)
        high = np.where(np.isposinf(stairs.high), low + 2 * _REACH, stairs.high)
        step = _inside(low, high, home)
        distance = np.abs(step[:, None] - way_back).sum(axis=1)
        worth = stairs.score - self.price * distance
        best = int(np.argmax(worth))
        if self.price == 0:
            # Runs of neighbouring stairs that are equally good are one plateau.
            good = np.concatenate([[False], worth >= worth[best] - _GAIN, [False]])
            turns = np.flatnonzero(np.diff(good.astype(np.int8)))
            first, last = turns[::2], turns[1::2] - 1
            middle = _inside(low[first], high[last], home)
            nearest = middle[int(np.argmin(np.abs(middle - home)))]
            return float(nearest), float(stairs.score[best])
        return float(step[best]), float(stairs.score[best])

    def note(self) -> str:
        if not self.rare.any():
            return ""
        smallest = int(self.n_rows[self.present].min())
        listed = ", ".join(str(k) for k in np.flatnonzero(self.rare))
        return (
            f"The smallest class has {smallest} rows to tune on, and class numbers "
            f"{listed} have fewer than {self.min_rows}: they share one step away "
            "from their class frequencies, and their offsets are uncertain."
        )


def _inside(low: FloatArray, high: FloatArray, home: float) -> FloatArray:
    near = np.clip(home, low, high)
    return np.clip((low + high) / 2, near - _REACH, near + _REACH)


def _log(proba: FloatArray) -> FloatArray:
    return np.log(np.maximum(proba, _TINY))


def _argmax(log_proba: FloatArray, offsets: FloatArray) -> IntArray:
    return np.asarray((log_proba + offsets).argmax(axis=1), dtype=np.int64)
