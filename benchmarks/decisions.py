"""Whether decisions can be trusted: calibration, sets, costs and stated prevalence.

    python benchmarks/decisions.py [--studies calibration,sets,...] [--draw]

Every study writes its rows to `benchmarks/results/decisions/`, a file each, as it goes;
a stopped run goes on where it was. `docs/explanation/decisions.md` is drawn from them.

* own: the default preset on five folds of every table of the suite: log-loss,
  calibration error (also what chance alone would make of it) and Brier score with and
  without calibration; how many rows of each
  class the sets cover; what decisions cost under 1,000 random cost matrices.
* catboost: the same calibration for CatBoost with balanced weights, by three inner
  folds. Without kr_vs_k, whose fits take over a processor hour for one fold.
* prevalence: the default preset on rows whose majority was thinned to 10:1 or 2:1, with
  and without `calibrate_to` the true shares, and on the rows as they are.
"""

import argparse
import csv
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from decisions_page import render
from pages import replace_table
from threadpoolctl import threadpool_limits

from qclmixnet import QCLMixNetClassifier
from qclmixnet.benchmark import RunDescription
from qclmixnet.benchmark.cell import CellKey
from qclmixnet.benchmark.fitting import FitJob, fit_and_predict
from qclmixnet.benchmark.folded_tables import FoldedTables
from qclmixnet.benchmark.tables import LabelledTable
from qclmixnet.datasets import list_datasets
from qclmixnet.decision import (
    Calibration,
    CostRule,
    ProbabilityScaling,
    choose_calibration,
)
from qclmixnet.evaluation.protocol import Fold
from qclmixnet.metrics import brier_score, expected_calibration_error, log_loss

ROWS = Path(__file__).parent / "results" / "decisions"
PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "decisions.md"
COLUMNS = {
    "calibration": (
        *("table", "fold", "method", "variant"),
        *("log_loss", "ece", "ece_by_chance", "brier", "n_train", "n_test"),
    ),
    "sets": (
        *("table", "fold", "coverage", "class", "n_held_out", "n_test"),
        *("n_covered", "mean_size"),
    ),
    "costs": ("table", "fold", "n_matrices", "cost_rule", "argmax", "share_not_above"),
    "prevalence": (
        *("table", "ratio", "seed", "variant"),
        *("log_loss", "ece", "brier", "n_train", "n_test"),
    ),
}
COVERAGES = (0.8, 0.9, 0.95)
TOO_SLOW = ("kr_vs_k",)
N_MATRICES = 1000
TO_THIN = ("hypothyroid", "nass_cds", "abalone19")
RATIOS, SEEDS = (10, 2), (0, 1, 2, 3, 4)
N_DRAWS = 100

Row = dict[str, object]


SUITE = tuple(list_datasets("suite").sort_values("rows")["name"])
TABLES = FoldedTables(RunDescription(SUITE, ("qclmixnet",), n_folds=5), None)


class RowFile:
    """Rows of one study, appended as they are made."""

    def __init__(self, name: str, key: tuple[str, ...]) -> None:
        self.path, self.columns, self.key = ROWS / f"{name}.csv", COLUMNS[name], key
        if not self.path.exists():
            ROWS.mkdir(parents=True, exist_ok=True)
            self.path.write_text(",".join(self.columns) + "\n", encoding="utf-8")

    def has(self, **key: object) -> bool:
        """Say whether there are rows of a key."""
        rows = pd.read_csv(self.path, dtype=str, keep_default_na=False)
        same = [rows[name] == str(value) for name, value in key.items()]
        return bool(np.logical_and.reduce(same).any())

    def append(self, rows: list[Row]) -> None:
        """Write rows, all at once."""
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self.columns).writerows(rows)
        print(self.path.stem, *rows[-1].values(), flush=True)


def scores(codes: np.ndarray, proba: np.ndarray) -> Row:
    """Return what is asked of probabilities."""
    found = {
        "log_loss": log_loss(codes, proba),
        "ece": expected_calibration_error(codes, proba),
        "brier": brier_score(codes, proba),
    }
    return {name: round(value, 6) for name, value in found.items()}


def by_chance(proba: np.ndarray) -> Row:
    """Return the calibration error that these probabilities have when they are right.

    With few rows it is not 0: classes are drawn from the probabilities themselves.
    """
    rng = np.random.default_rng(0)
    ends = proba.cumsum(axis=1)
    ends[:, -1] = 1.0
    drawn = [
        expected_calibration_error((rng.random((len(proba), 1)) > ends).sum(1), proba)
        for _ in range(N_DRAWS)
    ]
    return {"ece_by_chance": round(float(np.mean(drawn)), 6)}


