"""The tables of a report, computed from the rows of a run and nothing else."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from qclmixnet.benchmark.record import RULES, SCORES, BenchmarkRun
from qclmixnet.core.checks import check_choice
from qclmixnet.evaluation.statistics import (
    IR_TIERS,
    MeanRank,
    compare_with,
    ir_tier,
    mean_ranks,
)
from qclmixnet.report.scope import (
    Scope,
    counted_rows,
    finished_fits,
    is_one_table,
    report_scope,
    rules_of,
    timed_rows,
    titles_of,
)

__all__ = [
    "LESS_IS_BETTER",
    "compared_scores",
    "failures_table",
    "pairwise_table",
    "rank_methods",
    "summary_table",
    "table_scores",
    "tier_table",
]

LESS_IS_BETTER = ("log_loss", "brier", "ece")
"""Scores of probabilities, where a fit that failed has no number to count."""

_AS_IS_ONLY = ("g_mean", "mcc", "macro_auprc", "rare_recall", "log_loss", "ece")


def table_scores(run: BenchmarkRun, score: str, rule: str) -> pd.DataFrame:
    """Return the mean over folds and seeds of one score.

    Args:
        run: the run.
        score: one of the `SCORES`.
        rule: one of the `RULES`.

    Returns:
        Tables by methods in the order of the description. A failed or timed-out fit
        counts 0; for log-loss, Brier score and ECE it is left out. NaN where a fit
        has not been tried yet.

    Raises:
        InputError: there is no such score or rule, or the run has no rows.
    """
    check_choice(score, "score", SCORES)
    check_choice(rule, "rule", RULES)
    rows = counted_rows(run)
    rows = rows[rows["rule"] == rule]
    instead = np.nan if score in LESS_IS_BETTER else 0.0
    values = rows[score].astype(float).where(rows["status"] == "ok", instead)
    asked = run.description
    tables, methods = list(asked.tables), list(asked.methods)
    cells = rows[["table", "method"]].assign(value=values)
    pivot = cells.pivot_table(index="table", columns="method", values="value")
    means = pivot.reindex(index=tables, columns=methods).astype(float)
    counts = pd.crosstab(rows["table"], rows["method"])
    counts = counts.reindex(index=tables, columns=methods).fillna(0)
    return means.where(counts >= asked.n_folds * asked.n_seeds)


def compared_scores(
    run: BenchmarkRun, score: str, rule: str, *, scope: Scope
) -> pd.DataFrame:
    """Return the scores that ranks and tests may use: tables by complete methods."""
    scores = table_scores(run, score, rule)
    return scores.loc[list(scope.tables), list(scope.methods)]


def rank_methods(
    run: BenchmarkRun, score: str, rule: str, *, scope: Scope
) -> tuple[MeanRank, ...]:
    """Rank the complete methods, best first.

    Args:
        run: the run.
        score: one of the `SCORES`.
        rule: one of the `RULES`.
        scope: what is compared.

    Returns:
        Mean ranks; empty with fewer than two tables or methods, where a mean rank
        says nothing.
    """
    if len(scope.tables) < 2 or len(scope.methods) < 2:
        return ()
    scores = compared_scores(run, score, rule, scope=scope)
    return mean_ranks(scores, higher_is_better=score not in LESS_IS_BETTER)


def summary_table(run: BenchmarkRun, *, common_tables: bool = False) -> pd.DataFrame:
    """Return one row per method with what a reader looks for first.

    Args:
        run: the run.
        common_tables: see `report_scope`.

    Returns:
        Best mean rank of the macro-F1 as is first (best mean macro-F1 where there are
        no ranks), incomplete methods last, indexed by stable name. Columns: ``title
        family``, means over tables ``macro_f1_as_is macro_f1_tuned macro_recall_as_is
        macro_recall_tuned g_mean mcc macro_auprc rare_recall log_loss ece`` (those
        without a rule as is; NaN for an incomplete method), ``mean_rank rank_low
        rank_high``, medians over the `timed_rows` ``fit_cpu_s predict_s_per_1k
        peak_mb``, ``failures`` (fits that failed or timed out), ``fits`` and
        ``fits_expected``.

    Raises:
        InputError: the run has no rows.
    """
    scope = report_scope(run, common_tables=common_tables)
    titles = titles_of(run)
    families = {facts.name: facts.family for facts in run.methods}
    summary = pd.DataFrame(index=pd.Index(list(titles), name="method"))
    summary["title"] = [titles[name] for name in titles]
    summary["family"] = [families.get(name, "") for name in titles]
    for score in ("macro_f1", "macro_recall"):
        for rule in RULES:
            means = _mean_over_tables(run, score, rule, scope)
            summary[f"{score}_{rule}"] = means.reindex(summary.index)
    for score in _AS_IS_ONLY:
        means = _mean_over_tables(run, score, "as_is", scope)
        summary[score] = means.reindex(summary.index)
    ranks = {r.method: r for r in rank_methods(run, "macro_f1", "as_is", scope=scope)}
    for column, field in (
        ("mean_rank", "mean_rank"),
        ("rank_low", "low"),
        ("rank_high", "high"),
    ):
        found = {name: float(getattr(rank, field)) for name, rank in ranks.items()}
        summary[column] = [found.get(name, np.nan) for name in titles]
    _add_costs(summary, run, scope)
    return _best_first(summary)


def _mean_over_tables(
    run: BenchmarkRun, score: str, rule: str, scope: Scope
) -> "pd.Series[float]":
    if not scope.tables or not scope.methods or rule not in rules_of(run):
        return pd.Series(dtype=float)
    return compared_scores(run, score, rule, scope=scope).mean()


def _add_costs(summary: pd.DataFrame, run: BenchmarkRun, scope: Scope) -> None:
    """Add medians of time and memory, and counts of failures and of fits.

    Medians are over the tables that are compared, for incomplete methods over theirs.
    """
    rows = counted_rows(run)
    as_is = timed_rows(run)
    compared = as_is["table"].isin(scope.tables)
    as_is = as_is[compared | ~as_is["method"].isin(scope.methods)]
    columns = ["fit_cpu_s", "predict_s_per_1k", "peak_mb"]
    medians = as_is.groupby("method")[columns].median().reindex(summary.index)
    for column in columns:
        summary[column] = medians[column].astype(float)
    bad = rows[rows["status"] != "ok"]
    fits = bad.drop_duplicates(["table", "method", "fold", "seed"])
    summary["failures"] = (
        fits.groupby("method").size().reindex(summary.index).fillna(0).astype(int)
    )
    per_table = run.description.n_folds * run.description.n_seeds
    counts = finished_fits(run).clip(upper=per_table).sum()
    summary["fits"] = counts.reindex(summary.index).astype(int)
    summary["fits_expected"] = per_table * len(run.description.tables)


def _best_first(summary: pd.DataFrame) -> pd.DataFrame:
    ordered = summary.assign(_minus=-summary["macro_f1_as_is"])
    ordered = ordered.sort_values(["mean_rank", "_minus"], kind="stable")
    return ordered.drop(columns="_minus")


def tier_table(
    run: BenchmarkRun, score: str, rule: str, *, common_tables: bool = False
) -> pd.DataFrame:
    """Return the mean of a score over the tables of each tier of imbalance.

    Args:
        run: the run.
        score: one of the `SCORES`.
        rule: one of the `RULES`.
        common_tables: see `report_scope`.

    Returns:
        Complete methods by tiers that have a table, mildest first; the number of
        tables of each tier is in ``attrs["n_tables"]``.
    """
    scope = report_scope(run, common_tables=common_tables)
    ratios = {facts.name: facts.imbalance_ratio for facts in run.tables}
    tiers = [ir_tier(ratios[t]) if t in ratios else "" for t in scope.tables]
    scores = compared_scores(run, score, rule, scope=scope)
    present = [tier for tier in IR_TIERS if tier in tiers]
    means = scores.groupby(np.array(tiers, dtype=object)).mean().reindex(present)
    by_tier = means.T
    by_tier.index.name, by_tier.columns.name = "method", None
    by_tier.attrs["n_tables"] = {tier: tiers.count(tier) for tier in present}
    return by_tier


def failures_table(run: BenchmarkRun) -> pd.DataFrame:
    """List the fits that failed or were stopped.

    Args:
        run: the run.

    Returns:
        A row per table, method, status and message with columns ``table method title
        status rules fits message``, in the order of the description.
    """
    rows = counted_rows(run)
    bad = rows[rows["status"] != "ok"].copy()
    bad["message"] = bad["message"].fillna("").astype(str)
    titles = titles_of(run)
    records = []
    keys = ["table", "method", "status", "message"]
    for (table, method, status, message), group in bad.groupby(keys, sort=False):
        rules = [rule for rule in RULES if rule in set(group["rule"])]
        records.append(
            {
                "table": str(table),
                "method": str(method),
                "title": titles[str(method)],
                "status": str(status),
                "rules": ", ".join(rules),
                "fits": len(group.drop_duplicates(["fold", "seed"])),
                "message": str(message),
            }
        )
    columns = ["table", "method", "title", "status", "rules", "fits", "message"]
    found = pd.DataFrame(records, columns=columns)
    order = _positions(run.description.tables), _positions(run.description.methods)
    places = [
        (order[0][t], order[1][m])
        for t, m in zip(found["table"], found["method"], strict=True)
    ]
    by_place = sorted(range(len(places)), key=places.__getitem__)
    return found.iloc[by_place].reset_index(drop=True)


def _positions(names: Sequence[str]) -> dict[str, int]:
    return {name: position for position, name in enumerate(names)}


def pairwise_table(
    run: BenchmarkRun,
    score: str,
    rule: str,
    *,
    ours: str = "qclmixnet",
    common_tables: bool = False,
) -> pd.DataFrame:
    """Compare one method with each complete peer over the tables.

    Args:
        run: the run.
        score: one of the `SCORES` where more is better.
        rule: one of the `RULES`.
        ours: stable name of the method that is compared.
        common_tables: see `report_scope`.

    Returns:
        A row per peer with columns ``peer title mean_difference low high p_value
        p_holm wins ties losses verdict`` (ours less the peer), the strongest peer
        first; no rows where a comparison over tables cannot be made.
    """
    columns = ["peer", "title", "mean_difference", "low", "high", "p_value", "p_holm"]
    columns += ["wins", "ties", "losses", "verdict"]
    scope = report_scope(run, common_tables=common_tables)
    few = len(scope.tables) < 2 or len(scope.methods) < 2
    if is_one_table(run) or few or ours not in scope.methods:
        return pd.DataFrame(columns=columns)
    scores = compared_scores(run, score, rule, scope=scope)
    titles = titles_of(run)
    records = [
        {name: getattr(found, name) for name in columns if name != "title"}
        | {"title": titles[found.peer]}
        for found in compare_with(scores, ours)
    ]
    table = pd.DataFrame(records, columns=columns)
    return table.sort_values("mean_difference", kind="stable").reset_index(drop=True)
