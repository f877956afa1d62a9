"""The ablation page, drawn from the rows that are there.

    python benchmarks/ablation_results.py

Nothing is run. The rows are made, and gone on with, by

    qclmixnet ablate --preset paper --suite full --out benchmarks/results/ablation/paper
    qclmixnet ablate --preset default --suite full \\
        --out benchmarks/results/ablation/default

The text between the markers of `docs/explanation/ablations.md` is replaced, and the
pictures in `docs/images/ablation/`.
"""

from pathlib import Path
from typing import get_args

from full_results import markdown_of, provenance, report_image
from pages import replace_pictures, replace_table

from qclmixnet.benchmark import Subject, load_run
from qclmixnet.report.ablation import ablation_in_words, ablation_scope
from qclmixnet.report.figures import ReportFigure
from qclmixnet.report.sections import ablation_sections
from qclmixnet.report.words import count_of, listed

HERE = Path(__file__).parent
RUNS = HERE / "results" / "ablation"
PAGE = HERE.parent / "docs" / "explanation" / "ablations.md"
IMAGES = HERE.parent / "docs" / "images" / "ablation"
HEADINGS = {"paper": "The published network", "default": "The default preset"}


def draw(subject: Subject) -> tuple[str, tuple[ReportFigure, ...]]:
    """Return the text of one preset, and its pictures."""
    run = load_run(RUNS / subject)
    scope = ablation_scope(run, subject)
    asked = run.description
    how_far = (
        f"{count_of(len(scope.tables), 'table')} ({listed(scope.tables)}), "
        f"{asked.n_folds} folds, {count_of(len(scope.methods), 'variant')}"
    )
    left = len(asked.tables) - len(scope.tables)
    if left:
        how_far += f"; {count_of(left, 'table')} not finished by all variants yet"
    parts = [f"## {HEADINGS[subject]}", f"{how_far}.", "### In words"]
    parts += [f"- {sentence}" for sentence in ablation_in_words(run, subject)]
    figures: list[ReportFigure] = []
    for section in ablation_sections(run, subject):
        if section.key in ("parts", "kinds"):
            figures += section.figures
            parts.append(f"### {section.heading}")
            parts += [
                report_image(figure, folder="ablation") for figure in section.figures
            ]
            parts += [markdown_of(table) for table in section.tables]
    parts += ["### Machine, versions and command", *provenance(run)]
    return "\n\n".join(parts), tuple(figures)


def main() -> None:
    """Draw both presets as far as their rows go."""
    texts, pictures = [], []
    for subject in get_args(Subject):
        if not (RUNS / subject / "rows.parquet").exists():
            continue
        text, figures = draw(subject)
        texts.append(text)
        pictures += [figure.rendered for figure in figures]
    replace_pictures(IMAGES, pictures)
    replace_table(PAGE, "\n\n".join(texts))


if __name__ == "__main__":
    main()