def full_proba(
    clf: QCLMixNetClassifier,
    X: pd.DataFrame,
    n_classes: int,
    calibration: Calibration | None = None,
) -> np.ndarray:
    """Return probabilities of all classes; those not learned have none."""
    out = np.zeros((len(X), n_classes))
    proba = clf.predict_proba(X)
    known = clf.classes_.astype(np.int64)
    out[:, known] = proba if calibration is None else calibration(proba)
    return out


def chosen_on_top(clf: QCLMixNetClassifier) -> Calibration:
    """Choose a calibration for what is calibrated already; mostly it is none."""
    held_out = clf.state_.held_out
    assert held_out is not None
    return choose_calibration(
        held_out.codes,
        held_out.proba,
        np.ones(len(clf.classes_)),
        held_out.weights,
        np.arange(held_out.n_rows) % 5,
    )


def uncalibrated(clf: QCLMixNetClassifier) -> QCLMixNetClassifier:
    """Return the same classifier without what held-out rows said."""
    model = clf.state_.model
    n_classes = len(clf.classes_)
    plain = ProbabilityScaling(1.0, 0.0, (0.0,) * n_classes)
    out = QCLMixNetClassifier()
    out._adopt(replace(clf.state_, model=replace(model, scaling=plain)))
    return out


def own(tables: tuple[str, ...]) -> None:
    """Fit the default preset and write rows of three studies."""
    calibration = RowFile("calibration", ("table", "fold", "method"))
    sets, costs = (
        RowFile("sets", ("table", "fold")),
        RowFile("costs", ("table", "fold")),
    )
    for name, number, table, fold in places(tables):
        if costs.has(table=name, fold=number):
            continue
        X, codes = table.frame, table.codes
        clf = QCLMixNetClassifier(random_state=0, device="cpu")
        clf.fit(X.iloc[fold.train], codes[fold.train])
        X_test, truth = X.iloc[fold.test], codes[fold.test]
        n_classes = len(table.classes)
        place: Row = {"table": name, "fold": number}
        sizes = {"n_train": len(fold.train), "n_test": len(fold.test)}
        proba = full_proba(clf, X_test, n_classes)
        said = {
            "raw": full_proba(uncalibrated(clf), X_test, n_classes),
            "calibrated": proba,
            "chosen": full_proba(clf, X_test, n_classes, chosen_on_top(clf)),
        }
        calibration.append(
            [
                {
                    **place,
                    "method": "qclmixnet",
                    "variant": v,
                    **scores(truth, p),
                    **by_chance(p),
                    **sizes,
                }
                for v, p in said.items()
            ]
        )
        sets.append(
            [{**place, **row} for row in set_rows(clf, X_test, truth, table.classes)]
        )
        costs.append([{**place, **cost_row(truth, proba, number)}])


def set_rows(
    clf: QCLMixNetClassifier,
    X_test: pd.DataFrame,
    truth: np.ndarray,
    classes: np.ndarray,
) -> Iterator[Row]:
    """Count how many rows of each class have it in their set."""
    held_out = clf.state_.held_out
    assert held_out is not None
    known = clf.classes_.astype(np.int64)
    for coverage in COVERAGES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = clf.predict_set(X_test, coverage=coverage)
        for place, code in enumerate(known):
            own_rows = truth == code
            yield {
                "coverage": coverage,
                "class": classes[code],
                "n_held_out": int((held_out.codes == place).sum()),
                "n_test": int(own_rows.sum()),
                "n_covered": int(found[own_rows, place].sum()),
                "mean_size": round(float(found[own_rows].sum(axis=1).mean()), 4)
                if own_rows.any()
                else "",
            }


def cost_row(truth: np.ndarray, proba: np.ndarray, seed: int) -> Row:
    """Decide under random costs: right answers cost nothing, mistakes 1 on median."""
    rng = np.random.default_rng(seed)
    n_classes = proba.shape[1]
    by_rule, by_argmax = np.zeros(N_MATRICES), np.zeros(N_MATRICES)
    likeliest = proba.argmax(axis=1)
    for number in range(N_MATRICES):
        matrix = np.exp(1.5 * rng.normal(size=(n_classes, n_classes)))
        np.fill_diagonal(matrix, 0)
        by_rule[number] = matrix[truth, CostRule(matrix).decide(proba)].mean()
        by_argmax[number] = matrix[truth, likeliest].mean()
    return {
        "n_matrices": N_MATRICES,
        "cost_rule": round(by_rule.mean(), 6),
        "argmax": round(by_argmax.mean(), 6),
        "share_not_above": round((by_rule <= by_argmax + 1e-12).mean(), 4),
    }


