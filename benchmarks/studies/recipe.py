"""The search for the default preset: every idea tried, one change at a time.

    python benchmarks/studies/recipe.py [--variants "base,entanglement"] [--seeds 2]

Development tables only (`development.py` lists them and says why). Rows go to
`benchmarks/studies/recipe.csv`, one per fit, so that a stopped run goes on where it
was. The tables of `docs/explanation/recipe.md` are drawn from them.
"""

import argparse
import math
import sys
import time
import warnings
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from development import TABLES, Table, load
from pages import replace_table, with_interval
from rows import append_row, stored_rows
from sklearn.metrics import f1_score, log_loss, recall_score
from threads import one_thread

from qclmixnet import QCLMixNetClassifier
from qclmixnet.baselines import make_baseline
from qclmixnet.evaluation.protocol import Fold
from qclmixnet.training import CrossFitRecipe, LargeConfig, MemberSchedule

ROWS = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "recipe.md"
N_FOLDS = 3
# What all changes were measured against: the default as it was before cycles, before a
# higher learning rate and before larger tables had larger members.
BASE = CrossFitRecipe(
    schedule=MemberSchedule(
        epochs=50,
        min_steps=300,
        max_steps=1500,
        max_cycles=1,
        cycle_gain=0.1,
        learning_rate=2e-3,
    ),
    large=LargeConfig(width_factor=1, steps_factor=1),
)


def _with(part: str, **changes: object) -> CrossFitRecipe:
    """Return the base with some fields of one part changed."""
    return replace(BASE, **{part: replace(getattr(BASE, part), **changes)})


def width_by_classes(n_classes: int) -> CrossFitRecipe:
    """Return members whose width grows with the root of the number of classes.

    >>> [width_by_classes(n).members.d_hidden for n in (2, 3, 6, 10, 18, 48)]
    [32, 32, 64, 64, 96, 128]
    """
    width = 32 * round(math.sqrt(n_classes / 2))
    return _with("members", d_hidden=min(width, 128))


QUICKER = _with("schedule", learning_rate=8e-3, epochs=25, min_steps=150, max_steps=750)
VARIANTS = {
    "base": BASE,
    "the default of today": CrossFitRecipe(),
    "no trees": _with("trees", n_rounds=0),
    "4 members": _with("members", n_members=4),
    "no bins": _with("members", binned_share=0.0),
    "entanglement": _with("members", entangle=True),
    "mixup of any class": _with("mixup", mixed_fraction=0.5, same_class=False),
    "mixup within the class": _with("mixup", mixed_fraction=0.5, same_class=True),
    "contrastive losses of weight 0.1": _with("contrast", weight=0.1),
    "class weights 0.25": _with("loss", class_weight_power=0.25),
    "class weights 1": _with("loss", class_weight_power=1.0),
    "cross-entropy": _with("loss", gamma=0.0),
    "no averaging of weights": _with("schedule", average=0.0),
    "further cycles": _with("schedule", max_cycles=8),
    "half the steps": _with("schedule", epochs=25, min_steps=150, max_steps=750),
    "two thirds of the steps": _with(
        "schedule", epochs=33, min_steps=200, max_steps=1000
    ),
    "twice the steps": _with("schedule", epochs=100, min_steps=600, max_steps=3000),
    "twice the learning rate": _with("schedule", learning_rate=4e-3),
    "four times the learning rate": _with("schedule", learning_rate=8e-3),
    "half the steps at four times the learning rate": QUICKER,
    "further cycles with half the steps at four times the learning rate": replace(
        QUICKER, schedule=replace(QUICKER.schedule, max_cycles=8)
    ),
    "64 wide with half the steps at four times the learning rate": replace(
        QUICKER, members=replace(BASE.members, d_hidden=64)
    ),
    "no dropout": _with("members", dropout=0.0),
    "no block": _with("members", n_blocks=0),
    "64 wide": _with("members", d_hidden=64),
    "128 wide": _with("members", d_hidden=128),
    "width by classes": width_by_classes,
    "64 wide without bins": _with("members", d_hidden=64, binned_share=0.0),
    "2 folds": replace(BASE, n_folds=2),
}

# Fitted on another machine than the base, so that times cannot be compared.
ELSEWHERE = (
    "the default of today",
    "further cycles",
    "twice the learning rate",
    "four times the learning rate",
    "half the steps at four times the learning rate",
    "further cycles with half the steps at four times the learning rate",
    "64 wide with half the steps at four times the learning rate",
    "class weights 0.25",
    "class weights 1",
    "cross-entropy",
    "no averaging of weights",
    "no block",
    "no dropout",
)
PEERS = {
    "logistic regression (balanced)": "logistic_regression",
    "random forest": "random_forest",
    "balanced random forest": "balanced_random_forest",
    "SMOTE + XGBoost": "smote_xgboost",
    "LightGBM (balanced)": "lightgbm",
    "CatBoost (balanced)": "catboost",
}
# 101 to 462 rows, smallest first.
SMALLEST = (
    *("zoo", "ischemic_stroke", "lymphography", "hepatitis", "automobile"),
    *("cleveland", "haberman", "ecoli", "dermatology", "saheart"),
)


