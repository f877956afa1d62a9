"""Other decision rules of ours on the folds of the full run, and the cost of one row.

    python benchmarks/frontier.py [--tables glass,yeast] [--out FOLDER] [--no-one-row]

Fits the default preset once on each fold of each suite table, with the rows, the seed
and the time limit of `benchmarks/results/full`, and decides about the test rows in
several ways: by the rules that `decision=` offers, and by fixed leans towards rare
classes. Rows go to `frontier.csv`, one per fold and rule; a stopped run goes on where
it was. At the end the prediction of a single row is timed beside LightGBM's, anew each
time, into `one_row.csv`. `benchmarks/targets.py` reads both files.
"""

import argparse
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from unittest import mock

import numpy as np
import pandas as pd
from threads import one_thread

from qclmixnet import QCLMixNetClassifier
from qclmixnet.benchmark import (
    BenchmarkRun,
    LabelledTable,
    load_run,
    load_table,
    make_method,
    suite_tables,
)
from qclmixnet.decision import OffsetRule, ProbabilityScaling, tune_tilt
from qclmixnet.decision.sweep import Objective
from qclmixnet.decision.tilt import rarity
from qclmixnet.estimators import member_fitting
from qclmixnet.evaluation.protocol import Fold, cut_rows, stratified_folds
from qclmixnet.execution.machine import machine_name
from qclmixnet.metrics import score_predictions

RESULTS = Path(__file__).parent / "results"
RUN = RESULTS / "full"
ROWS_NAME, ONE_ROW_NAME = "frontier.csv", "one_row.csv"
OURS, SEED = "qclmixnet", 0
OBJECTIVES: tuple[Objective, ...] = ("balanced", "macro_f1", "macro_recall")
LEANS = (0.0, 0.25, 0.5, 0.75, 1.0)
DEFAULT_RULE = "balanced"
RULES = (*OBJECTIVES, "argmax", *(f"lean {lean}" for lean in LEANS))
SCORES = ("macro_f1", "macro_recall")
COLUMNS = ("table", "fold", "rule", *SCORES)
ONE_ROW_TABLE = "page_blocks"
ONE_ROW_METHODS = (OURS, "lightgbm")
N_WARM_UP, N_CALLS = 5, 50
DECIMALS = 6
ROUNDING = 10**-DECIMALS


@dataclass(frozen=True)
class LeftOut:
    """What a fit tunes its rule on, see `qclmixnet.decision.tune_tilt`."""

    codes: np.ndarray
    proba: np.ndarray
    counts: np.ndarray
    power: float


def fit_listening(clf: QCLMixNetClassifier, X: pd.DataFrame, y: np.ndarray) -> LeftOut:
    """Fit, and return the rows that the rule was tuned on."""
    heard: list[LeftOut] = []

    def listen(
        y_true: np.ndarray,
        proba: np.ndarray,
        counts: np.ndarray,
        *,
        power: float,
        objective: Objective,
    ) -> OffsetRule:
        heard.append(LeftOut(y_true, proba, counts, power))
        return tune_tilt(y_true, proba, counts, power=power, objective=objective)

    with mock.patch.object(member_fitting, "tune_tilt", listen):
        clf.fit(X, y)
    (left_out,) = heard
    return left_out


def rules_for(
    left_out: LeftOut, scaling: ProbabilityScaling
) -> dict[str, OffsetRule | None]:
    """Return the `RULES` for the probabilities of the fit; None is the argmax."""
    codes, proba, counts = left_out.codes, left_out.proba, left_out.counts
    power, step = left_out.power, rarity(left_out.counts)
    rules = {
        name: tune_tilt(codes, proba, counts, power=power, objective=name)
        for name in OBJECTIVES
    }
    rules |= {
        f"lean {lean}": OffsetRule((lean - power) * step, "balanced", 0.0, 0.0, "")
        for lean in LEANS
    }
    # All are about probabilities before scaling, as in a fit; the argmax is after it.
    after = {name: member_fitting._after(scaling, rule) for name, rule in rules.items()}
    return {name: after.get(name) for name in RULES}


