"""The figures of a report: which of them a run can fill, drawn and captioned."""

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.report.ablation_figure import draw_changes
from qclmixnet.report.drawing import MethodLook, Rendered, looks_of, render
from qclmixnet.report.rank_figures import draw_critical_differences, draw_heat_map
from qclmixnet.report.scope import Scope, counted_rows, rules_of, timed_rows
from qclmixnet.report.score_figures import (
    FoldScores,
    draw_folds,
    draw_rules,
    draw_trade_off,
)
from qclmixnet.report.summary import (
    compared_scores,
    rank_methods,
    summary_table,
    table_scores,
    tier_table,
)
from qclmixnet.report.tier_figure import draw_tiers
from qclmixnet.report.words import LABELS, RULE_LABELS, groups_of

__all__ = [
    "ReportFigure",
    "ablation_figure",
    "fold_figures",
    "fold_scores",
    "heat_map_figures",
    "rank_figures",
    "rule_figures",
    "tier_figures",
    "trade_off_figures",
]


@dataclass(frozen=True)
class ReportFigure:
    """A figure with its words.

    Attributes:
        caption: what it shows, below it.
        alternative: the same for who cannot see it.
        rendered: its files.
    """

    caption: str
    alternative: str
    rendered: Rendered


def ablation_figure(changes: pd.DataFrame, subject: str) -> ReportFigure:
    """Draw what each part of a preset brings.

    Args:
        changes: the data of `ablation_changes`.
        subject: the preset.

    Returns:
        One figure.
    """
    caption = (
        f"Change by each variant of the {subject} preset, with its 95% interval over "
        "tables: green above 0, orange below."
    )
    name = f"ablation_{subject}"
    alternative = f"{caption} The numbers are in tables/{name}.csv."
    rendered = render(name, partial(draw_changes, changes))
    return ReportFigure(caption, alternative, rendered)


def rank_figures(
    run: BenchmarkRun, *, ours: str, scope: Scope
) -> tuple[ReportFigure, ...]:
    """Draw the critical differences of each score and rule.

    Args:
        run: the run.
        ours: stable name of the method to highlight.
        scope: what is compared; at least three methods on two tables.

    Returns:
        Two figures for each rule.
    """
    looks = looks_of(run, ours=ours)
    figures = []
    for rule in rules_of(run):
        for score, label in LABELS.items():
            ranks = rank_methods(run, score, rule, scope=scope)
            distance, groups = groups_of(ranks, n_tables=len(scope.tables))
            title = f"Mean ranks by {label}, {RULE_LABELS[rule]}."
            best = looks[ranks[0].method].title
            figures.append(
                ReportFigure(
                    caption=title,
                    alternative=f"{title} Best is {best}, {ranks[0].mean_rank:.1f}; "
                    f"the critical difference is {distance:.2f}.",
                    rendered=render(
                        f"ranks_{score}_{rule}",
                        partial(
                            draw_critical_differences,
                            ranks,
                            groups,
                            critical_difference=distance,
                            looks=looks,
                            label=f"{label}, {RULE_LABELS[rule]}",
                        ),
                    ),
                )
            )
    return tuple(figures)


def heat_map_figures(run: BenchmarkRun, *, ours: str) -> tuple[ReportFigure, ...]:
    """Draw the macro-F1 of every method on every table, unfinished cells empty.

    Args:
        run: the run.
        ours: stable name of the method to highlight.

    Returns:
        One figure for each rule.
    """
    order = [str(name) for name in summary_table(run).index]
    facts = {entry.name: entry for entry in run.tables}
    names = sorted(
        run.description.tables,
        key=lambda name: facts[name].imbalance_ratio if name in facts else math.inf,
    )
    figures = []
    for rule in rules_of(run):
        scores = table_scores(run, "macro_f1", rule).loc[names, order]
        caption = (
            f"Mean macro-F1 over folds, {RULE_LABELS[rule]}. Tables from mild to "
            "strong imbalance, methods by mean rank; failed fits count 0, empty cells "
            "are not finished."
        )
        rendered = render(
            f"scores_macro_f1_{rule}",
            partial(
                draw_heat_map,
                scores,
                facts=facts,
                looks=looks_of(run, ours=ours),
                label=f"macro-F1, {RULE_LABELS[rule]}",
            ),
        )
        source = f"tables/scores_macro_f1_{rule}.csv"
        alternative = f"{caption} The numbers are in {source}."
        figures.append(ReportFigure(caption, alternative, rendered))
    return tuple(figures)


def rule_figures(
    run: BenchmarkRun, *, ours: str, scope: Scope
) -> tuple[ReportFigure, ...]:
    """Draw both rules of each method side by side.

    Args:
        run: the run, with the tuned rule.
        ours: stable name of the method to highlight.
        scope: what is compared; at least one method.

    Returns:
        A figure for macro-F1 and one for macro recall.
    """
    figures = []
    for score, label in LABELS.items():
        as_is, tuned = (
            compared_scores(run, score, rule, scope=scope).mean()
            for rule in rules_of(run)
        )
        as_is = as_is.sort_values(ascending=False, kind="stable")
        caption = f"What the tuned rule changes in mean {label}."
        rendered = render(
            f"rules_{score}",
            partial(
                draw_rules, as_is, tuned, looks=looks_of(run, ours=ours), label=label
            ),
        )
        gain = float((tuned - as_is).median())
        alternative = f"{caption} The median change is {gain:+.3f}."
        figures.append(ReportFigure(caption, alternative, rendered))
    return tuple(figures)


