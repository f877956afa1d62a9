"""How scores change under stress, and where a method works, degrades or fails.

The rule, for each kind of stress, method and score:

* The *skill* of a fit is its score less that of a classifier that always gives the same
  class: one over the number of classes for macro recall and as an upper bound for
  macro-F1, 0 for the recall of the smallest class.
* What a fit *retains* is its skill over the method's mean skill on the same table as it
  is. Tables on which that is below 0.05 are left out: there is nothing to lose.
* **works**: the mean of what the fits retain is at least 0.9.
* **fails**: not distinguishable from that classifier; the lower end of the one-sided
  95 % t-interval of the mean is 0 or below. Its width comes from the scatter between
  the folds of a table, pooled over the levels of the kind, so it speaks of these tables
  and not of others.
* **degrades**: in between.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.stress import STRESS_KINDS, read_stressed_name
from qclmixnet.report.scope import counted_rows

__all__ = [
    "STRESS_SCORES",
    "Verdict",
    "boundaries",
    "level_table",
    "retained_verdict",
    "stress_values",
]

STRESS_SCORES = {
    "macro_f1": "macro-F1",
    "macro_recall": "macro recall",
    "rare_recall": "recall of the smallest class",
}
"""Scores of a robustness study and their names for people."""

Verdict = Literal["works", "degrades", "fails"]

_WORKS_AT = 0.9
_NOTHING_TO_LOSE = 0.05


@dataclass(frozen=True)
class _Entry:
    """A table of the run, taken apart."""

    name: str
    base: str
    kind: str
    level: float


def _entries(run: BenchmarkRun) -> list[_Entry]:
    """List the stressed tables, and each table as it is once for each of its kinds."""
    plain: list[str] = []
    found: list[_Entry] = []
    for name in run.description.tables:
        base, stress = read_stressed_name(name)
        if stress is None:
            plain.append(name)
        else:
            found.append(_Entry(name, base, stress.kind, stress.level))
    has_start = {(entry.base, entry.kind) for entry in found if entry.level == 0}
    shared = [
        _Entry(name, name, kind, 0.0)
        for name in plain
        for kind in dict.fromkeys(e.kind for e in found if e.base == name)
        if (name, kind) not in has_start
    ]
    order = list(STRESS_KINDS)
    return sorted([*shared, *found], key=lambda entry: order.index(entry.kind))


def stress_values(run: BenchmarkRun) -> pd.DataFrame:
    """Return the scores of every fit of a study.

    Args:
        run: a run with stressed tables.

    Returns:
        A row for each kind, level, table, method, fold and seed; columns ``kind level
        base table method fold seed``, the `STRESS_SCORES`, and ``trivial``, the macro
        recall of a classifier that always gives the same class. A failed or timed-out
        fit counts 0. A method that has not finished any table is left out. A level
        that another has not finished on a table is left out for all methods, so that
        they are compared on the same tables.

    Raises:
        InputError: the run has no stressed table, or no finished row.
    """
    entries = _entries(run)
    if not entries:
        raise InputError(
            "The run has no stressed table; expected are names such as "
            "'yeast~missing~0.4', as `qclmixnet stress` writes them."
        )
    rows = counted_rows(run)
    rows = rows[rows["rule"] == "as_is"]
    asked = run.description
    counts = pd.crosstab(rows["table"], rows["method"])
    counts = counts.reindex(columns=list(asked.methods)).fillna(0)
    finished = counts >= asked.n_folds * asked.n_seeds
    finished = finished.loc[:, finished.any()]
    whole = finished.all(axis=1) & bool(finished.shape[1])
    n_classes = {facts.name: facts.n_classes for facts in run.tables}
    known = pd.DataFrame([vars(entry) for entry in entries])
    known = known.rename(columns={"name": "table"})
    known = known[known["table"].isin(whole.index[whole])]
    if not len(known):
        raise InputError(
            "No level is finished by all methods yet, so there is nothing to compare; "
            "go on with the run."
        )
    known["trivial"] = [1.0 / n_classes[name] for name in known["table"]]
    rows = rows[rows["method"].isin(finished.columns)].sort_values(
        "method", key=lambda names: names.map(asked.methods.index), kind="stable"
    )
    scores = rows[["table", "method", "fold", "seed"]].assign(
        **{
            score: rows[score].astype(float).where(rows["status"] == "ok", 0.0)
            for score in STRESS_SCORES
        }
    )
    values = known.merge(scores, on="table")
    columns = ["kind", "level", "base", "table", "method", "fold", "seed"]
    return values[[*columns, *STRESS_SCORES, "trivial"]]


def retained_verdict(
    retained: Sequence[float], *, scatter: float, freedom: int
) -> tuple[float, float, Verdict]:
    """Judge what fits retain of a method's skill.

    Args:
        retained: one number for each fit; 1 is all of it, 0 what a classifier has that
            always gives the same class.
        scatter: standard deviation of one fit.
        freedom: degrees of freedom that it was estimated with; with none the interval
            has no width.

    Returns:
        Their mean, the lower end of its one-sided 95 % interval, and the verdict.

    >>> retained_verdict([0.95, 0.97], scatter=0.1, freedom=4)[2]
    'works'
    >>> retained_verdict([0.6, 0.5, 0.7], scatter=0.1, freedom=4)[2]
    'degrades'
    >>> retained_verdict([0.1, -0.2, 0.1], scatter=0.1, freedom=4)[2]
    'fails'
    """
    mean = low = float(np.mean(retained))
    if freedom > 0:
        error = scatter / len(retained) ** 0.5
        low = mean - float(stats.t.ppf(0.95, freedom)) * error
    if mean >= _WORKS_AT:
        return mean, low, "works"
    return mean, low, "fails" if low <= 0 else "degrades"


def level_table(values: pd.DataFrame) -> pd.DataFrame:
    """Return scores and verdict of each kind, score, method and level.

    Args:
        values: see `stress_values`.

    Returns:
        Columns ``kind score method level tables bases mean start low_fold high_fold
        retained retained_low verdict``, levels mildest first. ``tables`` is the number
        of tables and ``bases`` their names; ``mean`` is over them, ``start`` that of
        the same tables as they are, ``low_fold`` and ``high_fold`` the mean of the
        worst and the best fold. ``verdict`` is empty for level 0 and "never works"
        where the method has nothing to lose on any table. A table that is not finished
        as it is has no level to compare with, and is left out.

    Raises:
        InputError: no table is finished as it is.
    """
    started = values[values["level"] == 0][["kind", "base"]].drop_duplicates()
    values = values.merge(started, on=["kind", "base"])
    if not len(values):
        raise InputError(
            "No table is finished as it is by all methods yet, so no level can be "
            "compared with it; go on with the run."
        )
    records = []
    for score in STRESS_SCORES:
        for (kind, method), part in values.groupby(["kind", "method"], sort=False):
            records += _levels_of(part, str(kind), str(method), score)
    return pd.DataFrame(records)


def _levels_of(
    part: pd.DataFrame, kind: str, method: str, score: str
) -> list[dict[str, object]]:
    trivial = part["trivial"] if score != "rare_recall" else 0.0
    part = part.assign(value=part[score], skill=part[score] - trivial)
    as_is = part[part["level"] == 0]
    start = as_is.groupby("base")["skill"].mean()
    start = start[start >= _NOTHING_TO_LOSE]
    part["retained"] = part["skill"] / part["base"].map(start)
    scatter, freedom = _scatter_between_folds(part)
    records: list[dict[str, object]] = []
    for level in sorted(part["level"].unique(), key=STRESS_KINDS[kind].hardness):
        here = part[part["level"] == level]
        by_fold = here.groupby(["fold", "seed"])["value"].mean()
        judged = here["retained"].dropna().tolist()
        retained, low, verdict = float("nan"), float("nan"), "never works"
        if judged:
            retained, low, verdict = retained_verdict(
                judged, scatter=scatter, freedom=freedom
            )
        records.append(
            {
                "kind": kind,
                "score": score,
                "method": method,
                "level": level,
                "tables": here["base"].nunique(),
                "bases": " ".join(sorted(here["base"].unique())),
                "mean": float(here["value"].mean()),
                "start": float(as_is[as_is["base"].isin(here["base"])]["value"].mean()),
                "low_fold": float(by_fold.min()),
                "high_fold": float(by_fold.max()),
                "retained": retained,
                "retained_low": low,
                "verdict": "" if level == 0 and judged else verdict,
            }
        )
    return records


def _scatter_between_folds(part: pd.DataFrame) -> tuple[float, int]:
    """Return the pooled standard deviation within table and level, and its freedom."""
    judged = part.dropna(subset=["retained"])
    cells = judged.groupby(["base", "level"])["retained"]
    freedom = len(judged) - cells.ngroups
    if freedom <= 0:
        return 0.0, 0
    residuals = judged["retained"] - cells.transform("mean")
    return float(((residuals**2).sum() / freedom) ** 0.5), freedom


def boundaries(levels: pd.DataFrame) -> pd.DataFrame:
    """Return up to which level a method works, and from which it degrades or fails.

    Args:
        levels: see `level_table`.

    Returns:
        A row for each kind, score and method; columns ``kind score method works_to
        degrades_from fails_from`` in words, ``hardest``, the mean score at the hardest
        level, and ``start``, that of the same tables as they are. A level counts once
        it is reached: a method that recovers further on has degraded all the same.
    """
    records = []
    for (score, kind, method), part in levels.groupby(
        ["score", "kind", "method"], sort=False
    ):
        text = STRESS_KINDS[str(kind)].level_text
        under = part[part["level"] != 0]
        works = (under["verdict"] == "works").cumprod().astype(bool)
        fails = under["verdict"].isin(["fails", "never works"])
        never = (part["verdict"] == "never works").all()
        reached = under["level"][works.to_numpy()]
        records.append(
            {
                "kind": kind,
                "score": score,
                "method": method,
                "works_to": "never" if never else text(_last(reached)),
                "degrades_from": "" if never else _first(under["level"][~works], text),
                "fails_from": "as is" if never else _first(under["level"][fails], text),
                "start": float(part["start"].iloc[-1]),
                "hardest": float(part["mean"].iloc[-1]),
            }
        )
    return pd.DataFrame(records)


def _last(levels: "pd.Series[float]") -> float:
    return float(levels.iloc[-1]) if len(levels) else 0.0


def _first(levels: "pd.Series[float]", text: Callable[[float], str]) -> str:
    return text(float(levels.iloc[0])) if len(levels) else ""
