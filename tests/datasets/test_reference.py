from pathlib import Path

from qclmixnet.datasets.reference import render_reference
from qclmixnet.datasets.registry import CARDS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "datasets.md"


def test_page_is_in_step_with_the_registry() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_reference(), (
        "run: python -m qclmixnet.datasets.reference > docs/reference/datasets.md"
    )


def test_page_shows_every_dataset_with_its_numbers() -> None:
    rows = [line.split(" | ") for line in render_reference().splitlines()]
    for name, card in CARDS.items():
        numbers, provenance = [row for row in rows if row[0] == f"| `{name}`"]
        assert numbers[2] == str(card.numbers.n_rows)
        assert numbers[5] == str(card.numbers.imbalance_ratio)
        assert provenance[3] == card.licence
        assert provenance[4] == card.citation
        assert all(dropped.names in provenance[5] for dropped in card.dropped)


def test_every_row_of_the_page_has_the_columns_of_its_head() -> None:
    for line in render_reference().splitlines():
        if line.startswith("|"):
            assert line.count("|") in {11, 8}
