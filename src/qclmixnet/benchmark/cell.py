"""One method on one fold: which fits it needs, and the rows they end in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qclmixnet.benchmark.fitting import FitJob, FitResult
from qclmixnet.benchmark.folds import folds_of, holdout_of
from qclmixnet.benchmark.record import SCORES, MethodFacts
from qclmixnet.benchmark.tables import LabelledTable
from qclmixnet.core.errors import InputError
from qclmixnet.decision import tune_offsets
from qclmixnet.evaluation.labelled_split import LabelledSplit
from qclmixnet.evaluation.protocol import Fold
from qclmixnet.execution import Status
from qclmixnet.metrics import score_predictions

__all__ = [
    "HOLDOUT",
    "OUTER",
    "SLOW_FIT_S",
    "Cell",
    "CellKey",
    "FinishedFit",
    "inner_folds_of",
]

OUTER = "outer"
"""The part of a cell that is fitted on the whole training part."""

SLOW_FIT_S = 60.0
"""A method whose outer fit takes longer is tuned on one inner split, not three."""

HOLDOUT = "holdout"
"""The inner split of a slow method."""

_INNER_FOLDS = 3
_HOLDOUT_FOLDS = 4


class CellKey(NamedTuple):
    """Which method on which fold of which table."""

    table: str
    method: str
    fold: int
    seed: int

    def file_name(self, part: str) -> str:
        """Return the name under which a fit of this cell is kept."""
        return f"{self.table}-{self.method}-{self.fold}-{self.seed}-{part}"


@dataclass(frozen=True)
class FinishedFit:
    """A fit that is over, well or not.

    Attributes:
        status: ``ok``, ``failed`` or ``timeout``.
        result: predictions and times, if ``ok``.
        message: why not; also says when it took a second attempt.
        peak_mb: MiB of memory that the fit added to its process.
        machine: short name of the machine that it ran on.
    """

    status: Status
    result: FitResult | None
    message: str
    peak_mb: float
    machine: str = ""


def inner_folds_of(table: LabelledTable, fold: Fold, seed: int) -> dict[str, Fold]:
    """Split a training part again, to tune a rule on rows that were not learned.

    Args:
        table: the whole table.
        fold: its outer split.
        seed: of the draw.

    Returns:
        Row numbers of the whole table: three folds and, for slow methods, one split of
        three quarters and a quarter, split as the table is; empty when the training
        part is too small. A part with one class to learn from is left out.
    """
    try:
        three = folds_of(table, fold.train, n_folds=_INNER_FOLDS, seed=seed)
        holdout = holdout_of(table, fold.train, n_parts=_HOLDOUT_FOLDS, seed=seed)
    except InputError:
        return {}
    named = {f"inner-{number}": split for number, split in enumerate(three)}
    named[HOLDOUT] = holdout
    return {
        name: split
        for name, split in named.items()
        if len(np.unique(table.codes[split.train])) > 1
    }


@dataclass
class Cell:
    """The state of one method on one fold while its fits come in.

    Attributes:
        key: which method, table, fold and seed.
        table: the whole table.
        fold: its rows.
        inner_folds: splits of the training rows, see `inner_folds_of`.
        method: facts about the method.
        n_threads: threads of each fit.
        time_limit_s: processor seconds of each thread for each fit.
        device: where it is fitted, as torch names it.
        finished: fits that are over, by part.
    """

    key: CellKey
    table: LabelledTable
    fold: Fold
    inner_folds: Mapping[str, Fold]
    method: MethodFacts
    n_threads: int
    time_limit_s: float
    device: str = "cpu"
    finished: dict[str, FinishedFit] = field(default_factory=dict)
    started_at: str = field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds")
    )

    @cached_property
    def outer(self) -> LabelledSplit:
        """What the whole training part and the test part hold, under the stress."""
        return self._split(self.fold)

    def _split(self, rows: Fold) -> LabelledSplit:
        # The draws of a stress are the same for every method.
        return self.table.split(rows, seed=(self.key.seed, self.key.fold))

    def job(self, part: str) -> FitJob:
        """Return what the fit of a part needs."""
        split = self.outer if part == OUTER else self._split(self.inner_folds[part])
        return FitJob(
            method=self.key.method,
            X_train=split.X_train,
            codes_train=split.codes_train,
            X_test=split.X_test,
            n_classes=len(self.table.classes),
            random_state=self.key.seed,
            n_threads=self.n_threads,
            time_limit_s=self.time_limit_s,
            device=self.device,
        )

    def inner_parts(self) -> tuple[str, ...]:
        """Return the inner fits that tune the rule, once the outer fit is over.

        Returns:
            Names of parts: three folds, or one split when the outer fit was slow; none
            when the outer fit failed or the training part is too small to split.
        """
        outer = self.finished[OUTER].result
        if outer is None:
            return ()
        # On a busy machine the wall clock alone would call a quick method slow.
        slow = min(outer.fit_s, outer.fit_cpu_s) > SLOW_FIT_S
        return tuple(part for part in self.inner_folds if (part == HOLDOUT) == slow)

    def as_is_row(self) -> dict[str, object]:
        """Return the row of the method's own decision."""
        outer = self.finished[OUTER]
        decided = None if outer.result is None else outer.result.predicted
        return self._row("as_is", decided, inner="", message=outer.message)

    def tuned_row(self) -> dict[str, object]:
        """Return the row of the rule that is tuned on the inner predictions."""
        outer = self.finished[OUTER]
        parts = [part for part in self.finished if part != OUTER]
        if outer.result is None:
            return self._row("tuned", None, inner="", message=outer.message)
        truth, proba, notes = [], [], [outer.message]
        for part in sorted(parts):
            inner = self.finished[part]
            if inner.message:
                notes.append(f"inner fit {part}: {inner.message}")
            if inner.result is None:
                continue
            truth.append(self.table.codes[self.inner_folds[part].test])
            proba.append(inner.result.proba)
        if not truth:
            why = "; ".join(filter(None, notes)) or "too few rows for inner splits"
            message = f"not tuned ({why})"
            return self._row("tuned", outer.result.predicted, inner="", message=message)
        rule = tune_offsets(np.concatenate(truth), np.concatenate(proba))
        decided = rule.decide(outer.result.proba)
        inner_name = HOLDOUT if parts == [HOLDOUT] else f"{len(parts)}-fold"
        message = "; ".join(filter(None, [*notes, rule.note]))
        return self._row("tuned", decided, inner=inner_name, message=message)

    def _row(
        self,
        rule: str,
        decided: npt.NDArray[np.int64] | None,
        *,
        inner: str,
        message: str,
    ) -> dict[str, object]:
        outer = self.finished[OUTER]
        n_test = len(self.outer.codes_test)
        scores = dict.fromkeys(SCORES, float("nan"))
        fit_s = fit_cpu_s = predict_s = float("nan")
        if outer.result is not None and decided is not None:
            found = score_predictions(
                self.outer.codes_test,
                decided,
                outer.result.proba,
                labels=self.table.classes.tolist(),
            )
            scores = {name: getattr(found, name) for name in SCORES}
            fit_s, fit_cpu_s = outer.result.fit_s, outer.result.fit_cpu_s
            predict_s = outer.result.predict_s / n_test * 1000
        return {
            **self.key._asdict(),
            "rule": rule,
            "status": outer.status,
            **scores,
            "fit_s": fit_s,
            "fit_cpu_s": fit_cpu_s,
            "predict_s_per_1k": predict_s,
            "peak_mb": outer.peak_mb,
            "n_train": len(self.outer.codes_train),
            "n_test": n_test,
            "inner": inner,
            "message": message,
            "versions": json.dumps(self.method.versions),
            "machine": outer.machine,
            "device": self.device if outer.result is None else outer.result.device,
            "threads": self.n_threads,
            "started_at": self.started_at,
        }