def folds_of(table: LabelledTable, run: BenchmarkRun) -> Iterator[Fold]:
    """Yield the folds of the run, checked against the sizes in its rows."""
    asked = run.description
    folds = stratified_folds(
        table.codes, table.groups, n_folds=asked.n_folds, seed=SEED
    )
    for number, whole in enumerate(folds):
        codes = table.codes[whole.train]
        kept = cut_rows(codes, max_rows=asked.max_train_rows, seed=SEED)
        fold = Fold(whole.train[kept], whole.test)
        check_sizes(run, table.name, number, fold)
        yield fold


def check_sizes(run: BenchmarkRun, table: str, number: int, fold: Fold) -> None:
    """Refuse a fold that is not the one that the run's methods were fitted on."""
    rows = run.rows
    rows = rows[(rows["table"] == table) & (rows["fold"] == number)]
    rows = rows[rows["seed"] == SEED]
    stored = set(rows[["n_train", "n_test"]].itertuples(index=False, name=None))
    here = (len(fold.train), len(fold.test))
    if stored != {here}:
        raise ValueError(
            f"Fold {number} of {table} has {here} training and test rows here and "
            f"{sorted(stored)} in the stored run."
        )


def replay(
    table: LabelledTable, fold: Fold, *, time_limit_s: float
) -> list[dict[str, object]]:
    """Fit on a fold, as the benchmark does, and score every rule on its test rows."""
    clf = make_method(OURS, random_state=SEED, n_threads=1, time_limit_s=time_limit_s)
    clf = cast("QCLMixNetClassifier", clf)
    X_test = table.frame.iloc[fold.test]
    codes = table.codes[fold.train]
    left_out = fit_listening(clf, table.frame.iloc[fold.train], codes)
    known = clf.predict_proba(X_test)
    proba = np.zeros((len(X_test), len(table.classes)))
    proba[:, clf.classes_] = known
    rows: list[dict[str, object]] = []
    for name, rule in rules_for(left_out, clf.state_.model.scaling).items():
        chosen = known.argmax(axis=1) if rule is None else rule.decide(known)
        decided = clf.classes_[chosen]
        if name == DEFAULT_RULE and (decided != clf.decide(known)).any():
            raise RuntimeError("The replayed default rule is not the estimator's.")
        found = score_predictions(
            table.codes[fold.test], decided, proba, labels=table.classes.tolist()
        )
        scores = {score: round(getattr(found, score), DECIMALS) for score in SCORES}
        rows.append({"rule": name, **scores})
    return rows


def stored_rows(file: Path) -> pd.DataFrame:
    """Return the rows of the folds that have all rules; a torn last line is left out.

    The file is rewritten when there is anything to leave out, so that new rows can be
    appended to it.
    """
    if not file.exists():
        file.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    text = file.read_text(encoding="utf-8")
    if not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
        file.write_text(text, encoding="utf-8")
    rows = pd.read_csv(file)
    n_rules = rows.groupby(["table", "fold"])["rule"].transform("size")
    whole = rows[n_rules == len(RULES)]
    if len(whole) < len(rows):
        whole.to_csv(file, index=False)
    return whole


def run_frontier(tables: tuple[str, ...], file: Path) -> None:
    """Fit what the file does not hold yet."""
    run = load_run(RUN)
    stored = stored_rows(file)[["table", "fold"]]
    done = set(stored.itertuples(index=False, name=None))
    for name in tables:
        table = load_table(name)
        for number, fold in enumerate(folds_of(table, run)):
            if (name, number) in done:
                continue
            rows = replay(table, fold, time_limit_s=run.description.time_limit_s)
            found = pd.DataFrame([{"table": name, "fold": number} | r for r in rows])
            lines = found[list(COLUMNS)].to_csv(index=False, header=False)
            # In one piece: a kill leaves a fold whole or out.
            with file.open("a", encoding="utf-8") as out:
                out.write(lines)
            print(f"{name} {number}: {rows[0]}", flush=True)


