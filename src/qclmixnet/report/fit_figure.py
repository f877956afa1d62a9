"""One picture of one fit: how it learned, and what it confuses."""

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qclmixnet.core.errors import InputError, MissingExtraError
from qclmixnet.metrics import Scores
from qclmixnet.training import EpochRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_fit", "require_drawing"]

# Past this many classes names and counts are no longer readable.
_MAX_CLASSES_WITH_NAMES = 40
_MAX_CLASSES_WITH_ZEROS = 12
_MAX_NAME_LENGTH = 18
_BLUE, _ORANGE, _GREY = "#1f5fa8", "#d9730d", "#6b6b6b"


def require_drawing() -> None:
    """Refuse now what `draw_fit` would refuse after the work is done.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401 - only whether it can be had
    except ImportError as error:
        raise MissingExtraError(
            "matplotlib", extra="report", purpose="Drawing a picture"
        ) from error


def draw_fit(
    scores: Scores,
    history: Sequence[EpochRecord],
    *,
    best_epoch: int,
    title: str,
    path: str | PathLike[str],
) -> None:
    """Draw the learning curve beside the confusion matrix and save the picture.

    Args:
        scores: of the fitted classifier on rows that it has not seen.
        history: one record per epoch.
        best_epoch: the epoch whose weights were kept.
        title: heading of the picture.
        path: where to; the ending (.png, .svg, .pdf) chooses the format.

    Raises:
        MissingExtraError: matplotlib is not installed.
        InputError: the ending is unknown, or the picture cannot be written.
    """
    require_drawing()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n_classes = len(scores.by_class)
    side = min(max(4.2, 0.62 * n_classes), 12)
    figure = Figure(figsize=(6.2 + side + 1.2, side + 0.9), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(_plain(title), fontsize=13, fontweight="bold")
    curve, matrix = figure.subplots(1, 2, width_ratios=[6.2, side + 1.2])
    _draw_curve(curve, history, best_epoch)
    _draw_confusion(matrix, scores)
    try:
        figure.savefig(path, dpi=150)
    except (OSError, ValueError) as error:
        raise InputError(
            f"The picture could not be written to {str(path)!r}: {error}."
        ) from error


def _plain(text: str) -> str:
    # Matplotlib reads what stands between two dollars as a formula.
    return text.replace("$", r"\$")


def _short(label: str) -> str:
    fits = len(label) <= _MAX_NAME_LENGTH
    return _plain(label if fits else f"{label[: _MAX_NAME_LENGTH - 1]}…")


def _draw_curve(axes: "Axes", history: Sequence[EpochRecord], best_epoch: int) -> None:
    epochs = [record.epoch for record in history]
    axes.plot(epochs, [record.loss for record in history], color=_GREY, linewidth=1.5)
    axes.set(xlabel="epoch", title="Learning curve")
    axes.set_ylabel("training loss", color=_GREY)
    axes.spines[["top"]].set_visible(False)
    axes.set_ylim(bottom=0)
    axes.set_box_aspect(0.8)  # beside a tall matrix the curve keeps its shape
    axes.set_anchor("N")
    held_out = [record for record in history if record.macro_f1 is not None]
    if not held_out:
        return
    right = axes.twinx()
    right.set_box_aspect(0.8)
    right.set_anchor("N")
    right.spines[["top"]].set_visible(False)
    x = [record.epoch for record in held_out]
    f1 = [record.macro_f1 or 0.0 for record in held_out]
    recall = [record.macro_recall or 0.0 for record in held_out]
    right.plot(x, f1, color=_BLUE, linewidth=2, label="macro-F1")
    right.plot(x, recall, color=_ORANGE, linewidth=1.2, label="macro recall")
    right.axvline(
        best_epoch, color=_BLUE, linestyle=":", label=f"kept: epoch {best_epoch}"
    )
    right.set_ylim(0, 1.02)
    right.set_ylabel("on the held-out rows")
    # Below the axes, where no curve can run through it.
    right.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False
    )


def _draw_confusion(axes: "Axes", scores: Scores) -> None:
    counts = np.array(scores.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    labels = [_short(entry.label) for entry in scores.by_class]
    n_classes = len(labels)
    rows = [f"{_short(e.label)}  (n={e.support})" for e in scores.by_class]
    if n_classes <= _MAX_CLASSES_WITH_NAMES:
        axes.set_xticks(range(n_classes), labels, rotation=45, ha="right")
        axes.set_yticks(range(n_classes), rows)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(
        "Rows not seen in training\n"
        f"macro-F1 {scores.macro_f1:.3f}, macro recall {scores.macro_recall:.3f}",
        fontsize=11,
    )
    if n_classes <= _MAX_CLASSES_WITH_NAMES:
        _write_counts(axes, counts, shares)
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.046)
    bar.set_label("share of the true class")


def _write_counts(
    axes: "Axes", counts: npt.NDArray[np.int64], shares: npt.NDArray[np.float64]
) -> None:
    """Write the number of rows into the cells; zeros only where there is room."""
    many = len(counts) > _MAX_CLASSES_WITH_ZEROS
    for (i, j), count in np.ndenumerate(counts):
        if count or not many:
            colour = "white" if shares[i, j] > 0.5 else "black"
            size = 7 if many else 10
            axes.text(
                j, i, str(count), ha="center", va="center", color=colour, fontsize=size
            )
