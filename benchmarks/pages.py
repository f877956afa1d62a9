"""Putting figures drawn from stored rows into the pages that quote them."""

from pathlib import Path

__all__ = ["replace_table"]

_START, _END = "<!-- figures: start -->", "<!-- figures: end -->"


def replace_table(page: Path, table: str) -> None:
    """Put a table between the two markers of a page."""
    text = page.read_text(encoding="utf-8")
    before, start, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    if not (start and end):
        raise ValueError(f"{page} lacks the markers {_START!r} and {_END!r}.")
    page.write_text(f"{before}{start}\n\n{table}\n\n{end}{after}", encoding="utf-8")
