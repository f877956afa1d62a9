"""How much the trees should count, and which rule should decide.

    python benchmarks/studies/deciding.py [--tables ecoli,pima]

Fits the default preset on the development tables and replays, on the same fitted
members and trees, other shares of the trees and other rules. Rows go to
`benchmarks/studies/deciding.csv`, one per fit, share and rule; a stopped run goes on
where it was. The tables of `docs/decisions/0009-trees-and-lean.md` are drawn from them.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from development import TABLES, load
from pages import replace_table, with_interval
from recipe import BASE
from replays import members_on_test, missing_tables, scores_of
from rows import append_row

from qclmixnet import QCLMixNetClassifier
from qclmixnet.decision import choose_share, defer, tune_offsets, tune_tilt
from qclmixnet.decision.tilt import rarity
from qclmixnet.estimators import member_fitting

ROWS = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).parents[2] / "docs" / "decisions" / "0009-trees-and-lean.md"
N_FOLDS = 3
POWER = 0.5
DEFAULT = ("chosen", "tuned lean")


@dataclass
class Fit:
    """What both parts of a fitted model say about left-out and test rows."""

    codes: np.ndarray
    members: np.ndarray
    trees: np.ndarray
    counts: np.ndarray
    truth: np.ndarray
    test_members: np.ndarray
    test_trees: np.ndarray


def fits(table: str) -> Iterator[Fit]:
    """Fit the default preset on each fold and take its parts apart."""
    data = load(table)
    for number, fold in enumerate(data.folds()):
        if number == N_FOLDS:
            return
        seen: list[tuple[np.ndarray, ...]] = []

        def listen(
            codes: np.ndarray,
            members: np.ndarray,
            trees: np.ndarray,
            counts: np.ndarray,
            *,
            power: float,
            seen: list[tuple[np.ndarray, ...]] = seen,
        ) -> float:
            seen.append((codes, members, trees, counts))
            return choose_share(codes, members, trees, counts, power=power)

        clf = QCLMixNetClassifier(BASE, random_state=0, device="cpu")
        with mock.patch.object(member_fitting, "choose_share", listen):
            clf.fit(data.frame.iloc[fold.train], data.codes[fold.train])
        test, by_members, truth = members_on_test(clf, data, fold)
        model = clf.state_.model
        by_trees = model.trees(*test).softmax(dim=2).mean(dim=0).numpy()
        by_trees = defer(by_trees, by_members, model.unknown_to_trees)
        yield Fit(*seen[0], truth, by_members, by_trees)


def replay(fit: Fit) -> Iterator[dict[str, object]]:
    """Decide about the test rows in every way."""
    chosen = choose_share(fit.codes, fit.members, fit.trees, fit.counts, power=POWER)
    step = rarity(fit.counts)
    shares = {"no trees": 0.0, "0.35": 0.35, "chosen": chosen, "trees alone": 1.0}
    for share_name, share in shares.items():
        left_out = (1 - share) * fit.members + share * fit.trees
        test = (1 - share) * fit.test_members + share * fit.test_trees
        rules = {
            f"lean {lean}": (lean - POWER) * step
            for lean in (0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 1.0)
        }
        for objective in ("balanced", "macro_f1", "macro_recall"):
            tilt = tune_tilt(
                fit.codes, left_out, fit.counts, power=POWER, objective=objective
            )
            name = "tuned lean" if objective == "balanced" else f"lean for {objective}"
            rules[name] = tilt.offsets
        rules["class by class"] = tune_offsets(fit.codes, left_out).offsets
        for name, offsets in rules.items():
            yield {
                "share": share_name,
                "rule": name,
                **scores_of(fit.truth, test, offsets),
            }


def summary(rows: pd.DataFrame) -> str:
    """Return both scores of every way, and the change of their mean to the default."""
    rows = rows.assign(mean=(rows["macro_f1"] + rows["macro_recall"]) / 2)
    names = ["macro_f1", "macro_recall", "mean"]
    scores = 100 * rows.groupby(["share", "rule", "table"])[names].mean()
    default = scores.loc[DEFAULT]["mean"]
    lines = [
        "| trees' share | rule | macro-F1 | macro recall | mean, against the default |",
        "|---|---|---|---|---|",
    ]
    ways = rows.drop_duplicates(["share", "rule"])[["share", "rule"]]
    for share, rule in ways.itertuples(index=False):
        part = scores.loc[(share, rule)]
        change = (part["mean"] - default).to_numpy()
        against = with_interval(change, 2)
        if (share, rule) == DEFAULT:
            against = "the default"
        f1, recall = part["macro_f1"].mean(), part["macro_recall"].mean()
        lines.append(f"| {share} | {rule} | {f1:.2f} | {recall:.2f} | {against} |")
    return "\n".join(lines)


def main() -> None:
    """Fit what is missing, and draw the page."""
    for table in missing_tables(__doc__, TABLES, ROWS):
        rows = [
            {"table": table, "fold": number} | row
            for number, fit in enumerate(fits(table))
            for row in replay(fit)
        ]
        for row in rows:
            append_row(ROWS, row)
    replace_table(PAGE, summary(pd.read_csv(ROWS)))


if __name__ == "__main__":
    main()
