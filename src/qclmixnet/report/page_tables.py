"""The tables of a report with their headings, notes and highlighted rows."""

import pandas as pd

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.report.figures import fold_scores
from qclmixnet.report.scope import (
    Scope,
    coverage_table,
    finished_rows,
    report_scope,
    rules_of,
    timed_rows,
    titles_of,
)
from qclmixnet.report.summary import (
    failures_table,
    pairwise_table,
    summary_table,
    table_scores,
    tier_table,
)
from qclmixnet.report.tables import Column, ReportTable
from qclmixnet.report.words import LABELS, RULE_LABELS, count_of

__all__ = [
    "coverage",
    "failures",
    "folds",
    "method_facts",
    "p_text",
    "pairs",
    "scores",
    "summary",
    "table_facts",
    "tiers",
]


_RANK_NOTE = (
    "Mean rank: by macro-F1 as is, with its 95% bootstrap interval over tables. "
)


def p_text(p_value: float) -> str:
    """Return a p-value with its sign of comparison.

    >>> p_text(0.0004), p_text(0.25)
    ('< 0.001', '= 0.250')
    """
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"


def summary(
    run: BenchmarkRun, *, ours: str, common_tables: bool = False
) -> ReportTable:
    """Return the summary of all methods."""
    data = summary_table(run, common_tables=common_tables)
    tuned = run.description.tuned
    rules = rules_of(run)
    columns = [Column("title", "method")]
    ranked = bool(data["mean_rank"].notna().any())
    if ranked:
        rank = Column("mean_rank", "mean rank", 1, ("rank_low", "rank_high"), "min")
        columns.append(rank)
    for score, label in LABELS.items():
        for rule in rules:
            heading = f"{label} {RULE_LABELS[rule]}" if tuned else label
            columns.append(Column(f"{score}_{rule}", heading, best="max"))
    columns += [
        Column("g_mean", "G-mean", best="max"),
        Column("mcc", "MCC", best="max"),
        Column("macro_auprc", "macro AUPRC", best="max"),
        Column("rare_recall", "rare recall", best="max"),
        Column("log_loss", "log-loss", best="min"),
        Column("ece", "ECE", best="min"),
        Column("fit_cpu_s", "fit s", None, best="min"),
        Column("predict_s_per_1k", "predict s / 1k", None, best="min"),
        Column("peak_mb", "peak MB", None, best="min"),
        Column("failures", "failed fits"),
        Column("fits", "fits"),
    ]
    n_tables = len(report_scope(run, common_tables=common_tables).tables)
    note = (
        f"Means over {count_of(n_tables, 'table')}; where no rule is named, as is. "
        "Failed fits count 0; log-loss and ECE are of finished fits. "
        + (_RANK_NOTE if ranked else "")
        + "Rare recall: of the class with the fewest rows in each test part. "
        "Fit: median processor seconds; predict: seconds per 1,000 rows. "
        + _on_gpu(run)
        + "Methods without all fits have no means."
    )
    return ReportTable(
        "summary",
        "All methods",
        data.reset_index(),
        tuple(columns),
        note,
        tuple(name == ours for name in data.index),
    )


def _on_gpu(run: BenchmarkRun) -> str:
    finished, timed = finished_rows(run), timed_rows(run)
    n_left_out = len(finished) - len(timed)
    if not n_left_out:
        return ""
    n_on_gpu = int((finished["device"] != "cpu").sum())
    told = f"Times and memory: without {count_of(n_on_gpu, 'fit')} on a GPU"
    n_others = n_left_out - n_on_gpu
    if n_others:
        others = count_of(n_others, "other fit")
        told += f" and {others} of methods whose other tables were fitted there"
    return f"{told}. "


def scores(run: BenchmarkRun) -> tuple[ReportTable, ...]:
    """Return the scores of every table, for files only."""
    titles = titles_of(run)
    made = []
    for score, label in LABELS.items():
        for rule in rules_of(run):
            data = table_scores(run, score, rule)
            columns = (
                Column("table", "table"),
                *(Column(str(name), titles[str(name)]) for name in data.columns),
            )
            data.index.name, data.columns.name = "table", None
            made.append(
                ReportTable(
                    f"scores_{score}_{rule}",
                    f"Mean {label} over folds, {RULE_LABELS[rule]}",
                    data.reset_index(),
                    columns,
                    on_page=False,
                )
            )
    return tuple(made)


def folds(run: BenchmarkRun, *, ours: str, scope: Scope) -> tuple[ReportTable, ...]:
    """Return mean and interval over the folds of the only table."""
    titles = titles_of(run)
    made = []
    for rule in rules_of(run):
        for score, label in LABELS.items():
            entries = fold_scores(run, score, rule, scope=scope)
            records = [
                {
                    "method": entry.method,
                    "title": titles[entry.method],
                    "mean": entry.mean,
                    "low": entry.low,
                    "high": entry.high,
                    "lowest": min(entry.values),
                    "highest": max(entry.values),
                }
                for entry in entries
            ]
            columns = (
                Column("title", "method"),
                Column("mean", "mean", interval=("low", "high"), best="max"),
                Column("lowest", "lowest fold"),
                Column("highest", "highest fold"),
            )
            made.append(
                ReportTable(
                    f"folds_{score}_{rule}",
                    f"Over folds: {label}, {RULE_LABELS[rule]}",
                    pd.DataFrame(records),
                    columns,
                    marked=tuple(entry.method == ours for entry in entries),
                )
            )
    return tuple(made)