def make(variant: str, seed: int, n_classes: int) -> object:
    """Return an unfitted classifier for a table of so many classes."""
    if variant in PEERS:
        return make_baseline(PEERS[variant], random_state=seed)
    recipe = VARIANTS[variant]
    if callable(recipe):
        recipe = recipe(n_classes)
    return QCLMixNetClassifier(recipe, random_state=seed, device="cpu")


def fit(variant: str, table: str, seed: int) -> list[dict[str, object]]:
    """Return the rows of a variant on a table."""
    data = load(table)
    return [
        {"variant": variant, "table": table, "seed": seed, "fold": number}
        | fit_and_score(make(variant, seed, data.n_classes), data, fold)
        for number, fold in enumerate(islice(data.folds(), N_FOLDS))
    ]


def fit_and_score(clf: Any, data: Table, fold: Fold) -> dict[str, float]:
    """Fit on the training rows of a fold, and return the scores of its test rows."""
    started = time.process_time()
    clf.fit(data.frame.iloc[fold.train], data.codes[fold.train])
    cpu_s = time.process_time() - started
    truth = data.codes[fold.test]
    X_test = data.frame.iloc[fold.test]
    proba = np.zeros((len(truth), data.n_classes))
    proba[:, clf.classes_] = clf.predict_proba(X_test)
    scores = _scores(truth, clf.predict(X_test), proba)
    rounded = {name: round(value, 6) for name, value in scores.items()}
    return rounded | {"fit_cpu_s": round(cpu_s, 3)}


def _scores(
    truth: np.ndarray, predicted: np.ndarray, proba: np.ndarray
) -> dict[str, float]:
    present, counts = np.unique(truth, return_counts=True)
    by_class = {"labels": present, "average": "macro", "zero_division": 0}
    most_probable = proba.argmax(axis=1)
    rarest = present[counts.argmin()]
    safe = np.clip(proba, 1e-6, None)
    return {
        "macro_f1": f1_score(truth, predicted, **by_class),
        "macro_recall": recall_score(truth, predicted, **by_class),
        "argmax_f1": f1_score(truth, most_probable, **by_class),
        "argmax_recall": recall_score(truth, most_probable, **by_class),
        "log_loss": log_loss(
            truth,
            safe / safe.sum(axis=1, keepdims=True),
            labels=np.arange(proba.shape[1]),
        ),
        "rare_recall": float((predicted[truth == rarest] == rarest).mean()),
    }


def summary(rows: pd.DataFrame) -> str:
    """Return what each variant and each peer changes, and the smallest tables alone."""
    few = rows[rows["table"].isin(SMALLEST)]
    return "\n\n".join(
        [
            changes(rows, list(VARIANTS), "change"),
            "Other methods in place of the base:",
            changes(rows, ["base", *PEERS], "method"),
            f"The same on the {len(SMALLEST)} smallest tables, 101 to 462 rows:",
            changes(few, ["base", *PEERS], "method"),
        ]
    )


def changes(rows: pd.DataFrame, names: list[str], title: str) -> str:
    """Return the mean change of each variant, with a bootstrap interval over tables.

    A variant is compared with the base on the tables, seeds and folds that both have;
    one that has not run on all tables is left out.
    """
    keys = ["table", "seed", "fold"]
    base = rows[rows["variant"] == "base"].set_index(keys)
    n_tables = base.index.get_level_values("table").nunique()
    lines = [
        f"| {title} | macro-F1 | macro recall | their mean | log-loss | fit time |",
        "|---|---|---|---|---|---|",
    ]
    for name in names:
        part = rows[rows["variant"] == name].set_index(keys)
        if part.index.get_level_values("table").nunique() < n_tables:
            continue
        both = part.index.intersection(base.index)
        cells = _cells(part.loc[both], None if name == "base" else base.loc[both])
        if name in ELSEWHERE:
            cells[-1] = "-"
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(part: pd.DataFrame, base: pd.DataFrame | None) -> list[str]:
    def by_table(rows: pd.DataFrame) -> pd.DataFrame:
        means = rows.groupby("table").mean(numeric_only=True)
        scores = 100 * means[["macro_f1", "macro_recall"]]
        scores["mean"] = scores.mean(axis=1)
        return scores.join(means[["log_loss", "fit_cpu_s"]])

    own = by_table(part)
    if base is None:
        means = own.mean()
        scores = [f"{means[name]:.1f}" for name in ("macro_f1", "macro_recall", "mean")]
        return [*scores, f"{means['log_loss']:.3f}", "x 1.00"]
    theirs = by_table(base)
    change = own - theirs
    cells = []
    for name in ("macro_f1", "macro_recall", "mean", "log_loss"):
        digits = 3 if name == "log_loss" else 1
        cells.append(with_interval(change[name].to_numpy(), digits))
    ratio = (own["fit_cpu_s"] / theirs["fit_cpu_s"]).median()
    return [*cells, f"x {ratio:.2f}"]


def main() -> None:
    """Fit what is missing, and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", default=",".join([*VARIANTS, *PEERS]))
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    done = {
        (row["variant"], row["table"], int(row["seed"])) for row in stored_rows(ROWS)
    }
    for seed in range(options.seeds):
        for variant in map(str.strip, options.variants.split(",")):
            for table in options.tables.split(","):
                if (variant, table, seed) in done:
                    continue
                for row in fit(variant, table, seed):
                    append_row(ROWS, row)
    replace_table(PAGE, summary(pd.read_csv(ROWS)))


if __name__ == "__main__":
    main()
