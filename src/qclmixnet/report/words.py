"""The result in plain words; each claim follows a test or is not made."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.evaluation.statistics import (
    MeanRank,
    critical_difference,
    nemenyi_groups,
)
from qclmixnet.report.scope import (
    Scope,
    counted_rows,
    finished_rows,
    is_one_table,
    rules_of,
    titles_of,
)
from qclmixnet.report.split_words import split_in_words
from qclmixnet.report.summary import (
    compared_scores,
    pairwise_table,
    rank_methods,
)

__all__ = [
    "LABELS",
    "RULE_LABELS",
    "count_of",
    "groups_of",
    "listed",
    "machines_in_words",
    "result_in_words",
]

LABELS = {"macro_f1": "macro-F1", "macro_recall": "macro recall"}
RULE_LABELS = {"as_is": "as is", "tuned": "tuned rule"}
_HOW = {
    "as_is": "With each method's own decisions",
    "tuned": "With the decision rule tuned alike for all",
}


def count_of(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count_of(1, "table"), count_of(3, "table")
    ('1 table', '3 tables')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str]) -> str:
    """Return names as they stand in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def machines_in_words(run: BenchmarkRun) -> list[str]:
    """Say how many of the finished fits each machine made, most first.

    Args:
        run: the run.

    Returns:
        A line for each machine and GPU; none for rows that do not name theirs.
    """
    rows = finished_rows(run)
    named = rows["machine"].mask(
        rows["device"] != "cpu", rows["machine"] + ", " + rows["device"]
    )
    counts = named[rows["machine"] != ""].value_counts(sort=True)
    return [f"{name}: {count_of(n, 'fit')}" for name, n in counts.items()]


def groups_of(
    ranks: Sequence[MeanRank], *, n_tables: int
) -> tuple[float, tuple[tuple[str, ...], ...]]:
    """Return the critical difference and the groups that it does not tell apart."""
    distance = critical_difference(len(ranks), n_tables)
    return distance, nemenyi_groups(ranks, distance)


def result_in_words(
    run: BenchmarkRun, *, ours: str, scope: Scope, common_tables: bool = False
) -> list[str]:
    """Say who leads and how our method stands.

    Args:
        run: the run.
        ours: stable name of our method.
        scope: what is compared.
        common_tables: see `report_scope`.

    Returns:
        Paragraphs; the first says what was run.
    """
    asked = run.description
    first = (
        f"{count_of(len(asked.methods), 'method')} on "
        f"{count_of(len(asked.tables), 'table')}, "
        f"{split_in_words(asked)}"
        + (f" repeated {asked.n_seeds} times" if asked.n_seeds > 1 else "")
        + "."
    )
    if scope.incomplete:
        first += (
            f" {count_of(len(scope.incomplete), 'method')} without all fits yet: "
            "left out of means, ranks and tests, and listed below."
        )
    if common_tables and len(scope.tables) < len(asked.tables):
        first += (
            f" Only the {count_of(len(scope.tables), 'table')} that every method has "
            f"finished are compared, of {len(asked.tables)} asked for."
        )
    if (counted_rows(run)["status"] != "ok").all():
        return [
            first,
            "No fit has succeeded, so nothing is compared; see the failures.",
        ]
    if not scope.methods:
        return [first, "No method has finished every table, so none is compared yet."]
    paragraphs = [first]
    for rule in rules_of(run):
        parts = [
            _one_score(run, score, rule, ours, scope, common_tables=common_tables)
            for score in LABELS
        ]
        paragraphs.append(f"{_HOW[rule]}: {' '.join(parts)}")
    if len(scope.tables) > 1 and len(scope.methods) > 1 and ours in scope.methods:
        paragraphs.append(
            "Better and worse are verdicts of Wilcoxon signed-rank tests over tables "
            "at the 5% level after Holm's correction over the peers; without one, the "
            "word is not distinguishable."
        )
    if is_one_table(run):
        paragraphs.append(
            "These are scores on one table: they do not say which method is better "
            "elsewhere, and small differences between means may be chance."
        )
    return paragraphs


def _one_score(
    run: BenchmarkRun,
    score: str,
    rule: str,
    ours: str,
    scope: Scope,
    *,
    common_tables: bool,
) -> str:
    titles = titles_of(run)
    means = compared_scores(run, score, rule, scope=scope).mean()
    ranks = rank_methods(run, score, rule, scope=scope)
    label = LABELS[score]
    if not ranks:
        return _without_ranks(means, titles, label, ours)
    leader = ranks[0]
    text = (
        f"{titles[leader.method]} leads {label} (mean rank {leader.mean_rank:.1f} of "
        f"{len(ranks)}, mean {means[leader.method]:.3f})"
    )
    if len(ranks) > 2:
        text += _told_apart(ranks, titles, n_tables=len(scope.tables))
    text += "."
    if ours not in scope.methods:
        return text
    if ours != leader.method:
        place = [rank.method for rank in ranks].index(ours)
        text += (
            f" {titles[ours]} is at place {place + 1} (mean rank "
            f"{ranks[place].mean_rank:.1f}, mean {means[ours]:.3f})."
        )
    pairs = pairwise_table(run, score, rule, ours=ours, common_tables=common_tables)
    return f"{text} {_against_peers(pairs, titles[ours], leader.method)}"


def _without_ranks(
    means: "pd.Series[float]", titles: dict[str, str], label: str, ours: str
) -> str:
    best = str(means.idxmax())
    tied = [titles[str(n)] for n in means.index[np.isclose(means, means[best])]]
    verb = "has" if len(tied) == 1 else "share"
    text = f"{listed(tied)} {verb} the highest mean {label}, {means[best]:.3f}"
    if ours in means.index and titles[ours] not in tied:
        text += f"; {titles[ours]} has {means[ours]:.3f}"
    return text + "."


def _told_apart(
    ranks: Sequence[MeanRank], titles: dict[str, str], *, n_tables: int
) -> str:
    _, groups = groups_of(ranks, n_tables=n_tables)
    leader = ranks[0].method
    with_leader = next((group for group in groups if leader in group), (leader,))
    near = [rank for rank in ranks[1:] if rank.method in with_leader]
    if not near:
        return "; the Nemenyi test distinguishes it from every other method"
    others = len(ranks) - 1
    if len(near) == others:
        return "; the Nemenyi test does not distinguish it from any other method"
    names = [titles[r.method] for r in near]
    who = listed(names) if len(names) <= 4 else f"{len(names)} of the {others} others"
    return f"; the Nemenyi test does not distinguish it from {who}"


def _against_peers(pairs: pd.DataFrame, title: str, leader: str) -> str:
    """Count verdicts of the corrected test, naming the peers that are better."""
    by_verdict = {
        verdict: pairs[pairs["verdict"] == verdict]
        for verdict in ("better", "worse", "not distinguishable")
    }
    total = len(pairs)
    counts = (
        f"Of {count_of(total, 'peer')}, {title} is better than "
        f"{len(by_verdict['better'])}, not distinguishable from "
        f"{len(by_verdict['not distinguishable'])} and worse than "
        f"{len(by_verdict['worse'])}"
    )
    worse = [str(name) for name in by_verdict["worse"]["title"]]
    if worse:
        counts += f" ({listed(worse)})"
    against = pairs[pairs["peer"] == leader]
    if len(against) and str(against["verdict"].iloc[0]) == "not distinguishable":
        counts += "; it is not distinguishable from the leader"
    return counts + "."
