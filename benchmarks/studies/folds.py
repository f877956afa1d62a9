"""Into how many folds the rows of a small table should be dealt.

    python benchmarks/studies/folds.py [--tables zoo,ecoli] [--seeds 3]

With four folds a member learns from three quarters of the rows: of a class of six rows
from four or five. Fits the default preset with other numbers of folds and members on
the small development tables, all five folds of one or more partitions. Rows go to
`benchmarks/studies/folds.csv`, one per fit; a stopped run goes on where it was.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from development import TABLES, load
from pages import replace_table, with_interval
from recipe import BASE, QUICKER, fit_and_score
from rows import append_row, stored_rows
from threads import one_thread

from qclmixnet import QCLMixNetClassifier
from qclmixnet.training import CrossFitRecipe

ROWS = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).parents[2] / "docs/decisions/0019-folds-of-small-tables.md"
MOST_ROWS = 1_500
USUAL = "4 folds, 8 members"


def _with(base: CrossFitRecipe, n_folds: int, n_members: int) -> CrossFitRecipe:
    members = replace(base.members, n_members=n_members)
    return replace(base, n_folds=n_folds, members=members)


WAYS = {
    f"{n_folds} folds, {n_members} members{ending}": _with(base, n_folds, n_members)
    for ending, base in (
        ("", BASE),
        ("; half the steps at four times the rate", QUICKER),
    )
    for n_folds, n_members in ((4, 8), (8, 8), (8, 16))
}


def fits(table: str, seed: int, ways: list[str]) -> Iterator[dict[str, object]]:
    """Fit some ways on the five folds of one partition of a table."""
    data = load(table)
    for number, fold in enumerate(data.folds(seed)):
        for way in ways:
            recipe = WAYS[way]
            clf = QCLMixNetClassifier(recipe, random_state=seed, device="cpu")
            yield {
                "table": table,
                "rows": len(data.codes),
                "classes": data.n_classes,
                "seed": seed,
                "fold": number,
                "way": way,
                **fit_and_score(clf, data, fold),
            }


def summary(rows: pd.DataFrame) -> str:
    """Return what each way that has run on all tables changes, on average over them."""
    rows = rows.assign(mean=(rows["macro_f1"] + rows["macro_recall"]) / 2)
    names = ["macro_f1", "macro_recall", "mean"]
    rows[names] *= 100
    by_table = rows.groupby(["way", "table"])[[*names, "log_loss", "fit_cpu_s"]].mean()
    usual = by_table.loc[USUAL]
    lines = [
        "| folds | macro-F1 | macro recall | their mean | log-loss | fit time |",
        "|---|---|---|---|---|---|",
    ]
    for way in WAYS:
        if way not in by_table.index or len(by_table.loc[way]) < len(usual):
            continue
        own, cells = by_table.loc[way], []
        for name in (*names, "log_loss"):
            digits = 3 if name == "log_loss" else 2
            if way == USUAL:
                cells.append(f"{own[name].mean():.{digits}f}")
                continue
            change = (own[name] - usual[name]).to_numpy()
            cells.append(with_interval(change, digits))
        ratio = (own["fit_cpu_s"] / usual["fit_cpu_s"]).median()
        lines.append(f"| {way} | {' | '.join(cells)} | x {ratio:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Fit what is missing, and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    one_thread()
    done = {(row["table"], int(row["seed"]), row["way"]) for row in stored_rows(ROWS)}
    for seed in range(options.seeds):
        for table in options.tables.split(","):
            ways = [way for way in WAYS if (table, seed, way) not in done]
            if not ways or len(load(table).codes) > MOST_ROWS:
                continue
            for row in list(fits(table, seed, ways)):
                append_row(ROWS, row)
    replace_table(PAGE, summary(pd.read_csv(ROWS)))


if __name__ == "__main__":
    main()
