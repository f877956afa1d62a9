"""The tables of a run with their outer and inner splits."""

from collections.abc import Mapping

import numpy as np

from qclmixnet.benchmark.cell import CellKey, inner_folds_of
from qclmixnet.benchmark.folds import folds_of, lacking_classes
from qclmixnet.benchmark.record import RunDescription, TableFacts
from qclmixnet.benchmark.tables import LabelledTable, load_table, stressed
from qclmixnet.core.caller import warn_caller
from qclmixnet.core.errors import DataWarning, InputError
from qclmixnet.evaluation.protocol import Fold, cut_rows
from qclmixnet.evaluation.stress import read_stressed_name

__all__ = ["FoldedTables"]


class FoldedTables:
    """Tables and their folds, each made once.

    Args:
        what: the run that they are for.
        own: the user's own table, in place of one of the package.
    """

    def __init__(self, what: RunDescription, own: LabelledTable | None) -> None:
        self._what = what
        self._loaded = {} if own is None else {own.name: own}
        self._folds: dict[tuple[str, int], tuple[Fold, ...]] = {}
        self._inner: dict[tuple[str, int, int], Mapping[str, Fold]] = {}

    def check(self, name: str) -> TableFacts:
        """Load a table, split it once, and say what it is.

        Of a stressed table that is the training part of its first fold.
        """
        table, folds = self.get(name), self.folds(name, 0)
        if table.stress is not None:
            if self._what.tuned:
                raise InputError(
                    f"The table {name!r} is under stress and has no inner folds to "
                    "tune on; describe the run with tuned=False, as `qclmixnet stress` "
                    "does."
                )
            part = table.split(folds[0], seed=(0, 0))
            return table.facts_of(part.X_train, part.codes_train)
        lacking = lacking_classes(table, folds)
        if lacking:
            warn_caller(
                f"Tested, but not among the rows to learn from: {', '.join(lacking)}. "
                "No method can predict these there, and all lose by it.",
                DataWarning,
            )
        return table.facts

    def get(self, name: str) -> LabelledTable:
        """Return a table, or one under stress by its name."""
        if name not in self._loaded:
            base, stress = read_stressed_name(name)
            # One table under many kinds of stress is read and held once.
            self._loaded[name] = (
                load_table(name) if stress is None else stressed(self.get(base), stress)
            )
        return self._loaded[name]

    def folds(self, name: str, seed: int) -> tuple[Fold, ...]:
        """Return the outer splits, training parts cut to the limit of the run."""
        if (name, seed) not in self._folds:
            table = self.get(name)
            rows = np.arange(len(table.codes))
            whole = folds_of(table, rows, n_folds=self._what.n_folds, seed=seed)
            self._folds[name, seed] = tuple(
                self._cut(fold, table.codes, seed) for fold in whole
            )
        return self._folds[name, seed]

    def inner_folds(self, key: CellKey) -> Mapping[str, Fold]:
        """Return the splits of a training part, the same for every method."""
        place = (key.table, key.seed, key.fold)
        if not self._what.tuned:
            return {}
        if place not in self._inner:
            fold = self.folds(key.table, key.seed)[key.fold]
            self._inner[place] = inner_folds_of(self.get(key.table), fold, key.seed)
        return self._inner[place]

    def _cut(self, fold: Fold, codes: np.ndarray, seed: int) -> Fold:
        limit = self._what.max_train_rows
        kept = cut_rows(codes[fold.train], max_rows=limit, seed=seed)
        return Fold(fold.train[kept], fold.test)