def trade_off_figures(
    run: BenchmarkRun, *, ours: str, scope: Scope
) -> tuple[ReportFigure, ...]:
    """Draw mean score against time of a fit.

    Args:
        run: the run.
        ours: stable name of the method to highlight.
        scope: what is compared.

    Returns:
        A figure for macro-F1 and one for macro recall, as is; none where fewer than
        two methods have a time.
    """
    costs = seconds_per_1k(run).reindex(list(scope.methods))
    costs = costs[np.isfinite(costs) & (costs > 0)]
    if len(costs) < 2:
        return ()
    figures = []
    for score, label in LABELS.items():
        means = compared_scores(run, score, "as_is", scope=scope).mean()
        means = means.reindex(costs.index)
        caption = f"Mean {label} as is against the time of a fit."
        rendered = render(
            f"trade_off_{score}",
            partial(
                draw_trade_off,
                costs,
                means,
                looks=looks_of(run, ours=ours),
                label=f"{label} as is",
            ),
        )
        alternative = f"{caption} The numbers are in the summary table."
        figures.append(ReportFigure(caption, alternative, rendered))
    return tuple(figures)


def seconds_per_1k(run: BenchmarkRun) -> "pd.Series[float]":
    """Return the median processor seconds of a finished fit per 1,000 training rows."""
    rows = timed_rows(run)
    seconds = rows["fit_cpu_s"].astype(float) / rows["n_train"].astype(float) * 1000
    return seconds.groupby(rows["method"]).median()


def tier_figures(
    run: BenchmarkRun, *, ours: str, common_tables: bool
) -> tuple[ReportFigure, ...]:
    """Draw mean scores by tier of imbalance.

    Args:
        run: the run, with at least two tiers.
        ours: stable name of the method to highlight.
        common_tables: see `report_scope`.

    Returns:
        A figure for macro-F1 and one for macro recall, as is.
    """
    looks = looks_of(run, ours=ours)
    order = [
        str(name) for name in summary_table(run, common_tables=common_tables).index
    ]
    figures = []
    for score, label in LABELS.items():
        by_tier = tier_table(run, score, "as_is", common_tables=common_tables)
        ranked = [name for name in order if name in by_tier.index]
        chosen = _best_of_families(ranked, looks)
        also = f"{looks[ours].title} and " if ours in chosen else ""
        caption = (
            f"Mean {label} as is by tier of imbalance: {also}the best ranked method of "
            "each family; pale dots are the others."
        )
        rendered = render(
            f"tiers_{score}",
            partial(
                draw_tiers,
                by_tier,
                n_tables=by_tier.attrs["n_tables"],
                chosen=chosen,
                looks=looks,
                label=f"{label} as is",
            ),
        )
        alternative = f"{caption} The numbers are in tables/tiers_{score}.csv."
        figures.append(ReportFigure(caption, alternative, rendered))
    return tuple(figures)


def _best_of_families(ranked: list[str], looks: dict[str, MethodLook]) -> list[str]:
    seen: set[str] = set()
    chosen = []
    for name in ranked:
        look = looks[name]
        if look.is_ours or look.family not in seen | {"ours"}:
            chosen.append(name)
            seen.add(look.family)
    return chosen


def fold_scores(
    run: BenchmarkRun, score: str, rule: str, *, scope: Scope
) -> tuple[FoldScores, ...]:
    """Return the scores of each fold of the only table, best mean first.

    The interval is Student's with the variance corrected for training parts that
    share rows (Nadeau and Bengio 2003, Inference for the generalization error).

    Args:
        run: a run of one table.
        score: one of the `SCORES` where more is better.
        rule: one of the `RULES`.
        scope: what is compared.

    Returns:
        An entry per complete method.
    """
    rows = counted_rows(run)
    rows = rows[rows["rule"] == rule].sort_values(["seed", "fold"])
    values = rows[score].astype(float).where(rows["status"] == "ok", 0.0)
    found = []
    for name in scope.methods:
        scores = values[rows["method"] == name].to_numpy(dtype=float)
        mean, half = float(scores.mean()), math.nan
        n_folds = run.description.n_folds
        if len(scores) > 1 and n_folds > 1:
            share = 1 / len(scores) + 1 / (n_folds - 1)
            half = float(
                stats.t.ppf(0.975, len(scores) - 1)
                * math.sqrt(float(scores.var(ddof=1)) * share)
            )
        entry = FoldScores(name, tuple(scores.tolist()), mean, mean - half, mean + half)
        found.append(entry)
    return tuple(sorted(found, key=lambda entry: -entry.mean))


def fold_figures(
    run: BenchmarkRun, *, ours: str, scope: Scope
) -> tuple[ReportFigure, ...]:
    """Draw the scores of each fold of the only table.

    Args:
        run: a run of one table.
        ours: stable name of the method to highlight.
        scope: what is compared; at least one method.

    Returns:
        Two figures for each rule.
    """
    looks = looks_of(run, ours=ours)
    figures = []
    for rule in rules_of(run):
        for score, label in LABELS.items():
            folds = fold_scores(run, score, rule, scope=scope)
            caption = f"Every fold: {label}, {RULE_LABELS[rule]}."
            rendered = render(
                f"folds_{score}_{rule}",
                partial(
                    draw_folds,
                    folds,
                    looks=looks,
                    label=f"{label}, {RULE_LABELS[rule]}",
                ),
            )
            best = f"{looks[folds[0].method].title} with {folds[0].mean:.3f}"
            alternative = f"{caption} The highest mean has {best}."
            figures.append(ReportFigure(caption, alternative, rendered))
    return tuple(figures)
