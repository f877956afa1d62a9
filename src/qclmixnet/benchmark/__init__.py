"""Methods on tables on folds, one row each: run, stop, go on, read."""

from qclmixnet.benchmark.ablations import (
    ABLATIONS,
    Ablation,
    Subject,
    ablations_of,
    full_of,
)
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
from qclmixnet.benchmark.stress_suites import (
    STRESS_METHODS,
    STRESS_SUITES,
    StressPart,
    StressPlan,
    choose_parts,
    plan_stress,
)
from qclmixnet.benchmark.tables import (
    QUICK_TABLES,
    LabelledTable,
    labelled_table,
    load_table,
    stressed,
    suite_tables,
)

__all__ = [
    "ABLATIONS",
    "OURS",
    "QUICK_METHODS",
    "QUICK_TABLES",
    "STRESS_METHODS",
    "STRESS_SUITES",
    "Ablation",
    "BenchmarkRun",
    "CellKey",
    "LabelledTable",
    "MethodFacts",
    "RunDescription",
    "RunProgress",
    "SplitBy",
    "StressPart",
    "StressPlan",
    "Subject",
    "TableFacts",
    "ablations_of",
    "choose_parts",
    "full_of",
    "labelled_table",
    "list_methods",
    "load_run",
    "load_table",
    "make_method",
    "method_facts",
    "plan_stress",
    "read_split_by",
    "run_benchmark",
    "stressed",
    "suite_tables",
]
