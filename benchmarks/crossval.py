"""Five stratified folds of some classifiers on some tables, one row per fit.

Identical rows go to the same fold. Rows are appended to a CSV as they are finished, so
that a stopped run goes on where it was.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from rows import append_row
from sklearn.model_selection import StratifiedGroupKFold

from qclmixnet.metrics import score_predictions
from qclmixnet.table import class_codes

Factory = Callable[[int], object]
Tables = Mapping[str, Callable[[], tuple[pd.DataFrame, pd.Series]]]
SCORES = ("macro_f1", "macro_recall", "g_mean", "mcc", "macro_auprc", "log_loss")
COLUMNS = ("table", "method", "fold", "seed", *SCORES, "rare_recall", "fit_s")


def run(
    tables: Tables, methods: Mapping[str, Factory], out: Path, *, seeds: int = 1
) -> pd.DataFrame:
    """Fit what `out` does not hold yet; return all of its rows."""
    done: set[tuple] = set()
    if out.exists():
        stored = pd.read_csv(out)
        keys = stored[["table", "method", "fold", "seed"]]
        done = set(keys.itertuples(index=False, name=None))
    for table, load in tables.items():
        X, y = load()
        for seed in range(seeds):
            for fold, (train, test) in enumerate(_folds(X, y, seed)):
                for method, make in methods.items():
                    if (table, method, fold, seed) in done:
                        continue
                    row = _fit(make(seed), X, y, train, test)
                    row = {
                        "table": table,
                        "method": method,
                        "fold": fold,
                        "seed": seed,
                        **row,
                    }
                    append_row(out, row, COLUMNS)
    return pd.read_csv(out)


def _folds(X: pd.DataFrame, y: pd.Series, seed: int):
    groups = X.groupby(list(X.columns), dropna=False, observed=True).ngroup()
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    return splitter.split(X, y, groups)


def _fit(clf, X: pd.DataFrame, y: pd.Series, train, test) -> dict[str, float]:
    started = time.perf_counter()
    clf.fit(X.iloc[train], y.iloc[train])
    seconds = time.perf_counter() - started
    proba = clf.predict_proba(X.iloc[test])
    # A class that is only in the test part is a class of its own that nobody predicts.
    classes = np.unique(np.asarray(y))
    full = np.zeros((len(test), len(classes)))
    full[:, class_codes(clf.classes_, classes)] = proba
    truth = class_codes(y.iloc[test], classes)
    predicted = class_codes(clf.predict(X.iloc[test]), classes)
    scores = score_predictions(truth, predicted, full, labels=classes.tolist())
    row = {name: round(getattr(scores, name), 6) for name in SCORES}
    return {
        **row,
        "rare_recall": round(scores.rare_recall, 6),
        "fit_s": round(seconds, 3),
    }


def markdown(rows: pd.DataFrame, titles: Mapping[str, str], scores: Mapping[str, str]):
    """Lay out mean and standard deviation over folds, table by table."""
    lines = [
        "| table | classifier | " + " | ".join(scores.values()) + " |",
        "|---|---|" + "---|" * len(scores),
    ]
    for table, part in rows.groupby("table", sort=False):
        for method, title in titles.items():
            folds = part[part["method"] == method]
            cells = [
                f"{folds[name].mean():.3f} ± {folds[name].std():.3f}"
                if name != "fit_s"
                else f"{folds[name].median():.1f}"
                for name in scores
            ]
            lines.append(f"| {table} | {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
