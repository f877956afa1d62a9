"""Write a report: its page, figures and tables, each file whole or not at all."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qclmixnet.benchmark.ablations import Subject
from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.core.errors import InputError
from qclmixnet.report.ablation import ablation_in_words
from qclmixnet.report.fit_figure import require_drawing
from qclmixnet.report.noticed import Noticed, insert_noticed
from qclmixnet.report.page import render_page, require_page
from qclmixnet.report.scope import is_one_table, report_scope
from qclmixnet.report.sections import (
    Section,
    ablation_sections,
    report_sections,
)
from qclmixnet.report.words import result_in_words

__all__ = ["ReportFiles", "write_ablation_report", "write_files", "write_report"]


@dataclass(frozen=True)
class ReportFiles:
    """Where a report was written.

    Attributes:
        page: the page, which needs no other file.
        summary: the result in words and the main tables as Markdown.
        figures: every figure as SVG and as PNG.
        tables: every table as CSV, Markdown and LaTeX.
    """

    page: Path
    summary: Path
    figures: tuple[Path, ...]
    tables: tuple[Path, ...]


def write_report(
    run: BenchmarkRun,
    out: Path,
    *,
    ours: str = "qclmixnet",
    title: str | None = None,
    recommendation: str | None = None,
    common_tables: bool = False,
    noticed: Noticed | None = None,
) -> ReportFiles:
    """Write everything that the rows of a run show; nothing is run again.

    Files of an earlier report are replaced, other files in the folder stay. All is
    computed before the first file is touched.

    Args:
        run: the run, finished or not.
        out: the folder to write to; it is made if need be.
        ours: stable name of the method to highlight and to compare with the others;
            where the run does not have it, nothing is highlighted.
        title: heading of the page.
        recommendation: plain text shown on top of the page.
        common_tables: compare on the tables that all methods have finished, instead
            of leaving out the methods that have not finished all tables.
        noticed: what a fit noticed about the only table, shown in a section.

    Returns:
        The paths of the files.

    Raises:
        InputError: the run has no rows, or the folder cannot be written to.
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    require_drawing()
    require_page()
    scope = report_scope(run, common_tables=common_tables)
    heading = title or _default_title(run)
    result = result_in_words(run, ours=ours, scope=scope, common_tables=common_tables)
    sections = report_sections(run, ours=ours, scope=scope, common_tables=common_tables)
    if noticed is not None:
        sections = insert_noticed(sections, noticed)
    page = render_page(
        run, sections, title=heading, result=result, recommendation=recommendation
    )
    leading = [recommendation] if recommendation else []
    return _write(out, heading, [*leading, *result], sections, page)


def write_ablation_report(
    run: BenchmarkRun, out: Path, *, subject: Subject
) -> ReportFiles:
    """Write what each part of a preset brings, by a run of its variants.

    Args:
        run: the run, finished or not.
        out: the folder to write to; it is made if need be.
        subject: the preset.

    Returns:
        The paths of the files.

    Raises:
        InputError: the run lacks the unchanged preset or finished tables, or the folder
            cannot be written to.
        MissingExtraError: matplotlib or jinja2 is not installed.
    """
    require_drawing()
    require_page()
    heading = f"What the parts of the {subject} preset bring"
    result = ablation_in_words(run, subject)
    sections = ablation_sections(run, subject)
    page = render_page(run, sections, title=heading, result=result)
    return _write(out, heading, result, sections, page)


def _write(
    out: Path,
    heading: str,
    words: Sequence[str],
    sections: tuple[Section, ...],
    page: str,
) -> ReportFiles:
    contents: dict[Path, bytes] = {}
    figures, tables = _figure_files(sections), _table_files(sections)
    contents |= figures | tables
    contents[Path("summary.md")] = _summary(heading, words, sections)
    contents[Path("index.html")] = page.encode()
    write_files({out / name: content for name, content in contents.items()}, out)
    return ReportFiles(
        page=out / "index.html",
        summary=out / "summary.md",
        figures=tuple(out / name for name in figures),
        tables=tuple(out / name for name in tables),
    )


def _default_title(run: BenchmarkRun) -> str:
    asked = run.description
    if is_one_table(run):
        return f"Comparison on {Path(asked.source or asked.tables[0]).name}"
    return f"Benchmark: {len(asked.methods)} methods on {len(asked.tables)} tables"


def _figure_files(sections: tuple[Section, ...]) -> dict[Path, bytes]:
    contents = {}
    for section in sections:
        for figure in section.figures:
            path = Path("figures") / figure.rendered.name
            contents[path.with_suffix(".svg")] = figure.rendered.svg
            contents[path.with_suffix(".png")] = figure.rendered.png
    return contents


def _table_files(sections: tuple[Section, ...]) -> dict[Path, bytes]:
    contents = {}
    for section in sections:
        for table in section.tables:
            path = Path("tables") / table.name
            contents[path.with_suffix(".csv")] = table.csv().encode()
            contents[path.with_suffix(".md")] = table.markdown().encode()
            contents[path.with_suffix(".tex")] = table.latex().encode()
    return contents


def _summary(title: str, result: Sequence[str], sections: tuple[Section, ...]) -> bytes:
    """Return the report without figures as Markdown."""
    parts = [f"# {title}", *result]
    for section in sections:
        shown = [table for table in section.tables if table.on_page]
        if shown or section.why_not:
            parts.append(f"## {section.heading}")
            parts.extend(section.paragraphs)
        if section.why_not:
            parts.append(f"Left out: {section.why_not}")
        parts.extend(table.markdown().strip() for table in shown)
    return ("\n\n".join(parts) + "\n").encode()


def write_files(
    contents: Mapping[Path, bytes], out: Path, *, what: str = "report"
) -> None:
    """Write the files of a report, each whole or not at all.

    Args:
        contents: what each file holds; folders are made if need be.
        out: the folder of all of them, for the message.
        what: name of the whole for the message.

    Raises:
        InputError: the folder cannot be written to.
    """
    try:
        for path, content in contents.items():
            _write_file(path, content)
    except OSError as error:
        raise InputError(
            f"The {what} could not be written to {str(out)!r}: {error}."
        ) from error


def _write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, by way of a sibling.

    Args:
        path: the file; its folder is made if need be.
        content: all of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    sibling = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        sibling.chmod(0o644)
        sibling.replace(path)
    finally:
        sibling.unlink(missing_ok=True)
