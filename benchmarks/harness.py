"""What the benchmark harness adds to the fits themselves.

Every fit of the quick suite is made twice: called directly, one after the other in this
process, and by `run_benchmark` with one worker. Both are asked for the same work (outer
fit, inner fits, tuning, scores), one table at a time and alternating, so that a change
of the machine's speed hits both.

    python benchmarks/harness.py [--tables glass,yeast] [--methods knn,random_forest]
"""

import argparse
import csv
import tempfile
import time
from pathlib import Path

from threadpoolctl import threadpool_limits

from qclmixnet.benchmark import (
    QUICK_METHODS,
    QUICK_TABLES,
    RunDescription,
    load_table,
    run_benchmark,
)
from qclmixnet.benchmark.cell import inner_folds_of
from qclmixnet.benchmark.fitting import FitJob, fit_and_predict
from qclmixnet.evaluation.protocol import Fold, stratified_folds

OUT = Path(__file__).parent / "results" / "harness.csv"
FOLDS = 3


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
        run_benchmark(
            RunDescription(tables, methods, n_folds=FOLDS), Path(folder), n_workers=1
        )
        return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=",".join(QUICK_TABLES))
    parser.add_argument("--methods", default=",".join(QUICK_METHODS))
    options = parser.parse_args()
    tables = tuple(options.tables.split(","))
    methods = tuple(options.methods.split(","))
    threadpool_limits(1)
    for method in methods:
        direct(tables[0], method)  # the imports, which the harness makes once, too
    rows = []
    for table in tables:
        fits = sum(direct(table, method) for method in methods)
        whole = by_harness((table,), methods)
        rows.append({"table": table, "fits_s": fits, "run_s": whole})
        print(f"{table}: fits {fits:.1f} s, run {whole:.1f} s", flush=True)
    fits, whole = (sum(row[name] for row in rows) for name in ("fits_s", "run_s"))
    print(f"all: fits {fits:.1f} s, run {whole:.1f} s, added {whole / fits - 1:.1%}")
    with OUT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["table", "fits_s", "run_s"])
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {k: v if k == "table" else round(v, 2) for k, v in row.items()}
            )


if __name__ == "__main__":
    main()
