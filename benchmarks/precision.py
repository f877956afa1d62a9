"""What steps in bfloat16 cost in scores: the members alone, on six tables, five folds.

    python benchmarks/precision.py

Both fits have the same seed, so they differ by rounding alone; how far two fits differ
that round alike and have other seeds is measured beside it. Trees are left out: the
precision of a step is nothing to them. Rows go to `benchmarks/results/precision.csv`;
a table of `docs/explanation/gpu.md` is drawn from them.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from crossval import run
from pages import replace_table, with_interval

from qclmixnet import QCLMixNetClassifier, load_dataset
from qclmixnet.training import recipe

HERE = Path(__file__).parent
ROWS = HERE / "results" / "precision.csv"
PAGE = HERE.parent / "docs" / "explanation" / "gpu.md"
TABLES = ("glass", "newthyroid", "german", "wine_red", "yeast", "car")
METHODS = {
    "bfloat16": "bfloat16 less float32, same seed",
    "other_seed": "float32 with another seed less float32",
}
SCORES = {
    "macro_f1": "macro-F1",
    "macro_recall": "macro recall",
    "log_loss": "log-loss",
}


def make(method: str, seed: int) -> QCLMixNetClassifier:
    """Return an unfitted classifier without trees."""
    out = recipe("default")
    precision = "bfloat16" if method == "bfloat16" else "float32"
    out = replace(out, schedule=replace(out.schedule, precision=precision))
    seed += 100 * (method == "other_seed")
    return QCLMixNetClassifier(out, n_tree_rounds=0, random_state=seed, device="cpu")


def differences(rows: pd.DataFrame, method: str, score: str) -> np.ndarray:
    """Return a method's mean score less that of float32, table by table."""
    by_table = rows.pivot_table(index="table", columns="method", values=score)
    return (by_table[method] - by_table["float32"]).to_numpy()


def render(rows: pd.DataFrame) -> str:
    """Return mean differences over tables as Markdown, with bootstrap intervals."""
    lines = [f"| | {' | '.join(SCORES.values())} |", "|---|---|---|---|"]
    for method, title in METHODS.items():
        cells = []
        for score in SCORES:
            found = differences(rows, method, score)
            cells.append(with_interval(found, 4))
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing and put the table into the page."""
    rows = run(
        {name: partial(load_dataset, name, return_X_y=True) for name in TABLES},
        {name: partial(make, name) for name in ("float32", *METHODS)},
        ROWS,
    )
    replace_table(PAGE, render(rows), name="precision")


if __name__ == "__main__":
    main()
