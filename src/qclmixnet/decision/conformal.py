"""Sets of classes that hold the true one as often as asked for, in every class.

How odd a row is for a class, one minus its probability, is compared with the held-out
rows of this class alone. If those and the new rows of the class come from one source,
the set misses the class for at most one minus the coverage of its rows, however few
there are and however wrong the probabilities: wrong ones make larger sets.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qclmixnet.core.checks import check_real
from qclmixnet.decision.checks import checked_codes, checked_proba
from qclmixnet.decision.held_out import HeldOut

__all__ = ["ConformalSets", "abstains"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class ConformalSets:
    """Class-conditional (Mondrian) split-conformal sets.

    Attributes:
        scores: for each class one minus the probability that its held-out rows have for
            it, rising.

    References:
        Vovk, Gammerman, Shafer (2005), "Algorithmic Learning in a Random World",
        section 4.5 (Mondrian); Sadinle, Lei, Wasserman (2019), "Least ambiguous
        set-valued classifiers with bounded error levels", arXiv 1609.00451.

    >>> p = np.repeat([0.9, 0.7], [9, 1])
    >>> proba = np.concatenate([np.stack([p, 1 - p], 1), np.stack([1 - p, p], 1)])
    >>> rows = HeldOut(np.repeat([0, 1], 10), proba, np.ones(20))
    >>> sets = ConformalSets.fit(rows)
    >>> sets.predict(np.array([[0.95, 0.05], [0.7, 0.3]]), coverage=0.9)
    array([[ True, False],
           [ True, False]])
    """

    scores: tuple[FloatArray, ...]

    @classmethod
    def fit(cls, held_out: HeldOut) -> "ConformalSets":
        """Keep how odd held-out rows are for their own class.

        The weights of the rows are left aside. Those that make up for thinned classes
        are the same for all rows of a class, and rows are only compared within a class.
        Where the caller weighed rows of one class differently, the coverage holds for
        rows as they come, not as they are weighed.

        Args:
            held_out: rows that the models did not see, with their probabilities.

        Returns:
            The sets, ready to predict.

        Raises:
            InputError: there are no rows.
        """
        proba = checked_proba(held_out.proba)
        codes = checked_codes(held_out.codes, proba)
        own = 1 - proba[np.arange(len(codes)), codes]
        return cls(tuple(np.sort(own[codes == k]) for k in range(proba.shape[1])))

    @property
    def n_rows(self) -> tuple[int, ...]:
        """Held-out rows of each class."""
        return tuple(map(len, self.scores))

    def p_values(self, proba: FloatArray) -> FloatArray:
        """Return how usual each row would be for each class.

        Args:
            proba: rows by classes, by the model and calibration that the held-out rows
                stand for.

        Returns:
            The same shape: the share of held-out rows of a class that are at least as
            odd, the row itself counted as one of them. It is 1 for a class without
            held-out rows.

        Raises:
            InputError: `proba` has another number of classes, or is no probability.
        """
        odd = 1 - checked_proba(proba, len(self.scores))
        out = np.empty_like(odd)
        for k, scores in enumerate(self.scores):
            n_as_odd = len(scores) - np.searchsorted(scores, odd[:, k], side="left")
            out[:, k] = (n_as_odd + 1) / (len(scores) + 1)
        return out

    def predict(self, proba: FloatArray, coverage: float = 0.9) -> BoolArray:
        """Return the set of classes of each row.

        Args:
            proba: rows by classes.
            coverage: share of the rows of each class whose set shall hold it, above 0
                and below 1.

        Returns:
            True where the class is in the set, rows by classes; a set may be empty,
            where the row is odd for every class.

        Raises:
            InputError: `coverage` or `proba` is out of range.
        """
        _check_coverage(coverage)
        inside = self.p_values(proba) > 1 - coverage + _ROUNDING
        return np.asarray(inside, dtype=np.bool_)

    def attainable(self, coverage: float = 0.9) -> BoolArray:
        """Return for which classes sets can leave the class out at all.

        Args:
            coverage: share of the rows of each class whose set shall hold it.

        Returns:
            One value per class. With n held-out rows no p-value is below 1 / (n + 1):
            at a coverage above n / (n + 1) the class is in every set.
        """
        _check_coverage(coverage)
        n_rows = np.array(self.n_rows)
        return np.asarray(1 / (n_rows + 1) <= 1 - coverage + _ROUNDING, dtype=np.bool_)

    def notes(self, coverage: float = 0.9) -> tuple[str, ...]:
        """Return in words which classes are in every set, and why.

        Args:
            coverage: share of the rows of each class whose set shall hold it.

        Returns:
            One sentence for each such class; none if there is none.

        >>> sets = ConformalSets((np.linspace(0, 0.5, 20), np.array([0.5])))
        >>> print(sets.notes(0.9)[0])
        Class number 1 is in every set: at a coverage of 0.9 it takes 9 held-out rows \
to leave a class out, and it has 1.
        """
        attainable = self.attainable(coverage)
        # The least n with n / (n + 1) >= coverage.
        needed = int(np.ceil(coverage / (1 - coverage) - 1e-9))
        return tuple(
            f"Class number {k} is in every set: at a coverage of {coverage:g} it takes "
            f"{needed} held-out rows to leave a class out, and it has "
            f"{self.n_rows[k]}."
            for k in np.flatnonzero(~attainable)
        )


def abstains(sets: BoolArray) -> BoolArray:
    """Return for which rows to leave the decision to somebody else.

    Args:
        sets: rows by classes, True where the class is in the row's set.

    Returns:
        True where the set has not exactly one class.

    >>> abstains(np.array([[True, False], [True, True], [False, False]]))
    array([False,  True,  True])
    """
    return np.asarray(sets.sum(axis=1) != 1, dtype=np.bool_)


def _check_coverage(coverage: float) -> None:
    check_real(coverage, "coverage", low=0, high=1, open_low=True, open_high=True)
