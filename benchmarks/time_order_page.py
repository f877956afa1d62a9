"""The tables of `docs/explanation/time_order.md`, drawn from the rows."""

import numpy as np
import pandas as pd
from pages import interval

__all__ = ["differences", "render"]

METHODS = {"qclmixnet": "QCL-MixNet", "catboost": "CatBoost"}
SCORES = {"macro_f1": "macro-F1", "macro_auprc": "macro AUPRC"}
QUESTIONS = {
    "Random split minus split by time": ("split", "random", "time", {}),
    "With lags minus without, split by time": ("lags", "yes", "no", {"split": "time"}),
    "With lags minus without, random split": ("lags", "yes", "no", {"split": "random"}),
    "QCL-MixNet minus CatBoost, split by time": (
        "method",
        "qclmixnet",
        "catboost",
        {"split": "time"},
    ),
    "QCL-MixNet minus CatBoost, random split": (
        "method",
        "qclmixnet",
        "catboost",
        {"split": "random"},
    ),
}
_PLACES = ["table", "block", "split", "lags", "method"]


def differences(rows: pd.DataFrame, question: str, score: str) -> pd.Series:
    """Return one difference per table and block: the mean over what is not asked."""
    column, first, second, only = QUESTIONS[question]
    kept = rows
    for name, value in only.items():
        kept = kept[kept[name] == value]
    places = [name for name in _PLACES if name != column]
    wide = kept.pivot_table(index=places, columns=column, values=score)
    return (wide[first] - wide[second]).groupby(["table", "block"]).mean()


def render(rows: pd.DataFrame) -> str:
    """Return what goes between the markers of the page."""
    tables = list(dict.fromkeys(rows["table"]))
    parts = [_means(rows, tables)]
    for score, label in SCORES.items():
        parts.append(f"{label}, differences in points:")
        parts.append(_questions(rows, tables, score))
    n_fits, minutes = len(rows), rows["cpu_s"].sum() / 60
    sizes = "; ".join(
        f"{table} {part['n_train'].max():,} and {part['n_test'].max():,}"
        for table, part in rows.groupby("table", sort=False)
    )
    parts.append(
        f"{n_fits} fits, {minutes:.0f} processor minutes. Rows learned from and "
        f"tested, at most: {sizes}."
    )
    return "\n\n".join(parts)


def _means(rows: pd.DataFrame, tables: list[str]) -> str:
    lines = [
        "| table | split | lags | "
        + " | ".join(f"{m}, {s}" for s in SCORES.values() for m in METHODS.values())
        + " |",
        "|---|---|---|" + "--:|" * (len(SCORES) * len(METHODS)),
    ]
    for table in tables:
        for split in ("random", "time"):
            for lags in ("no", "yes"):
                part = rows[
                    (rows["table"] == table)
                    & (rows["split"] == split)
                    & (rows["lags"] == lags)
                ]
                means = part.groupby("method")[list(SCORES)].mean()
                cells = [
                    f"{100 * means.loc[method, score]:.1f}"
                    for score in SCORES
                    for method in METHODS
                ]
                lines.append(f"| {table} | {split} | {lags} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _questions(rows: pd.DataFrame, tables: list[str], score: str) -> str:
    lines = [
        "| | " + " | ".join(tables) + " | all blocks |",
        "|---|" + "---|" * (len(tables) + 1),
    ]
    for question in QUESTIONS:
        found = 100 * differences(rows, question, score)
        cells = [
            f"{part.mean():+.1f} ({part.min():+.1f} to {part.max():+.1f})"
            for part in (found[table] for table in tables)
        ]
        low, high = interval(found.to_numpy())
        cells.append(f"**{np.mean(found):+.1f}** ({low:+.1f} to {high:+.1f})")
        lines.append(f"| {question} | {' | '.join(cells)} |")
    return "\n".join(lines)
