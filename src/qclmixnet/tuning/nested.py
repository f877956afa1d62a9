"""Default against tuned on rows that the search has never seen.

The score of the best of many trials flatters. Here whole searches run inside the
training part of each outer fold, and both the default and what the search chose are
fitted on that part and scored on the outer test rows. One row of a CSV file for each
is written as soon as it is known, and the trials of each search are in SQLite, so that
a run which was killed goes on.
"""

import json
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qclmixnet.benchmark import LabelledTable
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation import Fold, stratified_folds
from qclmixnet.metrics.by_class import confusion_matrix, macro_f1, macro_recall
from qclmixnet.tuning.plan import (
    NestedPlan,
    NestedProgress,
    make_search,
    make_untuned,
    study_name_of,
)
from qclmixnet.tuning.row_file import RowFile
from qclmixnet.tuning.scoring import SCORINGS, mean_of_both
from qclmixnet.tuning.trial_book import require_optuna
from qclmixnet.tuning.trial_loop import TrialProgress

__all__ = ["VARIANTS", "run_nested"]

VARIANTS = ("default", "tuned")
"""The method as it is, and with the values that a search chose."""

_COLUMNS = {
    "table": "str",
    "method": "str",
    "fold": "int64",
    "seed": "int64",
    "variant": "str",
    "status": "str",
    **dict.fromkeys(("macro_f1", "macro_recall", "balanced"), "float64"),
    "inner_default": "float64",
    "inner_best": "float64",
    "trials": "int64",
    "pruned": "int64",
    "failed": "int64",
    "search_s": "float64",
    "search_cpu_s": "float64",
    "fit_s": "float64",
    "fit_cpu_s": "float64",
    "n_train": "int64",
    "n_test": "int64",
    "params": "str",
    "message": "str",
    "n_folds": "int64",
    "n_inner_folds": "int64",
    "n_trials": "int64",
    "time_limit_s": "float64",
    "scoring": "str",
    "min_gain": "float64",
    "checksum": "str",
}


def run_nested(
    table: LabelledTable,
    plan: NestedPlan,
    *,
    rows: Path,
    storage: Path,
    on_progress: Callable[[NestedProgress], None] | None = None,
) -> pd.DataFrame:
    """Score each method as it is and tuned on the outer folds of a table.

    Args:
        table: features and labels.
        plan: what is compared, at what cost.
        rows: CSV file of the rows; those of an earlier call are not computed again.
        storage: SQLite file of the trials.
        on_progress: called whenever a trial is over.

    Returns:
        The rows of this table: ``table method fold seed variant`` name one; then
        ``status`` (``ok`` or ``failed``), the three scores on the outer test rows,
        ``inner_default`` and ``inner_best`` (what the search saw of the default and of
        its choice), ``trials``,
        ``pruned``, ``failed``, ``search_s`` and ``fit_s`` (seconds by the clock),
        ``search_cpu_s`` and ``fit_cpu_s`` (of processors), ``params`` (JSON, the
        values that were set), and the plan.

    Raises:
        InputError: the table cannot be split, or the file holds rows of this table
            that were made with another plan or another content.
        MissingExtraError: Optuna is not installed.
    """
    require_optuna()
    file = RowFile(rows, _COLUMNS)
    plan_of_row = _plan_of_row(table, plan)
    _check_same_plan(file, table.name, plan_of_row)
    for seed in plan.seeds:
        folds = stratified_folds(
            table.codes, table.groups, n_folds=plan.n_folds, seed=seed
        )
        for number, fold in enumerate(folds):
            for method in plan.methods:
                cell = _Cell(table, plan, method, number, seed, fold)
                for row in cell.missing_rows(file, storage, on_progress):
                    file.append({**row, **plan_of_row})
    out = file.read()
    return out[(out["table"] == table.name) & out["method"].isin(plan.methods)]


