"""Default against tuned in nested cross-validation, ours and CatBoost, six tables.

    python benchmarks/tuning.py [--tables glass,yeast] [--draw]

Rows go to `benchmarks/results/tuning.csv`, one per table, method, outer fold and
variant, and the trials of each search to `benchmarks/results/tuning.sqlite`, so that a
stopped or killed run goes on where it was. The figures of
`docs/explanation/tuning.md` are drawn from the rows; `--draw` draws and fits nothing.
"""

import argparse
import json
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from pages import interval, replace_table, with_interval
from threads import one_thread

from qclmixnet.benchmark import QUICK_TABLES, load_table
from qclmixnet.tuning import (
    VARIANTS,
    NestedPlan,
    NestedProgress,
    default_space,
    make_untuned,
    run_nested,
)
from qclmixnet.tuning.parameters import default_values

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


TITLES = {"qclmixnet": "QCL-MixNet", "catboost": "CatBoost"}
LEAST_GAINS = (0, 1, 2, 3, 4)  # points
_SAME = 0.05  # points; a smaller change is written as 0.0
SCORES = {
    "balanced": "mean of both",
    "macro_f1": "macro-F1",
    "macro_recall": "macro recall",
}


def by_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return means over outer folds, in points, of tables that are complete.

    Rows are method and table, columns score and variant. A failed fit counts 0.
    """
    scores = list(SCORES)
    values = rows.copy()
    values[scores] = values[scores].where(values["status"] == "ok", 0.0)
    counts = values.groupby(["method", "table"]).size()
    whole = counts[counts == PLAN.n_folds * len(PLAN.seeds) * len(VARIANTS)].index
    means = 100 * pd.pivot_table(
        values, index=["method", "table"], columns="variant", values=scores
    )
    return means.loc[means.index.isin(whole)]


def render(rows: pd.DataFrame) -> str:
    """Return everything between the markers of the page."""
    means = by_table(rows)
    both = [
        name
        for name in QUICK_TABLES
        if all((method, name) in means.index for method in PLAN.methods)
    ]
    parts = [_state(both)]
    if both:
        means = means.loc[means.index.isin(both, level="table")]
        parts += [
            *(_verdict(means.loc[method], TITLES[method]) for method in PLAN.methods),
            _against(means),
            _scores(means, both),
            _changes(means),
            _costs(rows[rows["table"].isin(both)]),
            _choices(rows[rows["table"].isin(both)]),
            _if_held_back(rows[rows["table"].isin(both)]),
        ]
    return "\n\n".join(parts)


def _state(tables: list[str]) -> str:
    if len(tables) == len(QUICK_TABLES):
        return f"All {len(tables)} tables are in."
    listed = ", ".join(f"`{name}`" for name in tables) or "none yet"
    return (
        f"**The run is unfinished.** {len(tables)} of {len(QUICK_TABLES)} tables are "
        f"in ({listed}); all that follows is of these alone."
    )


def _gain(means: pd.DataFrame, score: str = "balanced") -> np.ndarray:
    change = means[score]["tuned"] - means[score]["default"]
    return change.to_numpy(dtype=float)


def _verdict(means: pd.DataFrame, title: str) -> str:
    gains = _gain(means)
    better, worse = int((gains > _SAME).sum()), int((gains < -_SAME).sum())
    equal = len(gains) - better - worse
    # "Most" is two tables in three.
    pays = 3 * better >= 2 * len(gains) and gains.mean() > _SAME
    text = (
        f"**{title}: tuning {'pays on most tables' if pays else 'does not pay'}.** It "
        "changes the mean of macro-F1 and macro recall by "
        f"{_with_interval(gains)} points: better on {better} of {len(gains)} tables, "
        f"worse on {worse}, the same on {equal}."
    )
    low, high = interval(gains)
    if len(gains) > 1 and low <= 0 <= high:
        text += " The interval holds 0: other tables could turn it around."
    return text


def _with_interval(gains: np.ndarray) -> str:
    if len(gains) == 1:
        return f"{gains[0]:+.1f}"
    return with_interval(gains, 1)


def _against(means: pd.DataFrame) -> str:
    texts = []
    for variant in VARIANTS:
        ours, theirs = (
            means.loc[method]["balanced"][variant] for method in PLAN.methods
        )
        gaps = (ours - theirs).to_numpy(dtype=float)
        texts.append(
            f"{variant} against {variant} {_with_interval(gaps)} points, ahead on "
            f"{int((gaps > _SAME).sum())} of {len(gaps)} tables"
        )
    ours, theirs = (TITLES[method] for method in PLAN.methods)
    return f"**{ours} less {theirs}**: {'; '.join(texts)}."


def _scores(means: pd.DataFrame, tables: list[str]) -> str:
    heads = [f"{TITLES[m]}, {v}" for m in PLAN.methods for v in VARIANTS]
    lines = [
        f"| table | {' | '.join(heads)} |",
        "|---|" + "---:|" * len(heads),
    ]
    for name in tables:
        cells = [
            f"{means.loc[(method, name)]['balanced'][variant]:.1f}"
            for method in PLAN.methods
            for variant in VARIANTS
        ]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _changes(means: pd.DataFrame) -> str:
    lines = [
        "Tuned less default, with 95 % bootstrap intervals over tables:",
        "",
        f"| method | {' | '.join(SCORES.values())} |",
        "|---|" + "---|" * len(SCORES),
    ]
    for method in PLAN.methods:
        cells = [_with_interval(_gain(means.loc[method], score)) for score in SCORES]
        lines.append(f"| {TITLES[method]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _costs(rows: pd.DataFrame) -> str:
    lines = [
        "What a search costs and sees, over tables and folds; times are medians:",
        "",
        "| method | one fit, s | one search, s | a search in fits | stopped early "
        "| failed | seen by the search | then on new rows |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for method in PLAN.methods:
        part = rows[rows["method"] == method]
        tuned = part[part["variant"] == "tuned"]
        fit_s = part[part["variant"] == "default"]["fit_cpu_s"].median()
        search_s = tuned["search_cpu_s"].median()
        pruned, failed = tuned["pruned"].mean(), int(tuned["failed"].sum())
        seen, then = 100 * tuned["inner_best"].mean(), 100 * tuned["balanced"].mean()
        lines.append(
            f"| {TITLES[method]} | {fit_s:.1f} | {search_s:.0f} | "
            f"{search_s / fit_s:.0f} | {pruned:.1f} of {PLAN.n_trials} | {failed} | "
            f"{seen:.1f} | {then:.1f} |"
        )
    return "\n".join(lines)


def _choices(rows: pd.DataFrame) -> str:
    """Say how often the default won, and which of our values left it."""
    tuned = rows[rows["variant"] == "tuned"]
    texts = []
    for method in PLAN.methods:
        params = [
            json.loads(text) for text in tuned[tuned["method"] == method]["params"]
        ]
        kept = sum(not values for values in params)
        texts.append(f"{TITLES[method]} {kept} of {len(params)}")
    ours = make_untuned("qclmixnet", 0)
    space = default_space(ours, n_rows=1)
    usual = default_values(ours, space)
    chosen = [
        values
        for text in tuned[tuned["method"] == "qclmixnet"]["params"]
        if (values := json.loads(text))
    ]
    switches = ("members.entangle", "mixup.mixed_fraction", "contrast.weight")
    counts = Counter(
        name for values in chosen for name in switches if values[name] != usual[name]
    )
    told = ", ".join(f"`{name}` {counts[name]}" for name in switches)
    return (
        f"Searches whose best trial was the default: {', '.join(texts)}. Of the "
        f"{len(chosen)} other choices of QCL-MixNet, so many switched on a part of the "
        f"paper that the default leaves out: {told}."
    )


def taken_from(rows: pd.DataFrame, least: float) -> tuple[int, float]:
    """Return what comes of taking tuned values only for a gain that the search saw.

    Args:
        rows: of one method.
        least: the gain on inner folds from which on they are taken, in points.

    Returns:
        How many searches reach it, and the mean change on new rows, in points; the
        default counts where they do not.
    """
    values = rows.assign(both=rows["balanced"].where(rows["status"] == "ok", 0.0))
    keys = ["table", "fold", "seed"]
    new = values.pivot_table(index=keys, columns="variant", values="both")
    tuned = rows[rows["variant"] == "tuned"].set_index(keys)
    seen = 100 * (tuned["inner_best"] - tuned["inner_default"]).reindex(new.index)
    taken = seen >= least
    change = 100 * (new["tuned"] - new["default"]).where(taken, 0.0)
    return int(taken.sum()), float(change.mean())


def _if_held_back(rows: pd.DataFrame) -> str:
    """Say what a search would bring that leaves the default for large gains only."""
    heads = [f"{TITLES[m]}: taken | change" for m in PLAN.methods]
    lines = [
        "Had tuned values been taken only where the search saw so many points of gain "
        "or more, mean over tables and folds on new rows, in points. Nobody chose a "
        "limit beforehand, so this is a hint for the next study and not a result of "
        "this one:",
        "",
        f"| least gain seen | {' | '.join(heads)} |",
        "|---:|" + "---:|" * (2 * len(PLAN.methods)),
    ]
    n_searches = len(rows[rows["variant"] == "tuned"]) // len(PLAN.methods)
    for least in LEAST_GAINS:
        cells = []
        for method in PLAN.methods:
            n_taken, change = taken_from(rows[rows["method"] == method], least)
            cells += [f"{n_taken} of {n_searches}", f"{change:+.1f}"]
        lines.append(f"| {least:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run what is missing, and draw the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", default=",".join(QUICK_TABLES))
    parser.add_argument("--draw", action="store_true", help="fit nothing")
    options = parser.parse_args()
    if not options.draw:
        warnings.simplefilter("ignore")
        one_thread()
        for name in options.tables.split(","):
            print(name, flush=True)
            run_nested(
                load_table(name), PLAN, rows=ROWS, storage=TRIALS, on_progress=tell
            )
            replace_table(PAGE, render(pd.read_csv(ROWS)))
    replace_table(PAGE, render(pd.read_csv(ROWS)))


if __name__ == "__main__":
    main()