def tiers(
    run: BenchmarkRun, *, ours: str, common_tables: bool
) -> tuple[ReportTable, ...]:
    """Return mean scores by tier of imbalance."""
    titles = titles_of(run)
    order = summary_table(run, common_tables=common_tables).index
    made = []
    for score, label in LABELS.items():
        data = tier_table(run, score, "as_is", common_tables=common_tables)
        data = data.reindex([name for name in order if name in data.index])
        counts = data.attrs["n_tables"]
        columns = [Column("title", "method")]
        for tier in data.columns:
            heading = f"IR {tier} ({count_of(counts[tier], 'table')})"
            columns.append(Column(str(tier), heading, best="max"))
        data.insert(0, "title", [titles[str(name)] for name in data.index])
        made.append(
            ReportTable(
                f"tiers_{score}",
                f"Mean {label} as is by tier of imbalance",
                data.reset_index(),
                tuple(columns),
                marked=tuple(name == ours for name in data.index),
            )
        )
    return tuple(made)


def pairs(
    run: BenchmarkRun, *, ours: str, common_tables: bool
) -> tuple[ReportTable, ...]:
    """Return our method against each peer for each score and rule."""
    columns = (
        Column("title", "peer"),
        Column("mean_difference", "ours less peer", 3, ("low", "high"), signed=True),
        Column("wins", "wins"),
        Column("ties", "ties"),
        Column("losses", "losses"),
        Column("p_value", "p", is_p_value=True),
        Column("p_holm", "p (Holm)", is_p_value=True),
        Column("verdict", "ours is"),
    )
    return tuple(
        ReportTable(
            f"pairwise_{score}_{rule}",
            f"{titles_of(run)[ours]} against each peer: {label}, {RULE_LABELS[rule]}",
            pairwise_table(run, score, rule, ours=ours, common_tables=common_tables),
            columns,
        )
        for score, label in LABELS.items()
        for rule in rules_of(run)
    )


def failures(run: BenchmarkRun) -> ReportTable:
    """Return the fits that failed or were stopped."""
    columns = (
        Column("title", "method"),
        Column("table", "table"),
        Column("status", "status"),
        Column("rules", "rule"),
        Column("fits", "fits"),
        Column("message", "message"),
    )
    data = failures_table(run)
    note = f"A fit is stopped after {run.description.time_limit_s:,.0f} seconds."
    return ReportTable("failures", "Failed and stopped fits", data, columns, note)


def coverage(run: BenchmarkRun) -> ReportTable:
    """Return the methods that lack fits."""
    columns = (
        Column("title", "method"),
        Column("fits", "fits"),
        Column("fits_expected", "of"),
        Column("tables", "whole tables"),
        Column("tables_expected", "of"),
    )
    note = "Not in means, ranks and tests over tables that they lack."
    return ReportTable(
        "incomplete", "Methods with missing fits", coverage_table(run), columns, note
    )


def table_facts(run: BenchmarkRun) -> ReportTable:
    """Return the facts about the tables."""
    records = [
        {
            "table": facts.name,
            "n_rows": facts.n_rows,
            "n_columns": facts.n_columns,
            "n_classes": facts.n_classes,
            "imbalance_ratio": facts.imbalance_ratio,
            "smallest_class": facts.smallest_class,
        }
        for facts in run.tables
    ]
    columns = (
        Column("table", "table"),
        Column("n_rows", "rows"),
        Column("n_columns", "columns"),
        Column("n_classes", "classes"),
        Column("imbalance_ratio", "imbalance ratio", 1),
        Column("smallest_class", "smallest class"),
    )
    data = pd.DataFrame(records, columns=[column.key for column in columns])
    note = "Imbalance ratio: rows of the largest class per row of the smallest."
    return ReportTable("tables", "The tables", data, columns, note)


def method_facts(run: BenchmarkRun) -> ReportTable:
    """Return what the methods are."""
    records = [
        {
            "method": facts.name,
            "title": facts.title,
            "family": facts.family,
            "description": facts.description,
            "versions": ", ".join(f"{k} {v}" for k, v in facts.versions.items()),
        }
        for facts in run.methods
    ]
    columns = (
        Column("title", "method"),
        Column("family", "family"),
        Column("description", "what it is"),
        Column("versions", "versions"),
    )
    keys = ["method", "title", "family", "description", "versions"]
    data = pd.DataFrame(records, columns=keys)
    return ReportTable("methods", "The methods", data, columns)
