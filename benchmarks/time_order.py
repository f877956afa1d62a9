"""A random split against a split by time, with and without features of the past.

    python benchmarks/time_order.py [--draw]

Each table has three test blocks in time, each learned from the rows right before it.
The random split deals out the very same rows again, by class, with about as many of
them tested: what differs is only which rows are learned from.

Rows go to `benchmarks/results/time_order.csv`, one per fit, so that a stopped run goes
on where it was. The tables of `docs/explanation/time_order.md` are drawn from them.
"""

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from pages import replace_table
from rows import append_row
from threadpoolctl import threadpool_limits
from time_order_page import METHODS, render
from time_tables import TABLES, load

from qclmixnet.benchmark.fitting import FitJob, fit_and_predict
from qclmixnet.evaluation import time_ordered_folds
from qclmixnet.evaluation.protocol import Fold, duplicate_groups, stratified_folds
from qclmixnet.metrics import score_predictions
from qclmixnet.table import Labels, read_labels

ROWS = Path(__file__).parent / "results" / "time_order.csv"
PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "time_order.md"
N_BLOCKS = 3
SCORES = ("macro_f1", "macro_recall", "macro_auprc", "log_loss", "rare_recall")
KEY = ("table", "block", "split", "lags", "method")
COLUMNS = (*KEY, *SCORES, "n_train", "n_test", "n_new_classes", "fit_cpu_s", "cpu_s")


def blocks(name: str, X: pd.DataFrame) -> tuple[Fold, ...]:
    """Return the test blocks and the rows right before them, both cut."""
    table = TABLES[name]
    folds = time_ordered_folds(X[table.time], n_folds=N_BLOCKS, gap=table.delay)
    # The rows are in the order of time: the last ones to learn from, the first to test.
    return tuple(
        Fold(fold.train[-table.most_train :], fold.test[: table.most_train // 2])
        for fold in folds
    )


def dealt_out(fold: Fold, X: pd.DataFrame, codes: np.ndarray, seed: int) -> Fold:
    """Split the rows of a fold at random, by class, equal rows together."""
    rows = np.concatenate([fold.train, fold.test])
    n_folds = round(len(rows) / len(fold.test))
    groups = duplicate_groups(X.iloc[rows])
    dealt = stratified_folds(codes[rows], groups, n_folds=n_folds, seed=seed)[0]
    return Fold(rows[dealt.train], rows[dealt.test])


Todo = tuple[dict[str, object], pd.DataFrame, Labels, Fold]


def fits(name: str) -> Iterator[Todo]:
    """Yield what to fit on a table: key of the row, features, labels and split."""
    plain, y = load(name, lags=False)
    labels = read_labels(y, n_rows=len(y))
    versions = {"no": plain, "yes": load(name, lags=True)[0]}
    for number, fold in enumerate(blocks(name, plain)):
        # Dealt out by the plain columns: the same split with and without the lags.
        splits = {
            "time": fold,
            "random": dealt_out(fold, plain, labels.codes, seed=number),
        }
        for split, rows in splits.items():
            for lags, X in versions.items():
                for method in METHODS:
                    names = (name, number, split, lags, method)
                    yield dict(zip(KEY, names, strict=True)), X, labels, rows


def fit(
    key: dict[str, object], X: pd.DataFrame, labels: Labels, rows: Fold
) -> dict[str, object]:
    """Fit and score one method."""
    started = time.process_time()
    codes = labels.codes
    job = FitJob(
        method=str(key["method"]),
        X_train=X.iloc[rows.train],
        codes_train=codes[rows.train],
        X_test=X.iloc[rows.test],
        n_classes=len(labels.classes),
        random_state=0,
        n_threads=1,
        time_limit_s=1200.0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of levels and rare classes
        found = fit_and_predict(job)
    scores = score_predictions(
        codes[rows.test],
        found.predicted,
        found.proba,
        labels=labels.classes.tolist(),
    )
    new = set(codes[rows.test]) - set(codes[rows.train])
    return {
        **key,
        **{score: round(getattr(scores, score), 5) for score in SCORES},
        "n_train": len(rows.train),
        "n_test": len(rows.test),
        "n_new_classes": len(new),
        "fit_cpu_s": round(found.fit_cpu_s, 1),
        "cpu_s": round(time.process_time() - started, 1),
    }


def run() -> None:
    """Fit what the file does not hold yet."""
    done: set[tuple] = set()
    if ROWS.exists():
        keys = pd.read_csv(ROWS, keep_default_na=False)[list(KEY)]
        done = set(keys.itertuples(index=False, name=None))
    for name in TABLES:
        for key, X, labels, rows in fits(name):
            if tuple(key.values()) in done:
                continue
            row = fit(key, X, labels, rows)
            append_row(ROWS, row, COLUMNS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draw", action="store_true", help="only draw the page")
    if not parser.parse_args().draw:
        threadpool_limits(1)
        run()
    replace_table(PAGE, render(pd.read_csv(ROWS, keep_default_na=False)))


if __name__ == "__main__":
    main()
