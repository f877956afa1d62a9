"""Time of fits and predictions, ours and four peers in turns on the same machine.

    python benchmarks/side_by_side.py [--tables glass,yeast] [--peers lightgbm]
                                      [--rounds 3]

On the first fold of each suite table, cut as in `benchmarks/results/full`, on one
thread. A round fits ours and those peers that lack the round, and lets each predict the
test rows in turns. A row per table, round and method goes to
`results/side_by_side.csv`. `benchmarks/targets.py` takes the ratios within each round,
known by when it began, so that a slow hour of the machine hits both sides.
"""

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from frontier import RUN, SEED, folds_of
from rows import append_row, stored_rows
from threads import one_thread

from qclmixnet.benchmark import load_run, load_table, make_method, suite_tables
from qclmixnet.core.clock import processor_clock
from qclmixnet.execution.machine import machine_name

ROWS = Path(__file__).parent / "results" / "side_by_side.csv"
OURS = "qclmixnet"
PEERS = ("catboost", "lightgbm", "realmlp", "tabm")
COLUMNS = (
    "table",
    "began",
    "method",
    "fit_cpu_s",
    "predict_ms_per_1k",
    "n_train",
    "n_test",
    "machine",
)
N_CALLS = 5


def measure(name: str, methods: tuple[str, ...]) -> None:
    """Fit and predict once by each method, and write a row for each."""
    began = time.strftime("%Y-%m-%d %H:%M:%S")
    run, table = load_run(RUN), load_table(name)
    fold = next(folds_of(table, run))
    X, codes = table.frame.iloc[fold.train], table.codes[fold.train]
    X_test = table.frame.iloc[fold.test]
    fitted: dict[str, Any] = {}
    spent: dict[str, float] = {}
    for method in methods:
        unfitted = make_method(
            method,
            random_state=SEED,
            n_threads=1,
            time_limit_s=run.description.time_limit_s,
        )
        started = time.process_time()
        with processor_clock(1):
            fitted[method] = unfitted.fit(X, codes)
        spent[method] = time.process_time() - started
    calls: dict[str, list[float]] = {method: [] for method in methods}
    for _ in range(1 + N_CALLS):
        for method, clf in fitted.items():
            started = time.process_time()
            clf.predict_proba(X_test)
            calls[method].append(time.process_time() - started)
    for method in methods:
        seconds = float(np.median(calls[method][1:]))  # without the first, cold one
        row = {
            "table": name,
            "began": began,
            "method": method,
            "fit_cpu_s": round(spent[method], 4),
            "predict_ms_per_1k": round(1e6 * seconds / len(X_test), 4),
            "n_train": len(X),
            "n_test": len(X_test),
            "machine": machine_name(),
        }
        append_row(ROWS, row, COLUMNS)


def main() -> None:
    """Measure the rounds that are not stored yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", default=",".join(suite_tables()))
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    for number in range(given.rounds):
        for name in given.tables.split(","):
            rows = [row["method"] for row in stored_rows(ROWS) if row["table"] == name]
            late = [
                peer for peer in given.peers.split(",") if rows.count(peer) <= number
            ]
            if late:
                measure(name, (OURS, *late))


if __name__ == "__main__":
    main()
