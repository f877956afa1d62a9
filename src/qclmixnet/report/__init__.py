"""What people look at: pages and figures of scores, histories and fitted models."""

from qclmixnet.report.ablation import ablation_changes
from qclmixnet.report.describe_model import describe_model
from qclmixnet.report.fit_figure import draw_fit, require_drawing
from qclmixnet.report.model_data import (
    ClassCurves,
    ClassFacts,
    ColumnFacts,
    ListedRow,
    ModelPage,
    Reason,
    ScoredRows,
)
from qclmixnet.report.model_page import render_model_page, write_model_page
from qclmixnet.report.recommendation import Recommendation, recommend
from qclmixnet.report.stress_report import StressFiles, write_stress_report
from qclmixnet.report.summary import summary_table
from qclmixnet.report.tuning import TuningFiles, tuning_table, write_tuning_report
from qclmixnet.report.tuning_figure import SearchTold
from qclmixnet.report.tuning_words import (
    TuningVerdict,
    tuned_against_tuned,
    tuning_verdict,
)
from qclmixnet.report.write import ReportFiles, write_ablation_report, write_report

__all__ = [
    "ClassCurves",
    "ClassFacts",
    "ColumnFacts",
    "ListedRow",
    "ModelPage",
    "Reason",
    "Recommendation",
    "ReportFiles",
    "ScoredRows",
    "SearchTold",
    "StressFiles",
    "TuningFiles",
    "TuningVerdict",
    "ablation_changes",
    "describe_model",
    "draw_fit",
    "recommend",
    "render_model_page",
    "require_drawing",
    "summary_table",
    "tuned_against_tuned",
    "tuning_table",
    "tuning_verdict",
    "write_ablation_report",
    "write_model_page",
    "write_report",
    "write_stress_report",
    "write_tuning_report",
]
