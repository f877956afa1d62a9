"""The report as one page that needs nothing but itself."""

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from qclmixnet.benchmark.record import BenchmarkRun
from qclmixnet.core.errors import MissingExtraError
from qclmixnet.report.drawing import Rendered
from qclmixnet.report.sections import Section
from qclmixnet.report.split_words import folds_in_words
from qclmixnet.report.words import machines_in_words

if TYPE_CHECKING:
    import jinja2

__all__ = ["inline_svg", "load_template", "own_file", "render_page", "require_page"]

# Below this width per inch of figure its letters are too small: the box scrolls.
_PIXELS_PER_INCH = 60


def require_page() -> None:
    """Refuse now what `render_page` would refuse after the work is done.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        import jinja2  # noqa: F401 - only whether it can be had
    except ImportError as error:
        raise MissingExtraError(
            "jinja2", extra="report", purpose="Writing a report"
        ) from error


def own_file(name: str) -> str:
    """Return the text of a file that lies beside this module."""
    return files("qclmixnet.report").joinpath(name).read_text(encoding="utf-8")


def load_template(name: str) -> "jinja2.Template":
    """Return a template of a page; what it is filled with is escaped."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(own_file(name))


def inline_svg(figure: Rendered, alternative: str) -> str:
    """Return a figure to stand inside a page.

    Args:
        figure: the figure as files.
        alternative: what it shows, for who cannot see it.

    Returns:
        The ``svg`` element without prolog, comments and metadata; ids carry the
        figure's name, so that many figures can share a page.
    """
    from markupsafe import escape

    text = figure.svg.decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{figure.name}-', text)
    text = re.sub(r'href="#', f'href="#{figure.name}-', text)
    text = re.sub(r"url\(#", f"url(#{figure.name}-", text)
    # The page scales it; the namespaces are the parser's own.
    text = re.sub(r'^<svg[^>]*?(viewBox="[^"]*")[^>]*>', r"<svg \1>", text, count=1)
    text = text.replace("xlink:href", "href")
    label = str(escape(alternative))
    start = (
        f'<svg role="img" aria-label="{label}" '
        f'style="min-width:{figure.width * _PIXELS_PER_INCH:.0f}px;'
        f'max-width:{figure.width * 110:.0f}px"'
    )
    # Lines without their indentation: a tenth of the file.
    return re.sub(r"\n\s*", "\n", text.replace("<svg", start, 1)).strip()


def render_page(
    run: BenchmarkRun,
    sections: Sequence[Section],
    *,
    title: str,
    result: Sequence[str],
    recommendation: str | None = None,
) -> str:
    """Return the whole page.

    Args:
        run: the run.
        sections: in the order of the page.
        title: heading of the page.
        result: paragraphs in plain words.
        recommendation: shown above them, if any.

    Returns:
        HTML that loads nothing from anywhere.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    require_page()
    from markupsafe import Markup

    template = load_template("template.html.j2")
    svgs = {
        figure.rendered.name: Markup(  # noqa: S704 - our own drawing, its label escaped
            inline_svg(figure.rendered, figure.alternative)
        )
        for section in sections
        for figure in section.figures
    }
    return template.render(
        title=title,
        result=result,
        recommendation=recommendation,
        sections=sections,
        svgs=svgs,
        asked=run.description,
        folds=folds_in_words(run.description),
        machine=run.machine,
        fitted_on=machines_in_words(run),
        command=run.command,
    )