def catboost(tables: tuple[str, ...]) -> None:
    """Fit CatBoost, and calibrate it on inner folds as ours is."""
    file = RowFile("calibration", ("table", "fold", "method"))
    for name, number, table, fold in places(tables):
        if name in TOO_SLOW or file.has(table=name, fold=number, method="catboost"):
            continue
        codes, n_classes = table.codes, len(table.classes)
        key = CellKey(table=name, method="catboost", fold=number, seed=0)
        inner = [
            split
            for part, split in TABLES.inner_folds(key).items()
            if part.startswith("inner")
        ]
        held, said = [], []
        for split in inner:
            said.append(proba_of_catboost(table, split))
            held.append(split.test)
        rows = np.concatenate(held)
        counts = np.bincount(codes[fold.train], minlength=n_classes)
        weights = len(fold.train) / (n_classes * np.maximum(counts, 1))
        parts = np.repeat(np.arange(len(held)), list(map(len, held)))
        calibration = choose_calibration(
            codes[rows], np.concatenate(said), weights, np.ones(len(rows)), parts
        )
        raw = proba_of_catboost(table, fold)
        truth = codes[fold.test]
        place: Row = {"table": name, "fold": number, "method": "catboost"}
        sizes = {"n_train": len(fold.train), "n_test": len(fold.test)}
        file.append(
            [
                {**place, "variant": v, **scores(truth, p), **by_chance(p), **sizes}
                for v, p in (("raw", raw), ("calibrated", calibration(raw)))
            ]
        )


def proba_of_catboost(table: LabelledTable, fold: Fold) -> np.ndarray:
    """Fit on one part of a fold and predict the other."""
    job = FitJob(
        method="catboost",
        X_train=table.frame.iloc[fold.train],
        codes_train=table.codes[fold.train],
        X_test=table.frame.iloc[fold.test],
        n_classes=len(table.classes),
        random_state=0,
        n_threads=1,
        time_limit_s=1200.0,
    )
    return fit_and_predict(job).proba


def prevalence(tables: tuple[str, ...]) -> None:
    """Thin the majority, state the true shares, compare with the rows as they are."""
    file = RowFile("prevalence", ("table", "ratio", "seed"))
    for name in tables:
        if name not in TO_THIN:
            continue
        table = TABLES.get(name)
        X, codes = table.frame, table.codes
        fold = TABLES.folds(name, 0)[0]
        counts = np.bincount(codes[fold.train])
        rare = int(counts.argmin())
        shares = dict(enumerate(counts / counts.sum()))
        X_test, truth = X.iloc[fold.test], codes[fold.test]
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            few = fold.train[codes[fold.train] == rare]
            many = rng.permutation(fold.train[codes[fold.train] != rare])
            for ratio in (0, *RATIOS):
                if file.has(table=name, ratio=ratio, seed=seed):
                    continue
                kept = many[: ratio * len(few)] if ratio else many
                rows = np.sort(np.concatenate([few, kept]))
                clf = QCLMixNetClassifier(random_state=seed, device="cpu")
                clf.fit(X.iloc[rows], codes[rows])
                said = {"as fitted": clf.predict_proba(X_test)}
                if ratio:
                    clf.calibrate_to(shares)
                    said["corrected"] = clf.predict_proba(X_test)
                place: Row = {"table": name, "ratio": ratio, "seed": seed}
                sizes = {"n_train": len(rows), "n_test": len(truth)}
                file.append(
                    [
                        {**place, "variant": v, **scores(truth, p), **sizes}
                        for v, p in said.items()
                    ]
                )


def places(
    tables: tuple[str, ...],
) -> Iterator[tuple[str, int, LabelledTable, Fold]]:
    """Yield every fold of every table."""
    for name in tables:
        for number, fold in enumerate(TABLES.folds(name, 0)):
            yield name, number, TABLES.get(name), fold


STUDIES = {"own": own, "prevalence": prevalence, "catboost": catboost}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", default=",".join(STUDIES))
    parser.add_argument("--tables", default=",".join(SUITE))
    parser.add_argument("--draw", action="store_true", help="only draw the page")
    asked = parser.parse_args()
    if not asked.draw:
        threadpool_limits(1)
        warnings.simplefilter("ignore", UserWarning)  # of rare classes and levels
        for name in asked.studies.split(","):
            STUDIES[name](tuple(asked.tables.split(",")))
    replace_table(PAGE, render(ROWS))


if __name__ == "__main__":
    main()
