"""How many rounds of trees should be grown beside the members.

    python benchmarks/studies/rounds.py [--tables ecoli,pima]

Fits the default preset on the development tables, grows other trees beside the same
fitted members, `MOST` rounds of them, and replays fewer rounds: fixed numbers, and the
number with the lowest weighted log-loss on the left-out rows, of the trees alone or of
their mean with the members. Share of the trees, scaling and rule are then chosen as in
a fit. Rows go to `benchmarks/studies/rounds.csv`; a stopped run goes on where it was.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from development import TABLES, load
from pages import replace_table, with_interval
from recipe import BASE
from replays import members_on_test, missing_tables, scores_of
from rows import append_row

from qclmixnet import QCLMixNetClassifier
from qclmixnet.decision import choose_share, defer, fit_scaling, tune_tilt
from qclmixnet.estimators import member_fitting, member_learning, tree_fitting
from qclmixnet.nn import BoostedTrees

ROWS = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).parents[2] / "docs" / "decisions" / "0017-rounds-of-trees.md"
N_FOLDS, MOST, POWER = 3, 200, 0.5
GRID = (5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 100, 125, 150, 175, 200)
FIXED = (10, 15, 25, 40, 50, 75, 100, 200)
RATES = (0.1, 0.2)
USUAL = (0.2, "50")
USUAL_SHARE = 0.35


@dataclass
class Fit:
    """What the members of a fit say, and what its trees were grown from."""

    grown_from: dict[str, Any]
    left_out: tuple[Any, ...]
    codes: np.ndarray
    members: np.ndarray
    counts: np.ndarray
    truth: np.ndarray
    test_members: np.ndarray
    test: tuple[torch.Tensor, torch.Tensor]
    model: Any


def fits(table: str) -> Iterator[Fit]:
    """Fit the default preset on each fold and keep what trees are grown from."""
    data = load(table)
    for number, fold in enumerate(data.folds()):
        if number == N_FOLDS:
            return
        seen: dict[str, Any] = {}

        def grow(trees, *arguments, seen=seen, **named):
            seen["grown_from"] = {"arguments": arguments, "named": named}
            tree_fitting.fit_trees(trees, *arguments, **named)

        def leave_out(trees, *arguments, seen=seen):
            seen["left_out"] = arguments
            return tree_fitting.left_out_by_trees(trees, *arguments)

        def share(codes, members, trees, counts, *, power, seen=seen):
            seen.update(codes=codes, members=members, counts=counts)
            return choose_share(codes, members, trees, counts, power=power)

        clf = QCLMixNetClassifier(BASE, random_state=0, device="cpu")
        with (
            mock.patch.object(member_learning, "fit_trees", grow),
            mock.patch.object(member_fitting, "left_out_by_trees", leave_out),
            mock.patch.object(member_fitting, "choose_share", share),
        ):
            clf.fit(data.frame.iloc[fold.train], data.codes[fold.train])
        test, by_members, truth = members_on_test(clf, data, fold)
        yield Fit(
            truth=truth,
            test_members=by_members,
            test=test,
            model=clf.state_.model,
            **seen,
        )


def replay(fit: Fit, rate: float) -> Iterator[dict[str, object]]:
    """Grow trees, and decide about the test rows with fewer and fewer of them."""
    usual = fit.model.trees
    trees = BoostedTrees(
        usual.n_num,
        usual.cardinalities,
        usual.n_classes,
        n_sets=usual.n_sets,
        n_rounds=MOST,
        depth=usual.depth,
    )
    named = fit.grown_from["named"]
    config = replace(named["config"], n_rounds=MOST, learning_rate=rate)
    tree_fitting.fit_trees(
        trees, *fit.grown_from["arguments"], **{**named, "config": config}
    )
    unknown = fit.model.unknown_to_trees
    factors = (fit.counts.sum() / np.maximum(fit.counts, 1)) ** POWER
    weights = factors[fit.codes]
    left_out, test, alone, mixed = {}, {}, {}, {}
    for n_rounds in reversed(GRID):
        trees.value[:, n_rounds:] = 0.0
        raw = tree_fitting.left_out_by_trees(trees, *fit.left_out)
        left_out[n_rounds] = defer(raw, fit.members, unknown)
        raw = trees(*fit.test).softmax(dim=2).mean(dim=0).numpy()
        test[n_rounds] = defer(raw, fit.test_members, unknown)
        alone[n_rounds] = _loss(left_out[n_rounds], fit.codes, weights)
        both = (1 - USUAL_SHARE) * fit.members + USUAL_SHARE * left_out[n_rounds]
        mixed[n_rounds] = _loss(both, fit.codes, weights)
    chosen = {str(n_rounds): n_rounds for n_rounds in FIXED}
    chosen["best alone"] = min(alone, key=alone.__getitem__)
    chosen["best in the mean"] = min(mixed, key=mixed.__getitem__)
    for name, n_rounds in chosen.items():
        yield {"rate": rate, "rounds": name, "n_rounds": n_rounds} | decided(
            fit, left_out[n_rounds], test[n_rounds]
        )


def decided(fit: Fit, left_out: np.ndarray, test: np.ndarray) -> dict[str, object]:
    """Choose share, scaling and rule as a fit does, and score the test rows."""
    share = choose_share(fit.codes, fit.members, left_out, fit.counts, power=POWER)
    proba = (1 - share) * fit.members + share * left_out
    tested = (1 - share) * fit.test_members + share * test
    tilt = tune_tilt(fit.codes, proba, fit.counts, power=POWER, objective="balanced")
    n_classes = len(fit.counts)
    factors = fit.counts.sum() / (n_classes * np.maximum(fit.counts, 1))
    scaling = fit_scaling(
        fit.codes, proba, factors**POWER, sample_weight=np.ones(len(fit.codes))
    )
    known = fit.truth >= 0
    scaled = scaling(tested)[known]
    return {
        "share": round(share, 3),
        **scores_of(fit.truth, tested, tilt.offsets),
        "log_loss": round(_loss(scaled, fit.truth[known], np.ones(known.sum())), 6),
    }


def _loss(proba: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> float:
    true = np.maximum(proba[np.arange(len(codes)), codes], 1e-12)
    return float(-np.average(np.log(true), weights=weights))


def stored() -> pd.DataFrame:
    """Return the rows so far."""
    return pd.read_csv(ROWS, dtype={"rounds": str})


def summary(rows: pd.DataFrame) -> str:
    """Return both scores of every way, and their change to the usual rounds."""
    rows = rows.assign(mean=(rows["macro_f1"] + rows["macro_recall"]) / 2)
    rows[["macro_f1", "macro_recall", "mean"]] *= 100
    names = ["macro_f1", "macro_recall", "mean", "log_loss", "n_rounds"]
    scores = rows.groupby(["rate", "rounds", "table"])[names].mean()
    usual = scores.loc[USUAL]
    lines = [
        "| learning rate | rounds | mean rounds | macro-F1 | macro recall | their mean "
        "| log-loss |",
        "|---|---|---|---|---|---|---|",
    ]
    ways = rows.drop_duplicates(["rate", "rounds"])[["rate", "rounds"]]
    for rate, rounds in ways.itertuples(index=False):
        part = scores.loc[(rate, rounds)]
        cells = []
        for name in names[:-1]:
            change = (part[name] - usual[name]).to_numpy()
            cells.append(with_interval(change, 3 if name == "log_loss" else 2))
        if (rate, rounds) == USUAL:
            cells = [
                f"{usual[name].mean():.3f}"
                if name == "log_loss"
                else f"{usual[name].mean():.2f}"
                for name in names[:-1]
            ]
        mean = part["n_rounds"].mean()
        lines.append(f"| {rate} | {rounds} | {mean:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Fit what is missing, and draw the page."""
    for table in missing_tables(__doc__, TABLES, ROWS):
        rows = [
            {"table": table, "fold": number} | row
            for number, fit in enumerate(fits(table))
            for rate in RATES
            for row in replay(fit, rate)
        ]
        for row in rows:
            append_row(ROWS, row)
    replace_table(PAGE, summary(stored()))


if __name__ == "__main__":
    main()
