"""The sections of a report in their order; one that cannot be filled says why."""

from dataclasses import dataclass

from qclmixnet.benchmark.ablations import Subject
from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.evaluation.statistics import friedman_test
from qclmixnet.report import figures as draw
from qclmixnet.report import page_tables as make
from qclmixnet.report.ablation import ablation_changes, ablation_kinds
from qclmixnet.report.figures import ReportFigure
from qclmixnet.report.scope import Scope, counted_rows, is_one_table, rules_of
from qclmixnet.report.summary import compared_scores
from qclmixnet.report.tables import ReportTable
from qclmixnet.report.words import LABELS, RULE_LABELS

__all__ = ["Section", "ablation_sections", "report_sections"]


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        key: its anchor in the page.
        heading: its title.
        paragraphs: what to know before looking.
        figures: its figures.
        tables: its tables, those that are only written as files too.
        why_not: why it has neither, if so.
    """

    key: str
    heading: str
    paragraphs: tuple[str, ...] = ()
    figures: tuple[ReportFigure, ...] = ()
    tables: tuple[ReportTable, ...] = ()
    why_not: str = ""


def report_sections(
    run: BenchmarkRun, *, ours: str, scope: Scope, common_tables: bool = False
) -> tuple[Section, ...]:
    """Compute and draw everything that the rows allow.

    Args:
        run: the run.
        ours: stable name of our method.
        scope: what is compared.
        common_tables: see `report_scope`.

    Returns:
        The sections in the order of the page.

    Raises:
        InputError: the run has no rows.
    """
    summary = Section(
        "summary",
        "Summary",
        tables=(make.summary(run, ours=ours, common_tables=common_tables),),
    )
    if is_one_table(run):
        comparison = [_folds(run, ours, scope)]
    else:
        comparison = [_ranks(run, ours, scope), _scores(run, ours)]
    comparison += [_rules(run, ours, scope), _trade_off(run, ours, scope)]
    if not is_one_table(run):
        comparison.append(_tiers(run, ours, scope, common_tables=common_tables))
        comparison.append(_pairs(run, ours, scope, common_tables=common_tables))
    return (summary, *comparison, *_records(run))


def ablation_sections(run: BenchmarkRun, subject: Subject) -> tuple[Section, ...]:
    """Compute and draw what each part of a preset brings.

    Args:
        run: a run of variants of the preset.
        subject: the preset.

    Returns:
        The sections in the order of the page.

    Raises:
        InputError: the run lacks the unchanged preset, or finished tables.
    """
    changes = ablation_changes(run, subject)
    figure = draw.ablation_figure(changes.data, subject)
    parts = Section("parts", "Every part", (), (figure,), (changes,))
    kinds = ablation_kinds(run, subject)
    sections = [parts]
    if len(kinds.columns) > 1:
        sections.append(Section("kinds", kinds.title, tables=(kinds,)))
    return (*sections, *_records(run))


def _nothing_to_compare(run: BenchmarkRun, scope: Scope, n_methods: int) -> str:
    """Return why a comparison cannot be drawn, or nothing."""
    if (counted_rows(run)["status"] != "ok").all():
        return "No fit has succeeded."
    if not scope.tables:
        return "No table is finished by all methods that have begun."
    if len(scope.methods) < n_methods:
        return (
            f"This needs {n_methods} methods with all fits on the "
            f"{len(scope.tables)} compared tables; so far there "
            f"{'is' if len(scope.methods) == 1 else 'are'} {len(scope.methods)}."
        )
    return ""


def _ranks(run: BenchmarkRun, ours: str, scope: Scope) -> Section:
    heading = "Ranks and critical differences"
    why_not = _nothing_to_compare(run, scope, 3)
    if not why_not and len(scope.tables) < 2:
        why_not = "Ranks need at least two finished tables."
    if why_not:
        return Section("ranks", heading, why_not=why_not)
    tests = []
    for rule in rules_of(run):
        for score, label in LABELS.items():
            found = friedman_test(compared_scores(run, score, rule, scope=scope))
            p = make.p_text(found.iman_davenport_p)
            tests.append(
                f"{label} {RULE_LABELS[rule]}: F = {found.iman_davenport:.2f}, p {p}"
            )
    paragraphs = (
        "On each table the methods are ranked, 1 being best and ties sharing their "
        "mean rank. Methods under the same bar are not distinguishable by the Nemenyi "
        "test at the 5% level"
        + ("; orange bars hold our method." if ours in scope.methods else "."),
        "Friedman's test that all methods are alike (Iman-Davenport form): "
        + "; ".join(tests)
        + ".",
    )
    figures = draw.rank_figures(run, ours=ours, scope=scope)
    return Section("ranks", heading, paragraphs, figures)


def _scores(run: BenchmarkRun, ours: str) -> Section:
    heading = "Every table"
    if (counted_rows(run)["status"] != "ok").all():
        return Section("scores", heading, why_not="No fit has succeeded.")
    figures = draw.heat_map_figures(run, ours=ours)
    return Section("scores", heading, (), figures, make.scores(run))


def _folds(run: BenchmarkRun, ours: str, scope: Scope) -> Section:
    heading = "Every fold"
    why_not = _nothing_to_compare(run, scope, 1)
    if why_not:
        return Section("folds", heading, why_not=why_not)
    paragraphs = (
        "One table has no mean ranks and no test over tables. The interval of the "
        "mean allows for training parts that share rows (Nadeau and Bengio 2003).",
    )
    figures = draw.fold_figures(run, ours=ours, scope=scope)
    return Section(
        "folds", heading, paragraphs, figures, make.folds(run, ours=ours, scope=scope)
    )


def _rules(run: BenchmarkRun, ours: str, scope: Scope) -> Section:
    heading = "Own decision or tuned rule"
    why_not = _nothing_to_compare(run, scope, 1)
    if not run.description.tuned:
        why_not = "The run did not score the tuned rule."
    if why_not:
        return Section("rules", heading, why_not=why_not)
    paragraphs = (
        "The tuned rule is fitted inside the training part, in the same way for every "
        "method. Where it helps, the probabilities knew more than the decision used.",
    )
    figures = draw.rule_figures(run, ours=ours, scope=scope)
    return Section("rules", heading, paragraphs, figures)


def _trade_off(run: BenchmarkRun, ours: str, scope: Scope) -> Section:
    heading = "Score against time"
    why_not = _nothing_to_compare(run, scope, 2)
    figures = () if why_not else draw.trade_off_figures(run, ours=ours, scope=scope)
    if not figures:
        missing = "Fewer than two methods have a measured time."
        return Section("trade-off", heading, why_not=why_not or missing)
    paragraphs = (
        "Times are medians over the fits that finished; a method that runs out of time "
        "on large tables looks faster here than it is. Failures are listed below.",
    )
    return Section("trade-off", heading, paragraphs, figures)


def _tiers(
    run: BenchmarkRun, ours: str, scope: Scope, *, common_tables: bool
) -> Section:
    heading = "By tier of imbalance"
    why_not = _nothing_to_compare(run, scope, 1)
    if why_not:
        return Section("tiers", heading, why_not=why_not)
    tables = make.tiers(run, ours=ours, common_tables=common_tables)
    if len(tables[0].columns) < 3:
        reason = "All compared tables are of one tier."
        return Section("tiers", heading, why_not=reason)
    figures = draw.tier_figures(run, ours=ours, common_tables=common_tables)
    return Section("tiers", heading, (), figures, tables)


def _pairs(
    run: BenchmarkRun, ours: str, scope: Scope, *, common_tables: bool
) -> Section:
    heading = "Our method against each peer"
    why_not = _nothing_to_compare(run, scope, 2)
    if not why_not and len(scope.tables) < 2:
        why_not = "A test over tables needs at least two finished tables."
    if not why_not and ours not in scope.methods:
        why_not = f"{ours} is not among the methods with all fits."
    if why_not:
        return Section("pairs", heading, why_not=why_not)
    paragraphs = (
        "Wilcoxon signed-rank tests over tables, corrected by Holm's method over the "
        "peers within each score and rule. A difference counts as better or worse only "
        "if the corrected p is below 0.05.",
    )
    tables = make.pairs(run, ours=ours, common_tables=common_tables)
    return Section("pairs", heading, paragraphs, (), tables)


def _records(run: BenchmarkRun) -> tuple[Section, ...]:
    """Say what failed, what is missing, and what was compared on what."""
    failures, coverage = make.failures(run), make.coverage(run)
    bad = tuple(table for table in (failures, coverage) if len(table.data))
    sentences = []
    if not len(failures.data):
        sentences.append("No fit failed or ran out of time.")
    if not len(coverage.data):
        sentences.append("No fit is missing.")
    return (
        Section("failures", "Failures and missing fits", tuple(sentences), (), bad),
        Section("tables", "Tables", tables=(make.table_facts(run),)),
        Section("methods", "Methods", tables=(make.method_facts(run),)),
    )