def time_one_row(name: str, *, n_calls: int = N_CALLS) -> pd.DataFrame:
    """Return the median milliseconds that `predict_proba` takes for a single row."""
    run = load_run(RUN)
    table = load_table(name)
    fold = next(folds_of(table, run))
    X, codes = table.frame.iloc[fold.train], table.codes[fold.train]
    row = table.frame.iloc[fold.test[:1]]
    fitted: dict[str, Any] = {}
    for method in ONE_ROW_METHODS:
        unfitted = make_method(
            method, random_state=SEED, n_threads=1, time_limit_s=None
        )
        fitted[method] = unfitted.fit(X, codes)
    seconds: dict[str, list[float]] = {method: [] for method in fitted}
    # In turns, so that a change of the machine's speed hits both.
    for _ in range(N_WARM_UP + n_calls):
        for method, clf in fitted.items():
            started = time.perf_counter()
            clf.predict_proba(row)
            seconds[method].append(time.perf_counter() - started)
    machine = machine_name()
    return pd.DataFrame(
        {
            "method": list(fitted),
            "table": name,
            "n_calls": n_calls,
            "median_ms": [
                round(1000 * float(np.median(seconds[method][N_WARM_UP:])), 4)
                for method in fitted
            ],
            "machine": machine,
        }
    )


def is_whole(rows: pd.DataFrame, tables: tuple[str, ...], n_folds: int) -> bool:
    """Return whether every rule has a row for each fold of each table."""
    counts = pd.crosstab(rows["table"], rows["rule"])
    counts = counts.reindex(index=list(tables), columns=list(RULES)).fillna(0)
    return bool((counts >= n_folds).all(axis=None))


def rule_means(rows: pd.DataFrame) -> pd.DataFrame:
    """Return both mean scores of every rule: over folds, then over tables."""
    scores = list(SCORES)
    by_table = rows.groupby(["rule", "table"])[scores].mean()
    return by_table.groupby("rule")[scores].mean().reindex(list(RULES))


def first_rules(means: pd.DataFrame, peers: pd.DataFrame) -> dict[str, str | None]:
    """Return for each peer the first rule that is above it in both means."""
    found: dict[str, str | None] = {}
    for peer, theirs in peers.iterrows():
        above = (means > theirs).all(axis=1)
        found[str(peer)] = str(above.idxmax()) if above.any() else None
    return found


def n_repeated(rows: pd.DataFrame, of_run: pd.DataFrame) -> tuple[int, int]:
    """Count the folds on which the default rule has the scores of the run's rows.

    Returns:
        How many do, and how many are compared.
    """
    default = rows[rows["rule"] == DEFAULT_RULE]
    of_run = of_run[of_run["seed"] == SEED]
    pairs = default.merge(of_run, on=["table", "fold"], suffixes=("", "_run"))
    same = np.ones(len(pairs), dtype=bool)
    for score in SCORES:
        same &= (pairs[score] - pairs[f"{score}_run"]).abs() <= ROUNDING
    return int(same.sum()), len(pairs)


def main() -> None:
    """Fit what is missing, then time one row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=",".join(suite_tables()))
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the rows")
    parser.add_argument("--no-one-row", action="store_true", help="only the rules")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    options.out.mkdir(parents=True, exist_ok=True)
    run_frontier(tuple(options.tables.split(",")), options.out / ROWS_NAME)
    if not options.no_one_row:
        found = time_one_row(ONE_ROW_TABLE)
        found.to_csv(options.out / ONE_ROW_NAME, index=False)
        print(found.to_string(index=False))


if __name__ == "__main__":
    main()
