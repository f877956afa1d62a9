"""How methods are compared: splits, and statistics over tables or folds."""

from qclmixnet.evaluation.grouped import grouped_folds, number_groups
from qclmixnet.evaluation.labelled_split import LabelledSplit
from qclmixnet.evaluation.pairwise import Comparison, Verdict, compare_with, holm
from qclmixnet.evaluation.protocol import (
    KEEP_WHOLE,
    Fold,
    cut_rows,
    duplicate_groups,
    stratified_folds,
)
from qclmixnet.evaluation.single_table import PairedTest, corrected_t_test
from qclmixnet.evaluation.statistics import (
    IR_TIERS,
    FriedmanTest,
    MeanRank,
    critical_difference,
    friedman_test,
    ir_tier,
    mean_ranks,
    nemenyi_groups,
    nemenyi_p_values,
)
from qclmixnet.evaluation.stress import (
    STRESS_KINDS,
    Stress,
    StressKind,
    read_stressed_name,
)
from qclmixnet.evaluation.time_order import time_ordered_folds

__all__ = [
    "IR_TIERS",
    "KEEP_WHOLE",
    "STRESS_KINDS",
    "Comparison",
    "Fold",
    "FriedmanTest",
    "LabelledSplit",
    "MeanRank",
    "PairedTest",
    "Stress",
    "StressKind",
    "Verdict",
    "compare_with",
    "corrected_t_test",
    "critical_difference",
    "cut_rows",
    "duplicate_groups",
    "friedman_test",
    "grouped_folds",
    "holm",
    "ir_tier",
    "mean_ranks",
    "nemenyi_groups",
    "nemenyi_p_values",
    "number_groups",
    "read_stressed_name",
    "stratified_folds",
    "time_ordered_folds",
]
