"""What tuned offsets bring on fresh rows, on simulated tables.

    python benchmarks/studies/offset_rule.py [REPEATS]

720 tables with 40 repeats: 2, 5 and 10 classes, imbalance 10 and 100, 200 to 2,000 rows
to tune on; posteriors of Gaussian classes, made noisy, biased and too sharp or flat.
Rows go to `benchmarks/studies/offset_rule.csv`; prints the tables of decision 0007.
"""

import sys
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd

from qclmixnet.decision import tune_offsets
from qclmixnet.decision.sweep import Objective, inner_score

ROWS = Path(__file__).with_suffix(".csv")
N_TEST = 8000
NAMES = {
    "balanced": "mean of both",
    "macro_f1": "macro-F1",
    "macro_recall": "macro recall",
}
TITLES = {"objective": "tuned and scored by", "n_classes": "classes", "n_rows": "rows"}
COLUMNS = (
    "priced (the default)",
    "unpriced",
    "first step alone",
    "worse by over a point",
)
RULES = {
    "priced": {},
    "unpriced": {"price": 0.0, "min_rows": 1},
    "first_step": {"price": 1e6},
}


def world(rng: np.random.Generator, n_classes: int, imbalance: float):
    """Return a function that draws rows of one simulated table."""
    separation, noise = rng.uniform(0.6, 1.8), rng.uniform(0.3, 1.2)
    sharpness, prior_share = rng.choice([0.7, 1, 2]), rng.choice([0, 0.5, 1, 1])
    prior = np.exp(-np.linspace(0, np.log(imbalance), n_classes))
    prior /= prior.sum()
    d = max(2, n_classes // 2)
    centres = rng.normal(size=(n_classes, d)) * separation
    rng.normal(size=(d, n_classes))  # kept: the published draws come after it
    bias = rng.normal(size=n_classes) * noise * 0.5

    def draw(n_rows: int):
        codes = rng.choice(n_classes, size=n_rows, p=prior)
        x = centres[codes] + rng.normal(size=(n_rows, d))
        logits = -((x[:, None] - centres[None]) ** 2).sum(2) / 2
        logits += np.log(prior) * prior_share
        logits = sharpness * (logits + noise * rng.normal(size=logits.shape))
        rng.normal(size=n_classes)  # kept, as above
        logits += bias
        proba = np.exp(logits - logits.max(1, keepdims=True))
        return codes, proba / proba.sum(1, keepdims=True)

    return draw


def simulate(objective: Objective, n_repeats: int):
    """Score each rule on fresh rows of each table."""
    cells = product((2, 5, 10), (10, 100), (200, 500, 2000), range(n_repeats))
    for n_classes, imbalance, n_rows, repeat in cells:
        rng = np.random.default_rng([n_classes, imbalance, n_rows, repeat, 7])
        draw = world(rng, n_classes, imbalance)
        (codes, proba), (truth, fresh) = draw(n_rows), draw(N_TEST)
        plain = inner_score(truth, fresh.argmax(1), n_classes, objective)
        row = {
            "objective": objective,
            "n_classes": n_classes,
            "imbalance": imbalance,
            "n_rows": n_rows,
            "repeat": repeat,
            "smallest_class": np.bincount(codes)[np.bincount(codes) > 0].min(),
            "argmax": plain,
        }
        for name, settings in RULES.items():
            rule = tune_offsets(codes, proba, objective=objective, **settings)
            score = inner_score(truth, rule.decide(fresh), n_classes, objective)
            row[name] = score - plain
        yield row


def markdown(rows: pd.DataFrame, by: list[str]) -> str:
    """Return mean changes in points of 100, with the standard error of the default."""
    heads = [*(TITLES[name] for name in by), *COLUMNS]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for key, part in rows.groupby(by, sort=False):
        gains = 100 * part[list(RULES)]
        error = gains["priced"].std(ddof=0) / len(part) ** 0.5
        worse = (gains["priced"] < -1).mean()
        cells = [
            *(NAMES[v] if isinstance(v, str) else f"{v:,}" for v in key),
            f"{gains['priced'].mean():+.2f} ± {error:.2f}",
            f"{gains['unpriced'].mean():+.2f}",
            f"{gains['first_step'].mean():+.2f}",
            f"{worse:.0%}".replace("%", " %"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def by_objective(rows: pd.DataFrame) -> str:
    """Return the table of all simulated tables."""
    return markdown(rows, ["objective"])


def by_size(rows: pd.DataFrame) -> str:
    """Return the table by classes and rows, for the mean of both scores."""
    return markdown(rows[rows["objective"] == "balanced"], ["n_classes", "n_rows"])


def main() -> None:
    """Simulate, store and print."""
    n_repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    objectives = get_args(Objective)
    rows = pd.DataFrame(
        row for objective in objectives for row in simulate(objective, n_repeats)
    )
    rows.round(6).to_csv(ROWS, index=False)
    print(by_objective(rows))
    print(by_size(rows))


if __name__ == "__main__":
    main()
