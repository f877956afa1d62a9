"""A plain table of texts beside a chart, and the confusion matrix as a shaded one."""

from dataclasses import dataclass

__all__ = ["MatrixCell", "NumbersTable", "confusion_cells"]

_SHADES = 10


@dataclass(frozen=True)
class NumbersTable:
    """Cells as they are read.

    Attributes:
        caption: what the table shows.
        heads: names of the columns.
        rows: the cells; the first of a row names it.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class MatrixCell:
    """A cell of the confusion matrix.

    Attributes:
        count: rows.
        share: of the rows of the true class, 0 to 1.
        shade: 0 to 10, the share in tenths; the page has a colour for each.
        is_hit: whether true and predicted class are the same.
    """

    count: int
    share: float
    shade: int
    is_hit: bool


def confusion_cells(
    confusion: tuple[tuple[int, ...], ...],
) -> tuple[tuple[MatrixCell, ...], ...]:
    """Shade each cell by its share of the rows of the true class.

    Args:
        confusion: counts, true class by predicted class.

    Returns:
        The cells; a class without rows has shares of 0.

    >>> confusion_cells(((3, 1), (0, 0)))[0][0]
    MatrixCell(count=3, share=0.75, shade=8, is_hit=True)
    """
    out = []
    for true, counts in enumerate(confusion):
        support = sum(counts)
        row = []
        for predicted, count in enumerate(counts):
            share = count / support if support else 0.0
            shade = int(share * _SHADES + 0.5)
            # What is there at all can be seen.
            shade = max(shade, 1) if count else 0
            row.append(MatrixCell(count, share, shade, true == predicted))
        out.append(tuple(row))
    return tuple(out)
