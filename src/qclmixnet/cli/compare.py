"""`qclmixnet compare`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from qclmixnet.baselines import baseline_card
from qclmixnet.benchmark import (
    OURS,
    RunDescription,
    labelled_table,
    make_method,
    read_split_by,
)
from qclmixnet.cli.benchmark import (
    names_in,
    our_method,
    run_with_progress,
    show_summary,
)
from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.noticing import notice, noticed_lines
from qclmixnet.cli.saving import check_place, how_to_load, save_classifier
from qclmixnet.cli.table_size import check_table_size
from qclmixnet.cli.tables import read_own_table
from qclmixnet.core.errors import InputError
from qclmixnet.execution import Workers
from qclmixnet.execution.machine import n_usable_cores
from qclmixnet.report import recommend, summary_table, write_report
from qclmixnet.report.fit_figure import require_drawing
from qclmixnet.report.page import require_page

__all__ = ["run_compare"]

_DEFAULT_PEERS = (
    "logistic_regression",
    "random_forest",
    "balanced_random_forest",
    "lightgbm",
    "catboost",
)


def run_compare(
    file: Path,
    *,
    target: str,
    methods: Sequence[str],
    drop: Sequence[str],
    time_column: str | None,
    gap: str,
    group_column: str | None,
    n_folds: int,
    n_seeds: int,
    time_limit_s: float,
    max_train_rows: int,
    workers: Workers,
    device: str,
    out: Path,
    save_winner: Path | None,
    as_json: bool,
) -> None:
    """Cross-validate on the user's table, write the report, say who wins."""
    if save_winner is not None:
        check_place(save_winner)
    # What the report lacks is said before the fits, not after them.
    require_drawing()
    require_page()
    if time_column is not None and n_seeds > 1:
        raise InputError(
            "`--seeds` repeats with other folds, and folds in time are always the "
            "same; leave it out, or leave out `--time-column`."
        )
    own = read_own_table(
        file,
        target=target,
        drop=drop,
        time_column=time_column,
        group_column=group_column,
    )
    split_by = read_split_by(own.time, own.groups, gap=gap)
    try:
        table = labelled_table(file.stem, own.X, own.y, split_by=split_by)
    except InputError as error:
        raise InputError(f"The target column {target!r} of {file}: {error}") from error
    check_table_size(table, n_folds)
    description = RunDescription(
        tables=(table.name,),
        methods=_with_ours(names_in(methods)),
        n_folds=n_folds,
        n_seeds=n_seeds,
        time_limit_s=time_limit_s,
        max_train_rows=max_train_rows,
        source=str(file),
        target=target,
        drop=tuple(drop),
        checksum=table.checksum,
        time_column=time_column or "",
        gap=gap,
        group_column=group_column or "",
    )
    run = run_with_progress(
        description, out, workers=workers, table=table, device=device
    )
    ours = our_method(run)
    advice = recommend(run, ours=ours)
    noticed = notice(table, out, time_limit_s=time_limit_s)
    files = write_report(
        run,
        out / "report",
        ours=ours,
        recommendation=advice.text,
        noticed=noticed,
    )
    if save_winner is not None:
        _save(advice.winner, own.X, own.y, save_winner)
    if as_json:
        show_json(
            {
                "winner": advice.winner,
                "distinguishable": advice.distinguishable,
                "recommendation": advice.text,
                "page": str(files.page),
                "saved": None if save_winner is None else str(save_winner),
                "methods": _scores(summary_table(run)),
                "diagnostics": list(noticed.found),
            }
        )
        return
    show_summary(run)
    show(advice.text, *noticed_lines(noticed.found), f"Report in {files.page}")
    if save_winner is not None:
        use = how_to_load(advice.winner, save_winner)
        show(f"The winner, fitted on the whole file, is saved in {use}")


def _with_ours(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the methods to compare, ours always among them."""
    if not names:
        installed = [n for n in _DEFAULT_PEERS if not baseline_card(n).missing]
        return ("qclmixnet", *installed)
    return names if set(names) & set(OURS) else ("qclmixnet", *names)


def _save(winner: str, X: pd.DataFrame, y: "pd.Series", out: Path) -> None:
    clf = make_method(
        winner, random_state=0, n_threads=n_usable_cores(), time_limit_s=None
    )
    clf.fit(X, y)
    save_classifier(clf, out)


def _scores(summary: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    columns = ["macro_f1_as_is", "macro_f1_tuned", "macro_recall_as_is", "fit_cpu_s"]
    return {
        str(name): {
            column: None if np.isnan(row[column]) else float(row[column])
            for column in columns
        }
        for name, row in summary.iterrows()
    }
