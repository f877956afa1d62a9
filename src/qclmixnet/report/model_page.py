"""The page on one fitted model and one table: a single file that loads nothing."""

import base64
import hashlib
from pathlib import Path

from qclmixnet.report.charts import BarChart, LineChart, bar_svg, line_svg
from qclmixnet.report.model_charts import (
    class_chart,
    importance_charts,
    reliability_chart,
    threshold_chart,
)
from qclmixnet.report.model_data import ModelPage, ScoredRows
from qclmixnet.report.model_tables import (
    calibration_table,
    class_table,
    column_table,
    confusions_table,
    costs_table,
    diagnostics_table,
    row_table,
    stated_costs_table,
)
from qclmixnet.report.numbers_table import confusion_cells
from qclmixnet.report.page import load_template, own_file, require_page
from qclmixnet.report.tables import ReportTable
from qclmixnet.report.words import count_of
from qclmixnet.report.write import write_files

__all__ = ["render_model_page", "write_model_page"]

_MOST_CLASSES_IN_MATRIX = 15
_STYLE, _SCRIPT = "model_page.css", "model_page.js"


def write_model_page(page: ModelPage, path: Path) -> Path:
    """Write the page to a file, whole or not at all.

    Args:
        page: what it says.
        path: the file.

    Returns:
        The file.

    Raises:
        InputError: it cannot be written.
        MissingExtraError: jinja2 is not installed.
    """
    text = render_model_page(page)
    write_files({path: text.encode()}, path.parent, what="page")
    return path


def render_model_page(page: ModelPage) -> str:
    """Return the page on one model.

    Args:
        page: what it says.

    Returns:
        HTML that loads nothing, and that forbids the browser to load anything or to run
        any script but its own, which is the same on every page.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    require_page()
    from markupsafe import Markup

    template = load_template("model_template.html.j2")
    style, script = own_file(_STYLE), own_file(_SCRIPT)

    def draw(chart: LineChart | BarChart) -> Markup:
        svg = line_svg(chart) if isinstance(chart, LineChart) else bar_svg(chart)
        return Markup(svg)  # noqa: S704 - its texts are escaped where it is drawn

    scored = page.scored
    return template.render(
        page=page,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=_policy(style, script),
        draw=draw,
        class_counts=class_chart(page),
        columns=column_table(page),
        scores=None if scored is None else _score_parts(page),
        importance=(
            () if page.importance is None else importance_charts(page.importance)
        ),
        unsure=_rows(page, "unsure"),
        wrong=_rows(page, "wrong"),
        noticed=diagnostics_table(page) if page.diagnostics else None,
    )


def _policy(style: str, script: str) -> str:
    """Return a content security policy that lets nothing in but these two."""

    def digest(text: str) -> str:
        found = hashlib.sha256(text.encode()).digest()
        return f"'sha256-{base64.b64encode(found).decode()}'"

    return (
        f"default-src 'none'; style-src {digest(style)}; script-src {digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _rows(page: ModelPage, name: str) -> ReportTable | None:
    rows = page.unsure if name == "unsure" else page.wrong
    if not rows:
        return None
    if name == "unsure":
        title = f"The {count_of(len(rows), 'row')} nearest to another class"
    elif len(rows) < page.n_wrong:
        title = f"The {len(rows)} surest of {page.n_wrong:,} mistakes"
    else:
        title = f"All {count_of(len(rows), 'mistake')}, the surest first"
    return row_table(name, title, rows)


def _score_parts(page: ModelPage) -> dict[str, object]:
    """Return tables and charts of the sections on scores, for the template."""
    scored = page.scored
    assert scored is not None
    labels = [entry.label for entry in scored.scores.by_class]
    readable = len(labels) <= _MOST_CLASSES_IN_MATRIX
    has_mistakes = page.n_wrong > 0
    return {
        "by_class": class_table(scored, [each.n_predicted for each in page.classes]),
        "labels": labels,
        "matrix": confusion_cells(scored.scores.confusion) if readable else (),
        "confusions": (
            confusions_table(scored) if has_mistakes and not readable else None
        ),
        "thresholds": [
            threshold_chart(curves, f"threshold-{place}")
            for place, curves in enumerate(scored.curves)
        ],
        "reliability": [
            reliability_chart(curves, f"reliability-{place}")
            for place, curves in enumerate(scored.curves)
        ],
        "calibration": calibration_table(scored) if scored.curves else None,
        "costs": _cost_tables(scored),
    }


def _cost_tables(scored: ScoredRows) -> tuple[ReportTable, ...]:
    if scored.costs is None:
        return ()
    return (
        costs_table(scored.costs, coverage=scored.coverage),
        stated_costs_table(scored.costs),
    )
