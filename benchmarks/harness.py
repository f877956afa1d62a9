"""What the benchmark harness adds to the fits themselves.

Every fit of the quick suite is made twice: called directly, one after the other in this
process, and by `run_benchmark` with one worker. Both are asked for the same work (outer
fit, inner fits, tuning, scores), one table at a time and alternating, so that a change
of the machine's speed hits both.

    python benchmarks/harness.py [--tables glass,yeast]

Rows go to `benchmarks/results/harness.csv`, the table to decision 0006.
"""

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd
from pages import replace_table
from threadpoolctl import threadpool_limits

from qclmixnet.benchmark import (
    QUICK_METHODS,
    QUICK_TABLES,
    RunDescription,
    list_methods,
    load_table,
    run_benchmark,
)
from qclmixnet.benchmark.cell import inner_folds_of
from qclmixnet.benchmark.fitting import FitJob, fit_and_predict
from qclmixnet.evaluation.protocol import Fold, stratified_folds

ROWS = Path(__file__).parent / "results" / "harness.csv"
PAGE = Path(__file__).parents[1] / "docs" / "decisions" / "0006-processes.md"
FOLDS = 3
DEARER = "car"
"""Run with all methods but the two dearest, most of them dearer than the quick ones."""
CHEAP = tuple(
    name
    for name in list_methods()
    if name not in ("qclmixnet", "ft_transformer", "tabm")
)


def direct(name: str, method: str) -> float:
    """Return the seconds of all fits and predictions of one cell row, no harness."""
    table = load_table(name)
    folds = stratified_folds(table.codes, table.groups, n_folds=FOLDS, seed=0)
    seconds = 0.0
    for fold in folds:
        inner = inner_folds_of(table, fold, 0)
        parts: list[Fold] = [fold, *(inner[f"inner-{number}"] for number in range(3))]
        for part in parts:
            job = FitJob(
                method=method,
                X_train=table.frame.iloc[part.train],
                codes_train=table.codes[part.train],
                X_test=table.frame.iloc[part.test],
                n_classes=len(table.classes),
                random_state=0,
                n_threads=1,
                time_limit_s=1200.0,
            )
            started = time.perf_counter()
            fit_and_predict(job)
            seconds += time.perf_counter() - started
    return seconds


def by_harness(tables: tuple[str, ...], methods: tuple[str, ...]) -> float:
    """Return the wall-clock seconds of the whole run with one worker."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run_benchmark(RunDescription(tables, methods, n_folds=FOLDS), Path(folder))
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=",".join((*QUICK_TABLES, DEARER)))
    options = parser.parse_args()
    threadpool_limits(1)
    rows = []
    for table in options.tables.split(","):
        methods = CHEAP if table == DEARER else QUICK_METHODS
        if not rows or table == DEARER:
            for method in methods:  # the imports, which the harness makes once, too
                direct(QUICK_TABLES[0], method)
        fits = sum(direct(table, method) for method in methods)
        whole = by_harness((table,), methods)
        rows.append(
            {"table": table, "methods": len(methods), "fits_s": fits, "run_s": whole}
        )
        print(f"{table}: fits {fits:.1f} s, run {whole:.1f} s", flush=True)
    pd.DataFrame(rows).round(2).to_csv(ROWS, index=False)
    replace_table(PAGE, render(pd.read_csv(ROWS)))


def render(rows: pd.DataFrame) -> str:
    """Return the table of the page: seconds, and what the harness adds to them."""
    lines = [
        "| table | methods | fits alone, s | whole run, s | added | per fit, s |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows.itertuples():
        added = f"{row.run_s / row.fits_s - 1:.1%}".replace("%", " %")
        per_fit = (row.run_s - row.fits_s) / (row.methods * FOLDS * 4)
        lines.append(
            f"| {row.table} | {row.methods} | {row.fits_s:.1f} | {row.run_s:.1f} "
            f"| {added} | {per_fit:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
