"""Which rows of a run count: what is finished, what is missing, what is compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from qclmixnet.benchmark.record import KEY, RULES, SCORES, BenchmarkRun
from qclmixnet.core.errors import InputError

__all__ = [
    "Scope",
    "counted_rows",
    "coverage_table",
    "finished_rows",
    "is_one_table",
    "report_scope",
    "rules_of",
    "timed_rows",
    "titles_of",
]

_STATUSES = ("ok", "failed", "timeout")
_NEEDED = (*KEY, "status", *SCORES, "fit_cpu_s", "predict_s_per_1k", "peak_mb")
_NEEDED_ALSO = ("n_train", "message", "machine", "device")


@dataclass(frozen=True)
class Scope:
    """What is compared with each other in a report.

    Attributes:
        tables: names of the tables that ranks, tests and means are taken over.
        methods: names of the methods that have every fit on each of these tables.
        incomplete: names of the methods that lack fits, and so are not ranked.
    """

    tables: tuple[str, ...]
    methods: tuple[str, ...]
    incomplete: tuple[str, ...]


def is_one_table(run: BenchmarkRun) -> bool:
    """Return whether the run is about a single table, where ranks mean nothing."""
    return len(run.description.tables) == 1


def rules_of(run: BenchmarkRun) -> tuple[str, ...]:
    """Return the decision rules that the run scores."""
    return RULES if run.description.tuned else RULES[:1]


def titles_of(run: BenchmarkRun) -> dict[str, str]:
    """Return the title for people of every method of the run, by stable name."""
    known = {facts.name: facts.title for facts in run.methods}
    return {name: known.get(name) or name for name in run.description.methods}


def counted_rows(run: BenchmarkRun) -> pd.DataFrame:
    """Return the rows that belong to what the run was asked for.

    Args:
        run: a run with at least one row.

    Returns:
        Rows of the described tables, methods and rules; of rows with the same key,
        as a resumed run may leave them, the last one.

    Raises:
        InputError: there is no such row, a column is missing or a status is unknown.
    """
    rows = run.rows
    missing = [name for name in (*_NEEDED, *_NEEDED_ALSO) if name not in rows.columns]
    if missing and len(rows):
        raise InputError(
            f"The rows of the run lack the columns {missing}; were they written by "
            "another version? Expected are those of qclmixnet.benchmark.record."
        )
    if len(rows):
        asked = run.description
        rows = rows[
            rows["table"].isin(asked.tables)
            & rows["method"].isin(asked.methods)
            & rows["rule"].isin(rules_of(run))
        ].drop_duplicates(list(KEY), keep="last")
    if not len(rows):
        raise InputError(
            "The run has no finished row yet, so there is nothing to report. "
            "Run the benchmark until the first fit is done, then write the report."
        )
    unknown = sorted(set(rows["status"]) - set(_STATUSES))
    if unknown:
        raise InputError(f"`status` must be one of {_STATUSES}, got {unknown}.")
    return rows


def timed_rows(run: BenchmarkRun) -> pd.DataFrame:
    """Return the rows as is of finished fits whose times and memory can be compared.

    Fits on a GPU are left out where others ran on the processor, and so is a method
    that would be left with some of its tables, unless no method has all of them.
    """
    rows = finished_rows(run)
    on_gpu = rows["device"] != "cpu"
    if on_gpu.all():
        return rows
    kept = rows[~on_gpu]
    n_tables = rows.groupby("method")["table"].nunique()
    n_kept = kept.groupby("method")["table"].nunique()
    whole = n_kept.index[n_kept == n_tables[n_kept.index]]
    return kept[kept["method"].isin(whole)] if len(whole) else kept


def finished_rows(run: BenchmarkRun) -> pd.DataFrame:
    """Return the rows as is of fits that neither failed nor ran out of time."""
    rows = counted_rows(run)
    return rows[(rows["rule"] == "as_is") & (rows["status"] == "ok")]


def finished_fits(run: BenchmarkRun) -> pd.DataFrame:
    """Count the fits that a table has of a method, failed and timed-out ones too.

    Args:
        run: the run; a fit counts once the rows of all of its rules are there.

    Returns:
        Whole numbers, tables by methods, in the order of the description.
    """
    rows = counted_rows(run)
    asked = run.description
    counts = None
    for rule in rules_of(run):
        of_rule = rows[rows["rule"] == rule]
        found = pd.crosstab(of_rule["table"], of_rule["method"])
        found = found.reindex(index=list(asked.tables), columns=list(asked.methods))
        found = found.fillna(0).astype(int)
        # A fit that has one rule only is not done.
        counts = found if counts is None else counts.where(counts <= found, found)
    assert counts is not None  # there is always the rule as is
    return counts


def report_scope(run: BenchmarkRun, *, common_tables: bool = False) -> Scope:
    """Decide which tables and methods are compared with each other.

    Args:
        run: the run.
        common_tables: if True compare on the tables that every method which has
            begun has finished, else compare the methods that finished all tables.

    Returns:
        The tables and methods.
    """
    expected = run.description.n_folds * run.description.n_seeds
    done = finished_fits(run) >= expected
    tables, methods = _names(done.index), _names(done.columns)
    if common_tables:
        begun = [name for name in methods if done[name].any()]
        tables = tuple(t for t in tables if begun and done.loc[t, begun].all())
    complete = tuple(m for m in methods if tables and done.loc[list(tables), m].all())
    incomplete = tuple(m for m in methods if m not in complete)
    return Scope(tables=tables, methods=complete, incomplete=incomplete)


def coverage_table(run: BenchmarkRun) -> pd.DataFrame:
    """List the methods that lack fits on some table.

    Args:
        run: the run.

    Returns:
        A row per incomplete method with columns ``method title fits fits_expected
        tables tables_expected``; no rows when nothing is missing.
    """
    counts = finished_fits(run)
    per_table = run.description.n_folds * run.description.n_seeds
    titles = titles_of(run)
    records = [
        {
            "method": name,
            "title": titles[name],
            "fits": int(counts[name].clip(upper=per_table).sum()),
            "fits_expected": per_table * len(counts),
            "tables": int((counts[name] >= per_table).sum()),
            "tables_expected": len(counts),
        }
        for name in _names(counts.columns)
        if (counts[name] < per_table).any()
    ]
    columns = ["method", "title", "fits", "fits_expected", "tables", "tables_expected"]
    return pd.DataFrame(records, columns=columns)


def _names(labels: Sequence[object] | pd.Index) -> tuple[str, ...]:
    return tuple(str(label) for label in labels)
