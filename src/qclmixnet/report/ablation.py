"""What each part of our method brings: changes against the unchanged preset."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from qclmixnet.benchmark.ablations import ABLATIONS, Subject, full_of
from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.statistics import compare_with
from qclmixnet.report.scope import Scope, counted_rows, report_scope
from qclmixnet.report.summary import LESS_IS_BETTER, compared_scores
from qclmixnet.report.tables import Column, ReportTable
from qclmixnet.report.words import count_of

__all__ = [
    "SHOWN_SCORES",
    "ablation_changes",
    "ablation_in_words",
    "ablation_kinds",
    "ablation_scope",
    "ablation_scores",
    "ablation_times",
    "signed_points",
]

SHOWN_SCORES = {
    "both": "mean of both",
    "macro_f1": "macro-F1",
    "macro_recall": "macro recall",
    "rare_recall": "smallest class",
    "log_loss": "log-loss",
}
"""Scores of a change; "both" is the mean of macro-F1 and macro recall."""

_POINTS = 100  # scores are shown in points of a hundred, log-loss as it is
_MANY_ROWS, _STRONG = 500, 10.0

# The variants that take a whole part away, or add one; these are put into words.
_MAIN: Mapping[Subject, Mapping[str, str]] = {
    "paper": {
        "no_entanglement": "Without the entanglement layers",
        "no_mixup": "Without mixup",
        "random_partners": "With random partners in place of neighbours",
        "no_contrastive": "Without the contrastive and triplet terms",
        "focal_only": "With the focal term alone",
    },
    "default": {
        "no_trees": "Without the trees",
        "no_cross_fitting": "Without cross-fitting",
        "argmax": "Without the tuned rule",
        "entanglement": "With an entanglement layer",
        "mixup": "With mixup of neighbours",
        "contrastive": "With the contrastive terms",
        "all_three": "With all three",
    },
}


def ablation_scope(run: BenchmarkRun, subject: Subject) -> Scope:
    """Return the variants that have begun, and the tables that all of them finished.

    Args:
        run: a run of variants.
        subject: the preset that they are variants of.

    Returns:
        What is compared.

    Raises:
        InputError: the unchanged preset is not among the methods of the run, or no
            table is finished by all variants that have begun.
    """
    full = full_of(subject)
    if full not in run.description.methods:
        raise InputError(
            f"An ablation of the preset {subject!r} needs the method {full!r}; this "
            f"run has {', '.join(run.description.methods)}."
        )
    scope = report_scope(run, common_tables=True)
    if full not in scope.methods or not scope.tables:
        raise InputError(
            "No table is finished by the unchanged preset and all variants that have "
            "begun; let the run go on until the first one is."
        )
    return scope


def ablation_scores(run: BenchmarkRun, score: str, scope: Scope) -> pd.DataFrame:
    """Return the scores of the variants, as is.

    Args:
        run: a run of variants.
        score: one of `SHOWN_SCORES`.
        scope: what is compared.

    Returns:
        Tables by variants.
    """
    if score != "both":
        return compared_scores(run, score, "as_is", scope=scope)
    f1, recall = (
        compared_scores(run, name, "as_is", scope=scope)
        for name in ("macro_f1", "macro_recall")
    )
    return (f1 + recall) / 2


def ablation_changes(run: BenchmarkRun, subject: Subject) -> ReportTable:
    """Return what every variant changes, on average over the tables.

    Args:
        run: a run of variants.
        subject: the preset that they are variants of.

    Returns:
        A row per variant, in the order of the catalogue, with columns ``variant part
        title``, for each of `SHOWN_SCORES` the mean change and the ends of its 95 %
        bootstrap interval over tables (``macro_f1 macro_f1_low macro_f1_high``),
        ``wins ties losses`` (tables on which the variant's mean of both is better),
        ``p_holm verdict`` (Wilcoxon's test of that mean, corrected over the variants)
        and ``time`` (median over tables of the fit time by that of the preset).

    Raises:
        InputError: see `ablation_scope`.
    """
    scope = ablation_scope(run, subject)
    full = full_of(subject)
    records: dict[str, dict[str, object]] = {
        name: {
            "variant": name,
            "part": ABLATIONS[name].part,
            "title": ABLATIONS[name].title,
        }
        for name in scope.methods
        if name != full
    }
    for score in SHOWN_SCORES:
        less = score in LESS_IS_BETTER
        scale = 1 if less else _POINTS
        scores = ablation_scores(run, score, scope)
        for found in compare_with(scores, full, higher_is_better=not less):
            # It compares the preset with the variant; we want it the other way round,
            # and for log-loss the plain difference.
            sign = 1 if less else -1
            ends = sorted((scale * sign * found.low, scale * sign * found.high))
            record = records[found.peer]
            record[score] = scale * sign * found.mean_difference
            record[f"{score}_low"], record[f"{score}_high"] = ends
            if score == "both":
                record |= {
                    "wins": found.losses,
                    "ties": found.ties,
                    "losses": found.wins,
                    "p_holm": found.p_holm,
                    "verdict": _turned(found.verdict),
                }
    times = ablation_times(run, scope)
    for name, record in records.items():
        record["time"] = float((times[name] / times[full]).median())
    data = pd.DataFrame(list(records.values()))
    columns = [Column("title", "variant")]
    for score, heading in SHOWN_SCORES.items():
        digits = 3 if score in LESS_IS_BETTER else 1
        places = (f"{score}_low", f"{score}_high")
        columns.append(Column(score, heading, digits, places, signed=True))
    columns += [
        Column("wins", "better on"),
        Column("losses", "worse on"),
        Column("verdict", "corrected test"),
        Column("time", "fit time", 2),
    ]
    note = (
        f"Changes against the unchanged preset, means over "
        f"{count_of(len(scope.tables), 'table')} with 95% bootstrap intervals, scores "
        "in points of 100. Better, worse and the test (Wilcoxon, Holm) are of the mean "
        "of macro-F1 and macro recall. Fit time: median ratio."
    )
    title = f"What each part of the {subject} preset brings"
    return ReportTable(f"ablation_{subject}", title, data, tuple(columns), note)


def _turned(verdict: str) -> str:
    return {"better": "worse", "worse": "better"}.get(verdict, verdict)


def ablation_times(run: BenchmarkRun, scope: Scope) -> pd.DataFrame:
    """Return the mean processor seconds of a fit, tables by variants.

    Args:
        run: a run of variants.
        scope: what is compared.

    Returns:
        Seconds; NaN where no fit succeeded.
    """
    rows = counted_rows(run)
    rows = rows[rows["status"].eq("ok") & rows["table"].isin(scope.tables)]
    return rows.pivot_table(index="table", columns="method", values="fit_cpu_s")


def ablation_kinds(run: BenchmarkRun, subject: Subject) -> ReportTable:
    """Return the same changes on kinds of tables.

    Args:
        run: a run of variants.
        subject: the preset that they are variants of.

    Returns:
        A row per variant with columns ``variant title`` and, for every kind of table
        that occurs, the mean change of the mean of macro-F1 and macro recall.

    Raises:
        InputError: see `ablation_scope`.
    """
    scope = ablation_scope(run, subject)
    full = full_of(subject)
    scores = ablation_scores(run, "both", scope)
    changes = _POINTS * scores.sub(scores[full], axis=0).drop(columns=full)
    kinds = {
        kind: names
        for kind, names in _kinds_of(run, scope).items()
        if 0 < len(names) < len(scope.tables)
    }
    data = pd.DataFrame(
        {
            "variant": changes.columns,
            "title": [ABLATIONS[str(name)].title for name in changes.columns],
            **{
                kind: changes.loc[names].mean().to_numpy()
                for kind, names in kinds.items()
            },
        }
    )
    columns = [
        Column(kind, f"{kind} ({len(names)})", 1, signed=True)
        for kind, names in kinds.items()
    ]
    return ReportTable(
        f"ablation_{subject}_kinds",
        "On which kind of table",
        data,
        (Column("title", "variant"), *columns),
        "Mean change of the mean of macro-F1 and macro recall, in points of 100; in "
        "brackets the number of tables, too few for intervals.",
    )


def _kinds_of(run: BenchmarkRun, scope: Scope) -> dict[str, list[str]]:
    facts = [entry for entry in run.tables if entry.name in scope.tables]
    few = {f.name for f in facts if f.n_rows < _MANY_ROWS}
    strong = {f.name for f in facts if f.imbalance_ratio >= _STRONG}
    two = {f.name for f in facts if f.n_classes == 2}
    names = [f.name for f in facts]

    def split(chosen: set[str]) -> tuple[list[str], list[str]]:
        return [n for n in names if n in chosen], [n for n in names if n not in chosen]

    kinds: dict[str, list[str]] = {}
    kinds[f"under {_MANY_ROWS} rows"], kinds["more rows"] = split(few)
    kinds["imbalance 10 and more"], kinds["less imbalance"] = split(strong)
    kinds["two classes"], kinds["more classes"] = split(two)
    return kinds


def ablation_in_words(run: BenchmarkRun, subject: Subject) -> list[str]:
    """Say what each whole part brings, each claim by its interval.

    Args:
        run: a run of variants.
        subject: the preset that they are variants of.

    Returns:
        A sentence for each variant that takes a whole part away or adds one.

    Raises:
        InputError: see `ablation_scope`.
    """
    records = ablation_changes(run, subject).data.to_dict("records")
    rows = {str(record["variant"]): record for record in records}
    sentences = []
    for key, start in _MAIN[subject].items():
        name = f"{subject}.{key}"
        if name not in rows:
            continue
        row = rows[name]
        low, high = float(row["both_low"]), float(row["both_high"])
        claim = "which may be chance"
        if low > 0 or high < 0:
            claim = "a gain" if low > 0 else "a loss"
        change = {score: signed_points(float(row[score])) for score in SHOWN_SCORES}
        sentences.append(
            f"{start} the mean of macro-F1 and macro recall changes by "
            f"{change['both']} points ({signed_points(low)} to "
            f"{signed_points(high)}), {claim}; "
            f"macro-F1 by {change['macro_f1']}, macro recall by "
            f"{change['macro_recall']}, the recall of the smallest class by "
            f"{change['rare_recall']}; a fit takes {float(row['time']):.2f} times as "
            "long."
        )
    return sentences


def signed_points(points: float) -> str:
    """Write points with their sign; what rounds to 0 is written as +0.0.

    >>> signed_points(1.25), signed_points(-0.01)
    ('+1.2', '+0.0')
    """
    return f"{np.round(points, 1) + 0.0:+.1f}"
