"""Default against tuned in nested cross-validation, ours and CatBoost, six tables.

    python benchmarks/tuning.py [--tables glass,yeast] [--draw]

Rows go to `benchmarks/results/tuning.csv`, one per table, method, outer fold and
variant, and the trials of each search to `benchmarks/results/tuning.sqlite`, so that a
stopped or killed run goes on where it was. The figures of
`docs/explanation/tuning.md` are drawn from the rows; `--draw` draws and fits nothing.
"""

import argparse
import warnings
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from qclmixnet.benchmark import QUICK_TABLES, load_table
from qclmixnet.tuning import NestedPlan, NestedProgress, run_nested

HERE = Path(__file__).parent
ROWS = HERE / "results" / "tuning.csv"
TRIALS = HERE / "results" / "tuning.sqlite"
PAGE = HERE.parent / "docs" / "explanation" / "tuning.md"
PLAN = NestedPlan(
    methods=("qclmixnet", "catboost"), n_folds=3, n_inner_folds=2, n_trials=12
)


def tell(progress: NestedProgress) -> None:
    """Print one line for each search that is over."""
    search = progress.search
    if search.done == search.total:
        best = "nothing" if search.best is None else f"{search.best:.3f}"
        print(f"  {progress.method}, fold {progress.fold}: {best}", flush=True)


def main() -> None:
    """Run what is missing, and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=",".join(QUICK_TABLES))
    parser.add_argument("--draw", action="store_true", help="fit nothing")
    options = parser.parse_args()
    if not options.draw:
        warnings.simplefilter("ignore")
        threadpool_limits(1)
        torch.set_num_threads(1)
        for name in options.tables.split(","):
            print(name, flush=True)
            run_nested(
                load_table(name), PLAN, rows=ROWS, storage=TRIALS, on_progress=tell
            )


if __name__ == "__main__":
    main()
