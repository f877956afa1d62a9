"""What people look at: figures drawn from scores and histories, never re-run."""

from qclmixnet.report.fit_figure import draw_fit, require_drawing

__all__ = ["draw_fit", "require_drawing"]
