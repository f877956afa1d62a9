"""`qclmixnet tune`."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from rich.table import Table

from qclmixnet.benchmark import LabelledTable, labelled_table, method_facts
from qclmixnet.cli.benchmark import names_in
from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.saving import check_place, how_to_load, save_classifier
from qclmixnet.cli.table_size import check_table_size
from qclmixnet.cli.tables import read_features_and_target
from qclmixnet.cli.tune_progress import show_tune_progress
from qclmixnet.core.errors import InputError
from qclmixnet.execution import Workers
from qclmixnet.report import (
    SearchTold,
    TuningVerdict,
    require_drawing,
    tuned_against_tuned,
    write_tuning_report,
)
from qclmixnet.tuning import (
    NestedPlan,
    NestedProgress,
    QCLMixNetSearchCV,
    TrialProgress,
    importances,
    load_studies,
    make_search,
    run_nested,
    study_name_of,
)
from qclmixnet.tuning.trial_book import require_optuna

__all__ = ["run_tune"]

_MOST_IMPORTANT = 3


def run_tune(
    file: Path,
    *,
    target: str,
    methods: Sequence[str],
    drop: Sequence[str],
    n_trials: int,
    time_limit_s: float | None,
    n_folds: int,
    n_inner_folds: int,
    scoring: str,
    min_gain: float,
    workers: Workers,
    seed: int,
    out: Path,
    save: Path | None,
    as_json: bool,
) -> None:
    """Search, score the search on rows it never saw, write the report."""
    # What is missing is said before the work, not after it.
    require_optuna()
    require_drawing()
    if save is not None:
        check_place(save)
    plan = NestedPlan(
        methods=names_in(methods) or ("qclmixnet",),
        n_folds=n_folds,
        n_inner_folds=n_inner_folds,
        n_trials=n_trials,
        time_limit_s=time_limit_s,
        scoring=scoring,
        min_gain=min_gain,
        seeds=(seed,),
        n_jobs=workers.n_workers or -1,
        cluster=workers.cluster,
    )
    X, y = read_features_and_target(file, target=target, drop=drop)
    try:
        table = labelled_table(file.stem, X, y)
    except InputError as error:
        raise InputError(f"The target column {target!r} of {file}: {error}") from error
    check_table_size(table, n_folds)
    storage = out / "trials.sqlite"
    # One cluster for all searches; each finds it there.
    with _joined(workers), show_tune_progress(plan) as on_progress:
        rows = run_nested(
            table, plan, rows=out / "rows.csv", storage=storage, on_progress=on_progress
        )
        searches = {
            name: _search_all(table, plan, name, seed, storage, on_progress)
            for name in plan.methods
        }
    told = [
        _told(table, plan, name, seed, storage, search)
        for name, search in searches.items()
    ]
    files, verdicts = write_tuning_report(
        rows, told, out, title=f"Tuning on {file.name}"
    )
    best = max(verdicts, key=lambda verdict: verdict.tuned).method
    if save is not None:
        save_classifier(searches[best].unfitted_.fit(X, y), save)
    if as_json:
        show_json(
            {
                "methods": {
                    verdict.method: _as_dict(verdict, item)
                    for verdict, item in zip(verdicts, told, strict=True)
                },
                "best": best,
                "report": str(files.page),
                "picture": str(files.picture),
                "saved": None if save is None else str(save),
            }
        )
        return
    show(_score_table(verdicts, scoring), *(verdict.text for verdict in verdicts))
    if len(verdicts) > 1:
        show(tuned_against_tuned(rows, [verdict.method for verdict in verdicts]))
    for item in told:
        show(_choice_in_words(item))
    show(f"Report in {files.page}, picture in {files.picture}")
    if save is not None:
        title = method_facts(best).title
        use = how_to_load(best, save)
        show(f"{title}, tuned and fitted on the whole file, is saved in {use}")


def _joined(workers: Workers) -> AbstractContextManager[None]:
    if workers.cluster is None:
        return nullcontext()
    return workers.cluster.connected(n_cpus=workers.n_workers)


def _search_all(
    table: LabelledTable,
    plan: NestedPlan,
    method: str,
    seed: int,
    storage: Path,
    on_progress: Callable[[NestedProgress], None],
) -> QCLMixNetSearchCV:
    """Search on all rows: the values to use from now on."""

    def tell(progress: TrialProgress) -> None:
        on_progress(NestedProgress(method, plan.n_folds, plan.n_folds, progress))

    search = make_search(
        plan,
        method,
        seed=seed,
        storage=storage,
        study_name=study_name_of(table.name, method, fold=None, seed=seed),
        on_progress=tell,
    )
    return search.fit(table.frame, table.codes)


def _told(
    table: LabelledTable,
    plan: NestedPlan,
    method: str,
    seed: int,
    storage: Path,
    search: QCLMixNetSearchCV,
) -> SearchTold:
    names = [
        study_name_of(table.name, method, fold=fold, seed=seed)
        for fold in (*range(plan.n_folds), None)
    ]
    found = importances(*load_studies(storage, names))
    return SearchTold(
        method=method,
        title=method_facts(method).title,
        results=search.cv_results_,
        best_params=search.best_params_,
        best_score=search.best_score_,
        default_score=search.default_score_,
        importances=found.shares,
        n_pooled=found.n_trials,
        min_gain=plan.min_gain,
    )


def _score_table(verdicts: Sequence[TuningVerdict], scoring: str) -> Table:
    table = Table(
        title=f"{_SCORE_NAMES[scoring]} on rows that no search has seen",
        title_justify="left",
        title_style="bold",
    )
    table.add_column("method")
    for name in ("default", "tuned", "difference", "seen by the search"):
        table.add_column(name, justify="right")
    for verdict in verdicts:
        numbers = (verdict.default, verdict.tuned, verdict.seen)
        default, tuned, seen = (_number(value) for value in numbers)
        table.add_row(verdict.title, default, tuned, f"{verdict.test.mean:+.3f}", seen)
    return table


_SCORE_NAMES = {
    "balanced": "Mean of macro-F1 and macro recall",
    "macro_f1": "Macro-F1",
    "macro_recall": "Macro recall",
}


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"


def _choice_in_words(told: SearchTold) -> str:
    if not told.best_params:
        line = (
            f"{told.title}: on the whole file no trial was better than the default"
            f"{told.by_enough}."
        )
    else:
        values = ", ".join(
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in told.best_params.items()
        )
        line = f"{told.title}, chosen on the whole file: {values}."
    if told.importances:
        first = list(told.importances.items())[:_MOST_IMPORTANT]
        listed = ", ".join(f"{name} ({share:.0%})" for name, share in first)
        line += f" What mattered most: {listed}."
    return line


def _as_dict(verdict: TuningVerdict, told: SearchTold) -> dict[str, object]:
    test = {
        k: None if pd.isna(v) else float(v) for k, v in asdict(verdict.test).items()
    }
    return {
        "default": verdict.default,
        "tuned": verdict.tuned,
        "difference": test["mean"],
        "interval": [test["low"], test["high"]],
        "p_value": test["p_value"],
        "pays": verdict.pays,
        "seen": None if np.isnan(verdict.seen) else verdict.seen,
        "text": verdict.text,
        "best_params": told.best_params,
        "importances": told.importances,
    }
