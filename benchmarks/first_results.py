"""The presets beside two classical models on three tables of the suite, five folds.

    python benchmarks/first_results.py

Rows go to `benchmarks/results/first_results.csv`; the table of
`docs/explanation/results.md` is drawn from them by the same command.
"""

from functools import partial
from pathlib import Path

import pandas as pd
from crossval import markdown, run
from pages import replace_table

from qclmixnet import QCLMixNetClassifier, load_dataset
from qclmixnet.baselines import make_baseline

HERE = Path(__file__).parent
ROWS = HERE / "results" / "first_results.csv"
PAGE = HERE.parent / "docs" / "explanation" / "results.md"
TABLES = ("hypothyroid", "page_blocks", "yeast")
METHODS = {
    "qclmixnet_paper": "QCL-MixNet, preset `paper`",
    "qclmixnet": "QCL-MixNet, preset `default`",
    "logistic_regression": "logistic regression (balanced)",
    "random_forest": "random forest",
}
SCORES = {
    "macro_f1": "macro-F1",
    "macro_recall": "macro recall",
    "g_mean": "G-mean",
    "rare_recall": "recall of the rarest class",
    "fit_s": "fit seconds (median)",
}


def make(method: str, seed: int) -> object:
    """Return an unfitted classifier."""
    if method.startswith("qclmixnet"):
        preset = "paper" if method.endswith("paper") else "default"
        return QCLMixNetClassifier(preset, random_state=seed)
    return make_baseline(method, random_state=seed)


def render(rows: pd.DataFrame) -> str:
    """Return the results as a Markdown table."""
    rows = rows.set_index("table").loc[list(TABLES)].reset_index()
    return markdown(rows, METHODS, SCORES)


def main() -> None:
    """Run what is missing and put the table into the page."""
    rows = run(
        {name: partial(load_dataset, name, return_X_y=True) for name in TABLES},
        {name: partial(make, name) for name in METHODS},
        ROWS,
    )
    replace_table(PAGE, render(rows))


if __name__ == "__main__":
    main()
