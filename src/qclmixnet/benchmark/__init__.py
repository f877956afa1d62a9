"""Methods on tables on folds, one row each: run, stop, go on, read."""

from qclmixnet.benchmark.cell import CellKey
from qclmixnet.benchmark.methods import (
    OURS,
    QUICK_METHODS,
    list_methods,
    make_method,
    method_facts,
)
from qclmixnet.benchmark.record import (
    BenchmarkRun,
    MethodFacts,
    RunDescription,
    TableFacts,
)
from qclmixnet.benchmark.runner import RunProgress, run_benchmark
from qclmixnet.benchmark.split_by import SplitBy, read_split_by
from qclmixnet.benchmark.store import load_run
from qclmixnet.benchmark.tables import (
    QUICK_TABLES,
    LabelledTable,
    labelled_table,
    load_table,
    suite_tables,
)

__all__ = [
    "OURS",
    "QUICK_METHODS",
    "QUICK_TABLES",
    "BenchmarkRun",
    "CellKey",
    "LabelledTable",
    "MethodFacts",
    "RunDescription",
    "RunProgress",
    "SplitBy",
    "TableFacts",
    "labelled_table",
    "list_methods",
    "load_run",
    "load_table",
    "make_method",
    "method_facts",
    "read_split_by",
    "run_benchmark",
    "suite_tables",
]
