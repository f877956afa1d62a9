"""Does the entanglement map name the pair of columns that makes the class?

    python benchmarks/couplings.py [--draw]

Tables of six normal columns, of which two matter only together; the default preset with
gated waves, the paper's network, and the paper's with a gate for each column learn them
from 1,500 rows. For each fit the place of the planted pair among the 15 pairs is
stored: in the map of the learned angles, in `interactions`, and, to compare with, among
the products of both columns' importances. Rows go to
`benchmarks/results/couplings.csv`; --draw only puts them on `docs/how-to/explain.md`.
"""

import argparse
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from pages import replace_table
from sklearn.metrics import roc_auc_score

from qclmixnet import QCLMixNetClassifier
from qclmixnet.training import CrossFitRecipe, Recipe, recipe

ROWS = Path(__file__).parent / "results" / "couplings.csv"
PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "explain.md"
N_ROWS, N_COLUMNS, N_SEEDS, N_EPOCHS = 1_500, 6, 8, 40

Score = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
TABLES: dict[str, Score] = {
    "a product alone": lambda a, b, c, d: a * b + 0 * c * d,
    "an XOR beside two weaker columns": lambda a, b, c, d: 2 * np.sign(a * b) + c + d,
    "an XOR beside two stronger columns": lambda a, b, c, d: (
        1.5 * np.sign(a * b) + 2 * c + 2 * d
    ),
    "a column gated by another, beside one": lambda a, b, c, d: (
        3 * a / (1 + np.exp(-3 * b)) + c + 0 * d
    ),
}
NETWORKS = {
    "paper": "paper, one gate for each row",
    "vector": "paper, one gate for each column",
    "waves": "default with gated waves, without trees",
}
PLACES = {
    "map_place": "`entanglement_map`",
    "importance_place": "product of importances",
    "interactions_place": "`interactions`",
}


def preset(network: str) -> Recipe | CrossFitRecipe:
    """Return the recipe of a network."""
    made = recipe("default" if network == "waves" else "paper")
    if isinstance(made, CrossFitRecipe):
        return replace(
            made,
            members=replace(made.members, entangle=True, n_members=4),
            trees=replace(made.trees, n_rounds=0),
        )
    kind = "vector" if network == "vector" else "scalar"
    return replace(made, network=replace(made.network, entanglement=kind))


def draw_table(
    name: str, seed: int, *, new: bool
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Draw rows, labels of which a fifth are 1, and the planted pair."""
    columns = np.random.default_rng(seed).permutation(N_COLUMNS)
    rng = np.random.default_rng([seed, int(new)])
    X = rng.normal(size=(N_ROWS, N_COLUMNS))
    score = TABLES[name](*(X[:, column] for column in columns[:4]))
    score = score + 0.2 * rng.normal(size=N_ROWS)
    low, high = sorted(columns[:2].tolist())
    return X, (score > np.quantile(score, 0.8)).astype(int), (low, high)


def place(strength: np.ndarray, pair: tuple[int, int]) -> int:
    """Return the place of a pair in a matrix of strengths, 1 for the largest."""
    values = [strength[one] for one in combinations(range(len(strength)), 2)]
    return 1 + int(np.sum(np.array(values) > strength[pair]))


def one_fit(table: str, network: str, seed: int) -> dict[str, object]:
    """Fit once and look up the planted pair."""
    X, y, pair = draw_table(table, seed, new=False)
    clf = QCLMixNetClassifier(
        preset=preset(network), max_epochs=N_EPOCHS, random_state=seed
    ).fit(X, y)
    X_new, y_new, _ = draw_table(table, seed, new=True)
    names = [f"x{column}" for column in range(N_COLUMNS)]
    importance = clf.feature_importance(X_new[:200], n_permutations=16)
    mean = importance.mean(axis=1).loc[names].to_numpy()
    found = clf.interactions(X_new, n_pairs=15)
    strength = np.zeros((N_COLUMNS, N_COLUMNS))
    for line in found.itertuples():
        strength[names.index(line.first), names.index(line.second)] = line.strength
    return {
        "table": table,
        "network": network,
        "seed": seed,
        "auc": round(float(roc_auc_score(y_new, clf.predict_proba(X_new)[:, 1])), 4),
        "map_place": place(clf.entanglement_map().to_numpy(), pair),
        "importance_place": place(np.outer(mean, mean), pair),
        "interactions_place": place(strength, pair),
    }


def render(rows: pd.DataFrame) -> str:
    """Write how often each way puts the planted pair first, and its mean place."""
    lines = [
        f"| network | table | ROC AUC | {' | '.join(PLACES.values())} |",
        "|---|---|---|" + "---|" * len(PLACES),
    ]
    for network, words in NETWORKS.items():
        for table in TABLES:
            part = rows[(rows["network"] == network) & (rows["table"] == table)]
            cells = [
                f"{(part[key] == 1).sum()} of {len(part)} ({part[key].mean():.1f})"
                for key in PLACES
            ]
            lines.append(
                f"| {words} | {table} | {part['auc'].mean():.2f} | "
                f"{' | '.join(cells)} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Fit all, unless told to draw only, and put the table on the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draw", action="store_true")
    if not parser.parse_args().draw:
        warnings.simplefilter("ignore")
        rows = [
            one_fit(table, network, seed)
            for network in NETWORKS
            for table in TABLES
            for seed in range(N_SEEDS)
        ]
        pd.DataFrame(rows).to_csv(ROWS, index=False)
    replace_table(PAGE, render(pd.read_csv(ROWS)))


if __name__ == "__main__":
    main()
