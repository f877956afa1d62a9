"""The tables of `docs/explanation/decisions.md`, drawn from the rows."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pages import with_interval
from scipy.stats import binomtest

__all__ = ["render"]

METHODS = {"qclmixnet": "QCL-MixNet", "catboost": "CatBoost"}
SCORES = {"log_loss": "log-loss", "ece": "ECE", "brier": "Brier"}
OF_CALIBRATION = {
    "log_loss": "log-loss",
    "ece": "ECE",
    "ece_over_chance": "ECE over chance",
    "brier": "Brier",
}
VARIANTS = {
    "raw": "as trained",
    "calibrated": "calibrated",
    "chosen": "calibrated, kind chosen",
}


def render(folder: Path) -> str:
    """Return what goes between the markers of the page; a study without rows is out."""
    parts: list[str] = []
    sections: dict[str, Callable[[pd.DataFrame], list[str]]] = {
        "calibration": _calibration,
        "sets": _sets,
        "costs": _costs,
        "prevalence": _prevalence,
    }
    for name, section in sections.items():
        path = folder / f"{name}.csv"
        rows = pd.read_csv(path, keep_default_na=False) if path.exists() else None
        if rows is not None and len(rows):
            parts += section(rows)
    return "\n\n".join(parts)


def _table(header: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _calibration(rows: pd.DataFrame) -> list[str]:
    rows = rows.assign(ece_over_chance=rows["ece"] - rows["ece_by_chance"])
    by_table = rows.groupby(["method", "variant", "table"])[list(OF_CALIBRATION)].mean()
    shared = set.intersection(
        *(set(part["table"]) for _, part in rows.groupby("method"))
    )
    names = [name for name in rows["table"].unique() if name in shared]
    lines = [
        [
            f"{title}, {of}",
            *(
                f"{by_table.loc[(method, variant)].loc[names, s].mean():.4f}"
                for s in OF_CALIBRATION
            ),
        ]
        for method, title in METHODS.items()
        for variant, of in VARIANTS.items()
        if (method, variant) in by_table.index.droplevel("table")
    ]
    pairs = {
        "ours: calibrated minus as trained": (
            ("qclmixnet", "calibrated"),
            ("qclmixnet", "raw"),
        ),
        "ours: kind chosen minus calibrated": (
            ("qclmixnet", "chosen"),
            ("qclmixnet", "calibrated"),
        ),
        "ours minus CatBoost, both calibrated": (
            ("qclmixnet", "calibrated"),
            ("catboost", "calibrated"),
        ),
    }
    differences = [
        [name, *(_difference(by_table, first, second, s) for s in OF_CALIBRATION)]
        for name, (first, second) in pairs.items()
        if {first, second} <= set(by_table.index.droplevel("table"))
    ]
    return [
        "## Calibration",
        f"Means over {len(names)} tables of the suite, {rows['fold'].nunique()} folds. "
        "A fold of a small table has so few rows that right probabilities, too, have a "
        "calibration error; *over chance* is what is left when the error of classes "
        "drawn from the probabilities themselves is taken off.",
        _table(["", *OF_CALIBRATION.values()], lines),
        "Differences, with 95 % intervals over tables and on how many of the tables "
        "the first is lower:",
        _table(["", *OF_CALIBRATION.values()], differences),
    ]


def _difference(
    by_table: pd.DataFrame, first: tuple[str, str], second: tuple[str, str], score: str
) -> str:
    gap = (by_table.loc[first][score] - by_table.loc[second][score]).dropna()
    lower = f"{(gap < 0).sum()} of {len(gap)}"
    return f"{with_interval(gap.to_numpy(), 4)}, {lower}"


def _sets(rows: pd.DataFrame) -> list[str]:
    sums = rows.groupby(["coverage", "table", "class"], sort=False).agg(
        n_held_out=("n_held_out", "min"),
        n_test=("n_test", "sum"),
        n_covered=("n_covered", "sum"),
    )
    sums = sums[sums["n_test"] > 0].reset_index()
    sizes = rows[rows["mean_size"] != ""].astype({"mean_size": float})
    smallest = (
        rows.groupby(["table", "class"])["n_test"].sum().groupby("table").idxmin()
    )
    rare = set(smallest)
    sums["is_rare"] = [
        (t, c) in rare for t, c in zip(sums["table"], sums["class"], strict=True)
    ]
    sums["short"] = [
        binomtest(int(k), int(n), c, alternative="less").pvalue < 0.025
        for k, n, c in zip(
            sums["n_covered"], sums["n_test"], sums["coverage"], strict=True
        )
    ]
    lines = []
    for coverage, part in sums.groupby("coverage"):
        for title, some in (("all", part), ("smallest", part[part["is_rare"]])):
            covered = some["n_covered"].sum() / some["n_test"].sum()
            size = sizes[sizes["coverage"] == coverage]
            keys = set(zip(some["table"], some["class"], strict=True))
            is_in = [k in keys for k in zip(size["table"], size["class"], strict=True)]
            weight = size[is_in]["n_test"]
            lines.append(
                [
                    f"{coverage:g}",
                    title,
                    len(some),
                    f"{covered:.3f}",
                    f"{(some['n_covered'] / some['n_test']).mean():.3f}",
                    int(some["short"].sum()),
                    f"{np.average(size[is_in]['mean_size'], weights=weight):.2f}",
                ]
            )
    short = sums[sums["short"]]
    listed = "; ".join(
        f"{r.table}, class {r['class']}, asked {r.coverage:g}: "
        f"{r.n_covered} of {r.n_test}"
        for _, r in short.iterrows()
    )
    return [
        "## Sets",
        f"Tables: {sums['table'].nunique()}. A class falls short when so few of its "
        "test rows, all folds together, have it in their set that a binomial test says "
        "no at 2.5 %, one-sided: of classes that are right one in forty does.",
        _table(
            [
                *("asked", "classes", "number", "covered rows", "mean over classes"),
                *("fall short", "classes in a set"),
            ],
            lines,
        ),
        f"Short: {listed or 'none'}.",
    ]


def _costs(rows: pd.DataFrame) -> list[str]:
    means = rows.groupby("table", sort=False)[
        ["cost_rule", "argmax", "share_not_above"]
    ].mean()
    ratio = means["cost_rule"] / means["argmax"].replace(0, np.nan)
    lines = [
        [
            name,
            f"{row['argmax']:.4f}",
            f"{row['cost_rule']:.4f}",
            f"{ratio[name]:.2f}",
            f"{row['share_not_above']:.0%}",
        ]
        for name, row in means.iterrows()
    ]
    return [
        "## Costs",
        f"{int(rows['n_matrices'].max()):,} random cost matrices on each of "
        f"{rows['fold'].nunique()} folds: right answers cost nothing, mistakes "
        "exp(1.5 z) with z normal. Mean cost of a test row when the most probable "
        "class is taken, and when the class of the lowest expected cost is.",
        _table(
            ["table", "most probable", "lowest cost", "ratio", "matrices not worse"],
            lines,
        ),
        f"The mean ratio is {ratio.mean():.2f}; the cost rule is cheaper on "
        f"{(ratio < 1).sum()} of {len(ratio)} tables.",
    ]


def _prevalence(rows: pd.DataFrame) -> list[str]:
    lines = []
    for (table, ratio), part in rows.groupby(["table", "ratio"], sort=False):
        if ratio == 0:
            continue
        whole = rows[(rows["table"] == table) & (rows["ratio"] == 0)].set_index("seed")
        for variant, some in part.groupby("variant", sort=False):
            cells = []
            for score in SCORES:
                gap = (some.set_index("seed")[score] - whole[score]).dropna()
                cells.append(f"{gap.mean():+.4f} ± {gap.std():.4f}")
            lines.append([table, f"{ratio}:1", variant, *cells])
    return [
        "## Stated prevalence",
        "The majority of the training rows thinned to a ratio; log-loss, calibration "
        "error and Brier score on the same test rows, minus those of the model that "
        f"learned all rows. Mean and standard deviation over {rows['seed'].nunique()} "
        "seeds.",
        _table(["table", "thinned to", "", *SCORES.values()], lines),
    ]
