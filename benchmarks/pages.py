"""Putting figures drawn from stored rows into the pages that quote them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from qclmixnet.report.drawing import Rendered

__all__ = ["image", "interval", "replace_pictures", "replace_table", "with_interval"]


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean over tables."""
    draws = np.random.default_rng(0).integers(len(values), size=(10_000, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def with_interval(values: np.ndarray, digits: int) -> str:
    """Return the mean of signed values over tables, with its interval."""
    low, high = interval(values)
    mean = values.mean()
    return f"{mean:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"


def image(
    picture: Rendered, caption: str, *, folder: str, alternative: str | None = None
) -> str:
    """Return a picture of a folder of docs/images, with its caption, as Markdown.

    Args:
        picture: the picture.
        caption: what is said below it.
        folder: where it lies.
        alternative: what it says to who cannot see it; None for the caption.
    """
    name = f"../images/{folder}/{picture.name}.svg"
    return f"![{alternative or caption}]({name})\n\n*{caption}*"


def replace_table(page: Path, table: str, *, name: str = "figures") -> None:
    """Put a table between the two markers of that name of a page."""
    opening, closing = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    text = page.read_text(encoding="utf-8")
    before, start, rest = text.partition(opening)
    _, end, after = rest.partition(closing)
    if not (start and end):
        raise ValueError(f"{page} lacks the markers {opening!r} and {closing!r}.")
    page.write_text(f"{before}{start}\n\n{table}\n\n{end}{after}", encoding="utf-8")


def replace_pictures(folder: Path, pictures: Iterable[Rendered]) -> None:
    """Write these pictures as SVG, and take away those of an earlier drawing."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {f"{picture.name}.svg": picture.svg for picture in pictures}
    for old in folder.glob("*.svg"):
        if old.name not in contents:
            old.unlink()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
