"""What people look at: pages and figures of scores and histories, never re-run."""

from qclmixnet.report.ablation import ablation_changes
from qclmixnet.report.fit_figure import draw_fit, require_drawing
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
    "Recommendation",
    "ReportFiles",
    "SearchTold",
    "StressFiles",
    "TuningFiles",
    "TuningVerdict",
    "ablation_changes",
    "draw_fit",
    "recommend",
    "require_drawing",
    "summary_table",
    "tuned_against_tuned",
    "tuning_table",
    "tuning_verdict",
    "write_ablation_report",
    "write_report",
    "write_stress_report",
    "write_tuning_report",
]
