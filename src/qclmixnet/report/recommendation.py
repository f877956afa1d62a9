"""Which method to take for one table, in plain words that follow a test."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.core.checks import check_choice
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.single_table import PairedTest, corrected_t_test
from qclmixnet.evaluation.statistics import holm
from qclmixnet.report.scope import counted_rows, is_one_table, titles_of

__all__ = ["Recommendation", "recommend"]

_ALPHA = 0.05
_SMALL_P = 0.001
_NAMES = {"macro_f1": "macro-F1", "macro_recall": "macro recall"}


@dataclass(frozen=True)
class Recommendation:
    """What to take, and why.

    Attributes:
        winner: stable name of the method with the highest mean score.
        distinguishable: whether the winner is better than the runner-up by the
            corrected test.
        text: the recommendation for people, a few sentences.
    """

    winner: str
    distinguishable: bool
    text: str


def recommend(
    run: BenchmarkRun, *, score: str = "macro_f1", ours: str = "qclmixnet"
) -> Recommendation:
    """Say who wins on a table, by how much, whether it is distinguishable, the cost.

    Methods are compared as they decide themselves, by the mean over all folds; a fit
    that failed counts 0. The winner is tested against each other method by Nadeau and
    Bengio's corrected resampled t-test with Holm's correction.

    Args:
        run: a run on one table with at least one method.
        score: the score that decides, ``macro_f1`` or ``macro_recall``.
        ours: our method, about which the text always says where it stands.

    Returns:
        The recommendation.

    Raises:
        InputError: the run has no rows or several tables, no fit succeeded, or the
            score is another one.
    """
    check_choice(score, "score", list(_NAMES))
    if not is_one_table(run):
        raise InputError(
            "A recommendation is for one table; this run has "
            f"{len(run.description.tables)}."
        )
    rows = counted_rows(run)
    rows = rows[rows["rule"] == "as_is"]
    if not (rows["status"] == "ok").any():
        raise InputError(
            "No fit succeeded, so there is nothing to recommend. The first message is: "
            f"{str(rows['message'].iloc[0]).rstrip('.')}."
        )
    values = rows[score].where(rows["status"] == "ok", 0.0)
    folds = pd.pivot_table(
        rows.assign(value=values),
        index=["seed", "fold"],
        columns="method",
        values="value",
    )
    means = folds.mean().sort_values(ascending=False, kind="stable")
    winner, others = str(means.index[0]), [str(name) for name in means.index[1:]]
    n_train, n_test = int(rows["n_train"].mean()), int(rows["n_test"].mean())
    tests = {
        name: corrected_t_test(
            (folds[winner] - folds[name]).tolist(), n_train=n_train, n_test=n_test
        )
        for name in others
    }
    p_values = dict(
        zip(others, holm([test.p_value for test in tests.values()]), strict=True)
    )
    titles = titles_of(run)
    sentences = [_headline(run, titles[winner], float(means.iloc[0]), folds, score)]
    if others:
        second = others[0]
        sentences.append(_runner_up(titles[second], tests[second], p_values[second]))
    sentences += _beaten(titles, winner, others, p_values)
    sentences += _about_ours(titles, means, ours, winner, others, tests, p_values)
    sentences.append(_costs(rows, titles, winner, others))
    sentences += _failures(rows, titles)
    is_better = bool(others) and p_values[others[0]] < _ALPHA
    return Recommendation(winner, is_better, " ".join(sentences))


def _headline(
    run: BenchmarkRun, title: str, mean: float, folds: pd.DataFrame, score: str
) -> str:
    table, asked = run.tables[0], run.description
    text = (
        f"On {table.n_rows:,} rows in {table.n_classes} classes (the rarest has "
        f"{table.smallest_class}), {title} has the highest {_NAMES.get(score, score)}: "
        f"{mean:.3f} on average over {len(folds)} test parts."
    )
    if asked.time_column:
        text += (
            " Each test part is a block of time, learned from the rows before it "
            f"(column {asked.time_column!r})."
        )
    # Blocks in time lie in the second half; the last has most rows before it.
    held_out = (0.5 if asked.time_column else 1) / asked.n_folds
    n_train = table.n_rows * (1 - held_out)
    if n_train <= asked.max_train_rows:
        return text
    about = "up to" if asked.time_column else "about"
    return (
        f"{text} Each method learned from {asked.max_train_rows:,} of {about} "
        f"{n_train:,.0f} training rows; with all of them the order may differ."
    )


def _runner_up(second: str, test: PairedTest, p: float) -> str:
    interval = f"{test.mean:.3f} (95 % interval {test.low:.3f} to {test.high:.3f})"
    if np.isfinite(p) and p < _ALPHA:
        return (
            f"It is better than the second, {second}, by {interval}; the "
            f"difference is distinguishable from chance{_p_in_words(p)}."
        )
    if test.mean == test.low == test.high == 0:
        return f"{second} has the same in every test part: let cost or habit decide."
    return (
        f"The second, {second}, is behind by {interval}, which is not "
        f"distinguishable from chance{_p_in_words(p)}: either will do, so let cost or "
        "habit decide."
    )


def _p_in_words(p: float) -> str:
    if not np.isfinite(p):
        return ""
    return f" (p {'< 0.001' if p < _SMALL_P else f'= {p:.2g}'}, corrected)"


def _beaten(
    titles: dict[str, str], winner: str, others: list[str], p_values: dict[str, float]
) -> list[str]:
    beaten = [titles[name] for name in others[1:] if p_values[name] < _ALPHA]
    if not beaten:
        return []
    also = "also " if p_values[others[0]] < _ALPHA else ""
    return [f"{titles[winner]} is {also}better than {_listed(beaten)}."]


def _about_ours(
    titles: dict[str, str],
    means: "pd.Series[float]",
    ours: str,
    winner: str,
    others: list[str],
    tests: dict[str, PairedTest],
    p_values: dict[str, float],
) -> list[str]:
    if ours not in means.index or ours == winner or ours == others[0]:
        return []
    place = means.index.tolist().index(ours) + 1
    verdict = "worse" if p_values[ours] < _ALPHA else "not distinguishable from it"
    return [
        f"{titles[ours]} is number {place} of {len(means)}, {tests[ours].mean:.3f} "
        f"behind the first: {verdict}."
    ]


def _costs(
    rows: pd.DataFrame, titles: dict[str, str], winner: str, others: list[str]
) -> str:
    medians = rows.groupby("method")[["fit_s", "predict_s_per_1k"]].median()
    gpus = set(rows.loc[rows["device"] != "cpu", "method"])
    told = []
    for name in [winner, *others[:1]]:
        fit_s = float(medians["fit_s"].loc[name])
        predict_s = float(medians["predict_s_per_1k"].loc[name])
        if np.isfinite(fit_s):
            on_gpu = ", on a GPU," if name in gpus else ""
            told.append(
                f"{titles[name]} takes {_seconds(fit_s)} to fit{on_gpu} and "
                f"{_seconds(predict_s)} to predict 1,000 rows"
            )
    return "; ".join(told) + " (medians)."


def _failures(rows: pd.DataFrame, titles: dict[str, str]) -> list[str]:
    bad = rows[rows["status"] != "ok"].groupby("method").size()
    return [
        f"{titles[str(name)]} failed or ran out of time in {count} of "
        f"{int((rows['method'] == name).sum())} fits, which count as 0."
        for name, count in bad.items()
    ]


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if value >= 10 else f"{value:.2g} s"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