@dataclass(frozen=True)
class _Cell:
    """One method on one outer fold."""

    table: LabelledTable
    plan: NestedPlan
    method: str
    number: int
    seed: int
    fold: Fold

    def missing_rows(
        self,
        file: RowFile,
        storage: Path,
        on_progress: Callable[[NestedProgress], None] | None,
    ) -> "Any":  # noqa: ANN401
        """Yield the rows of this cell that the file lacks."""
        stored = file.find(
            table=self.table.name,
            method=self.method,
            fold=self.number,
            seed=self.seed,
        )
        if "default" not in stored:
            stored["default"] = self._default_row()
            yield stored["default"]
        if "tuned" not in stored:
            yield self._tuned_row(stored["default"], storage, on_progress)

    def _default_row(self) -> dict[str, object]:
        return self._row("default", **self._outer(make_untuned(self.method, self.seed)))

    def _tuned_row(
        self,
        default: dict[str, Any],
        storage: Path,
        on_progress: Callable[[NestedProgress], None] | None,
    ) -> dict[str, object]:
        def tell(search: TrialProgress) -> None:
            if on_progress is not None:
                n_folds = self.plan.n_folds
                on_progress(NestedProgress(self.method, self.number, n_folds, search))

        search = make_search(
            self.plan,
            self.method,
            seed=self.seed,
            storage=storage,
            study_name=study_name_of(
                self.table.name, self.method, fold=self.number, seed=self.seed
            ),
            on_progress=tell,
        )
        train = self.fold.train
        try:
            search.fit(self.table.frame.iloc[train], self.table.codes[train])
        except InputError as error:
            return self._row("tuned", status="failed", message=str(error))
        results = search.cv_results_
        told = {
            "inner_default": search.default_score_,
            "inner_best": search.best_score_,
            "trials": len(results["state"]),
            "pruned": results["state"].count("pruned"),
            "failed": results["state"].count("fail"),
            "search_s": float(np.nansum(results["seconds"])),
            "search_cpu_s": float(np.nansum(results["cpu_seconds"])),
            "params": json.dumps(search.best_params_),
        }
        if search.best_index_ == 0:
            # The default won: the same fit with the same seed is not done twice.
            names = ("status", *SCORINGS, "fit_s", "fit_cpu_s", "message")
            return self._row("tuned", **told, **{name: default[name] for name in names})
        return self._row("tuned", **told, **self._outer(search.unfitted_))

    def _outer(self, clf: Any) -> dict[str, object]:  # noqa: ANN401
        """Fit on the outer training part and score on the outer test part."""
        table, fold = self.table, self.fold
        started, cpu_started = time.perf_counter(), time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                clf.fit(table.frame.iloc[fold.train], table.codes[fold.train])
                seconds = time.perf_counter() - started
                cpu_seconds = time.process_time() - cpu_started
                predicted = np.asarray(clf.predict(table.frame.iloc[fold.test]))
        except Exception as error:  # noqa: BLE001  (any failure of any library is a row)
            return {"status": "failed", "message": f"{type(error).__name__}: {error}"}
        matrix = confusion_matrix(
            table.codes[fold.test], predicted.astype(np.int64), len(table.classes)
        )
        return {
            "status": "ok",
            "macro_f1": macro_f1(matrix),
            "macro_recall": macro_recall(matrix),
            "balanced": mean_of_both(matrix),
            "fit_s": seconds,
            "fit_cpu_s": cpu_seconds,
        }

    def _row(self, variant: str, **found: object) -> dict[str, object]:
        row: dict[str, object] = {
            "table": self.table.name,
            "method": self.method,
            "fold": self.number,
            "seed": self.seed,
            "variant": variant,
            **dict.fromkeys(SCORINGS, float("nan")),
            "inner_default": float("nan"),
            "inner_best": float("nan"),
            **dict.fromkeys(("trials", "pruned", "failed"), 0),
            **dict.fromkeys(("search_s", "search_cpu_s"), 0.0),
            **dict.fromkeys(("fit_s", "fit_cpu_s"), float("nan")),
            "n_train": len(self.fold.train),
            "n_test": len(self.fold.test),
            "params": "{}",
            "message": "",
        }
        return {**row, **found}


def _plan_of_row(table: LabelledTable, plan: NestedPlan) -> dict[str, object]:
    return {
        "n_folds": plan.n_folds,
        "n_inner_folds": plan.n_inner_folds,
        "n_trials": plan.n_trials,
        "time_limit_s": float("nan")
        if plan.time_limit_s is None
        else plan.time_limit_s,
        "scoring": plan.scoring,
        "min_gain": float(plan.min_gain),
        "checksum": table.checksum[:16],
    }


def _check_same_plan(file: RowFile, table: str, plan: dict[str, object]) -> None:
    stored = file.read()
    stored = stored[stored["table"] == table]
    if stored.empty:
        return
    before = stored.iloc[0]
    other = [
        f"{name} ({before[name]} there, {value} now)"
        for name, value in plan.items()
        if before[name] != value
        and not (before[name] != before[name] and value != value)
    ]
    if other:
        raise InputError(
            f"{file.path} holds rows of {table!r} with another {', '.join(other)}. "
            "Name another place for this run."
        )
