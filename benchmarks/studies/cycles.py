"""How often members should begin anew with large steps where they still get better.

    python benchmarks/studies/cycles.py [--tables nursery,vowel]

Fits the default preset with at most so many cycles on development tables that one cycle
does not learn, and on further tables of that kind (`development.py` lists both). Rows
go to `benchmarks/studies/cycles.csv`; a stopped run goes on where it was. What eight
cycles change on all development tables is a row of `recipe.py`.
"""

import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from development import FURTHER, load
from pages import replace_table
from recipe import BASE, fit_and_score
from replays import missing_tables
from rows import append_row

from qclmixnet import QCLMixNetClassifier

ROWS = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).parents[2] / "docs" / "decisions" / "0018-cycles.md"
TABLES = ("nursery", "balance", "poker-8-9_vs_5", *FURTHER)
CYCLES = (1, 2, 4, 8)
N_FOLDS = 3


def fit(table: str) -> list[dict[str, object]]:
    """Return the rows of a table: each fold with each number of cycles."""
    data, rows = load(table), []
    for number, fold in enumerate(islice(data.folds(), N_FOLDS)):
        for cycles in CYCLES:
            schedule = replace(BASE.schedule, max_cycles=cycles)
            recipe = replace(BASE, schedule=schedule)
            clf = QCLMixNetClassifier(recipe, random_state=0, device="cpu")
            scores = fit_and_score(clf, data, fold)
            key = {"table": table, "fold": number, "most_cycles": cycles}
            n_cycles = clf.n_iter_ // schedule.resolve(len(fold.train)).n_epochs
            rows.append({**key, "n_cycles": n_cycles, **scores})
    return rows


def summary(rows: pd.DataFrame) -> str:
    """Return the scores of each table by the number of cycles."""
    lines = [
        "| table | cycles at most | taken | macro-F1 | macro recall | log-loss "
        "| fit time |",
        "|---|---|---|---|---|---|---|",
    ]
    for table in rows["table"].unique():
        own = rows[rows["table"] == table].groupby("most_cycles")
        own = own.mean(numeric_only=True)
        for most, mean in own.iterrows():
            ratio = mean["fit_cpu_s"] / own["fit_cpu_s"].iloc[0]
            lines.append(
                f"| {table} | {most} | {mean['n_cycles']:.1f} "
                f"| {100 * mean['macro_f1']:.1f} | {100 * mean['macro_recall']:.1f} "
                f"| {mean['log_loss']:.3f} | x {ratio:.1f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Fit what is missing, and draw the page."""
    for table in missing_tables(__doc__, TABLES, ROWS):
        for row in fit(table):
            append_row(ROWS, row)
    replace_table(PAGE, summary(pd.read_csv(ROWS)))


if __name__ == "__main__":
    main()
