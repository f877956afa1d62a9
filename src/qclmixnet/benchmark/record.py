"""What a benchmark run is, as it crosses the border to the report."""

from dataclasses import dataclass, field

import pandas as pd

__all__ = [
    "KEY",
    "RULES",
    "SCORES",
    "BenchmarkRun",
    "MethodFacts",
    "RunDescription",
    "TableFacts",
]

KEY = ("table", "method", "fold", "seed", "rule")
"""Columns that name a row."""

RULES = ("as_is", "tuned")
"""The method's own decision, and the rule that is tuned alike for every method."""

SCORES = (
    "macro_f1",
    "macro_recall",
    "g_mean",
    "mcc",
    "macro_auprc",
    "macro_auroc",
    "log_loss",
    "brier",
    "ece",
    "rare_recall",
)
"""Columns of scores; for `log_loss`, `brier` and `ece` less is better."""


@dataclass(frozen=True)
class TableFacts:
    """A table of a run, before it is split.

    Attributes:
        name: its name in the rows.
        n_rows: number of rows.
        n_columns: number of feature columns.
        n_classes: number of classes.
        imbalance_ratio: rows of the largest class over rows of the smallest.
        smallest_class: rows of the smallest class.
    """

    name: str
    n_rows: int
    n_columns: int
    n_classes: int
    imbalance_ratio: float
    smallest_class: int


@dataclass(frozen=True)
class MethodFacts:
    """A method of a run.

    Attributes:
        name: its stable name in the rows.
        title: its name for people.
        family: ``"ours"`` or the family of the baseline.
        description: model and settings in a sentence.
        versions: versions of the libraries behind it.
    """

    name: str
    title: str
    family: str
    description: str
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunDescription:
    """The small file that a run is described by.

    Attributes:
        tables: names of the tables, in the order of the report.
        methods: stable names of the methods.
        n_folds: folds of the outer cross-validation.
        n_seeds: how often it is repeated with other folds and other model seeds.
        time_limit_s: seconds for one fit, in processor time of each thread (or four
            times as many by the clock); a longer one is stopped and recorded.
        max_train_rows: training parts are cut to this many rows.
        tuned: also score the rule that is tuned alike for every method.
        source: path of the user's file, empty for the tables of the package.
        target: target column of that file.
        drop: columns of that file that are left out.
        time_column: column of that file that the folds are ordered by, empty for none.
        gap: time before a test part that is not learned from, as it was given.
        group_column: column of that file whose values stay on one side of a fold.
        checksum: of the rows of that file, so that a run is not gone on with after
            the file has changed.
    """

    tables: tuple[str, ...]
    methods: tuple[str, ...]
    n_folds: int = 5
    n_seeds: int = 1
    time_limit_s: float = 1200.0
    max_train_rows: int = 10_000
    tuned: bool = True
    source: str = ""
    target: str = ""
    drop: tuple[str, ...] = ()
    checksum: str = ""
    time_column: str = ""
    gap: str = ""
    group_column: str = ""


@dataclass(frozen=True)
class BenchmarkRun:
    """A run with the rows that it has so far.

    Attributes:
        description: what was asked for.
        tables: facts about its tables.
        methods: facts about its methods.
        machine: processor, cores, memory, system, Python and versions of the core.
        command: the command that made it; a line for each when there were several.
        rows: one row per table, method, fold, seed and rule. Columns: ``table method
            fold seed rule status`` (``ok``, ``failed``, ``timeout``), the `SCORES`
            (NaN unless ok), ``fit_s`` (wall clock), ``fit_cpu_s`` (processor time of
            the same fit), ``predict_s_per_1k``, ``peak_mb``, ``n_train``, ``n_test``,
            ``inner`` (``"3-fold"``, ``"holdout"`` or empty: how the rule was tuned),
            ``message``, ``versions``, ``machine``, ``device`` (``"cpu"``, or the name
            of the GPU), ``threads``, ``started_at``.
    """

    description: RunDescription
    tables: tuple[TableFacts, ...]
    methods: tuple[MethodFacts, ...]
    machine: dict[str, str]
    command: str
    rows: pd.DataFrame
