"""`qclmixnet demo`: the whole way on a real table, beside other classifiers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from rich.markup import escape
from rich.table import Table
from sklearn.base import clone

from qclmixnet.baselines import make_baseline
from qclmixnet.cli.console import show, show_json
from qclmixnet.cli.fitting import FittedOn, Split, fit_and_score, split_rows
from qclmixnet.cli.score_tables import class_table
from qclmixnet.core.errors import MissingExtraError
from qclmixnet.datasets import load_dataset
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.estimators.persistence import check_destination
from qclmixnet.report import draw_fit, require_drawing

__all__ = ["run_demo"]

_TEST_FRACTION = 0.25
_TITLES = {
    "catboost": "CatBoost (balanced)",
    "random_forest": "random forest",
    "logistic_regression": "logistic regression (balanced)",
}


@dataclass(frozen=True)
class _Outcome:
    title: str
    fitted: FittedOn


def run_demo(
    *,
    out: Path,
    dataset: str,
    preset: Literal["default", "paper"],
    max_epochs: int | None,
    seed: int,
    as_json: bool,
) -> None:
    """Fit, compare, save the model and the picture."""
    model, picture = out / "model", out / "fit.png"
    check_destination(model)
    require_drawing()
    data = load_dataset(dataset)
    split = split_rows(data.frame, data.target, test_fraction=_TEST_FRACTION, seed=seed)
    if not as_json:
        show(_introduction(dataset, data.target, split))
    clf = QCLMixNetClassifier(
        preset, max_epochs=max_epochs, random_state=seed, verbose=0 if as_json else 1
    )
    title = f"QCL-MixNet ({preset})"
    outcomes = [_Outcome(title, fit_and_score(clf, split))]
    other = "paper" if preset == "default" else "default"
    second = clone(clf).set_params(preset=other)
    outcomes.append(_Outcome(f"QCL-MixNet ({other})", fit_and_score(second, split)))
    missing = []
    for name, peer_title in _TITLES.items():
        try:
            peer = make_baseline(name, random_state=seed)
        except MissingExtraError as error:
            missing.append(str(error))
            continue
        outcomes.append(_Outcome(peer_title, fit_and_score(peer, split)))
    scores = outcomes[0].fitted.scores
    clf.save(model)
    draw_fit(
        scores,
        clf.history_,
        best_epoch=clf.best_epoch_,
        title=f"{title} on {dataset}",
        path=picture,
    )
    if as_json:
        show_json(
            {
                "dataset": dataset,
                "model": str(model),
                "picture": str(picture),
                "results": {
                    o.title: {
                        "fit_seconds": o.fitted.fit_seconds,
                        **o.fitted.scores.to_dict(),
                    }
                    for o in outcomes
                },
            }
        )
        return
    on = f"{title} on {len(split.y_test)} rows that it has not seen"
    show(class_table(scores, title=on), _comparison(outcomes), *missing)
    show(f"Model saved in {model}, picture in {picture}.")


def _introduction(dataset: str, target: pd.Series, split: Split) -> str:
    counts = target.value_counts()
    return (
        f"{dataset}: {len(target)} rows, {split.X_train.shape[1]} columns, "
        f"{len(counts)} classes of {counts.iloc[0]} to {counts.iloc[-1]} rows "
        f"(imbalance {counts.iloc[0] / counts.iloc[-1]:.0f}:1). Learning from "
        f"{len(split.y_train)} rows, scoring on the other {len(split.y_test)}."
    )


def _comparison(outcomes: list[_Outcome]) -> Table:
    table = Table(
        title="The same rows, other classifiers",
        title_justify="left",
        title_style="bold",
        caption="One split of one table is an illustration, not a comparison.",
        caption_justify="left",
    )
    table.add_column("classifier")
    columns = ("macro-F1", "macro recall", "G-mean", "rarest class's recall")
    for name in (*columns, "fit seconds"):
        table.add_column(name, justify="right")
    for outcome in outcomes:
        scores = outcome.fitted.scores
        values = (
            scores.macro_f1,
            scores.macro_recall,
            scores.g_mean,
            scores.rare_recall,
        )
        cells = [f"{value:.3f}" for value in values]
        seconds = f"{outcome.fitted.fit_seconds:.1f}"
        table.add_row(escape(outcome.title), *cells, seconds)
    return table
