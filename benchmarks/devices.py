"""The same fits on a processor and on a GPU: how far their scores differ.

    python benchmarks/devices.py [--draw]

TabM-D and FT-Transformer have their rows of the full benchmark from a GPU. Here four
small ones of its tables are fitted again on the processor, as is, same folds and seeds,
and set beside those rows. The run is `benchmarks/results/devices`; it goes on where it
was stopped. `--draw` only draws the table of the decision's page anew.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd
from pages import replace_table

from qclmixnet.benchmark import BenchmarkRun, load_run, run_benchmark
from qclmixnet.execution import Workers

HERE = Path(__file__).parent
FULL = HERE / "results" / "full"
RUN = HERE / "results" / "devices"
PAGE = HERE.parent / "docs" / "decisions" / "0016-peers-on-a-gpu.md"
TABLES = ("glass", "newthyroid", "spectf", "german")
METHODS = ("tabm", "ft_transformer")
CELL = ["table", "method", "fold", "seed"]
SCORES = {"macro_f1": "macro-F1", "macro_recall": "macro recall"}


def fit() -> None:
    """Fit on the processor what is not fitted yet."""
    asked = load_run(FULL).description
    what = replace(asked, tables=TABLES, methods=METHODS, tuned=False)
    command = "python benchmarks/devices.py"
    run_benchmark(what, RUN, workers=Workers(1), command=command)


def render(here: BenchmarkRun, full: pd.DataFrame) -> str:
    """Return the scores of both, table by table.

    Args:
        here: run on the processor.
        full: rows of the full benchmark; those of a GPU count.
    """
    titles = {facts.name: facts.title for facts in here.methods}
    full = full[(full["rule"] == "as_is") & (full["device"] != "cpu")]
    both = here.rows.merge(full, on=CELL, suffixes=("", "_gpu"), validate="1:1")
    devices = ", ".join(sorted(set(both["device_gpu"])))
    lines = [
        "| table | method | score | processor | GPU | difference | folds, from - to |",
        "|---|---|---|---|---|---|---|",
    ]
    for (table, method), rows in both.groupby(["table", "method"]):
        for score, title in SCORES.items():
            on_cpu, on_gpu = rows[score], rows[f"{score}_gpu"]
            change = on_gpu - on_cpu
            lines.append(
                f"| {table} | {titles[method]} | {title} | {on_cpu.mean():.3f} | "
                f"{on_gpu.mean():.3f} | {change.mean():+.3f} | "
                f"{change.min():+.3f} to {change.max():+.3f} |"
            )
    pairs = both.groupby(["table", "method"])[[*SCORES, *(f"{s}_gpu" for s in SCORES)]]
    means = pairs.mean()
    changes = [
        f"{title} by {(means[f'{score}_gpu'] - means[score]).mean():+.4f}"
        for score, title in SCORES.items()
    ]
    note = (
        f"Means over {len(both) // len(means)} folds, as is. On the GPU, an {devices}, "
        f"scores differ over the {len(means)} pairs of table and method: "
        f"{', '.join(changes)} on average."
    )
    return "\n".join([*lines, "", note])


def main() -> None:
    """Fit, compare, and draw the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draw", action="store_true", help="only draw the table")
    if not parser.parse_args().draw:
        fit()
    replace_table(PAGE, render(load_run(RUN), load_run(FULL).rows))


if __name__ == "__main__":
    main()
