"""The charts on the page of one model."""

import numpy as np
import pandas as pd

from qclmixnet.report.chart_axes import nice_top, shortened
from qclmixnet.report.charts import Bar, BarChart, Line, LineChart
from qclmixnet.report.model_data import ClassCurves, ModelPage
from qclmixnet.report.numbers_table import NumbersTable

__all__ = [
    "class_chart",
    "importance_charts",
    "reliability_chart",
    "threshold_chart",
]

_MOST_BARS = 20
_MOST_CLASSES = 6
_LETTERS = 60


def class_chart(page: ModelPage) -> BarChart:
    """Return how many rows each class has, or is predicted for.

    Args:
        page: what is known of the classes.

    Returns:
        Bars, the largest class first; of many classes the largest and the smallest.
    """
    known = all(each.n_true is not None for each in page.classes)
    counts = [
        (each.label, (each.n_true if known else each.n_predicted) or 0)
        for each in page.classes
    ]
    counts.sort(key=lambda each: -each[1])
    if len(counts) > _MOST_BARS:
        counts = [*counts[: _MOST_BARS // 2], *counts[-_MOST_BARS // 2 :]]
    total = max(page.n_rows, 1)
    what = "Rows of each class" if known else "Rows predicted as each class"
    if len(counts) < len(page.classes):
        what += f": the {_MOST_BARS // 2} largest and the {_MOST_BARS // 2} smallest"
    bars = tuple(
        Bar(label, float(n), f"{n:,} ({n / total:.1%})", f"{label}: {n:,} rows")
        for label, n in counts
    )
    (most, n_most), (least, n_least) = counts[0], counts[-1]
    return BarChart(
        "class-counts",
        what,
        f"{what}. Most: {_short(most)} with {n_most:,}, fewest: {_short(least)} with "
        f"{n_least:,}.",
        bars,
        NumbersTable(
            what,
            ("class", "rows", "share"),
            tuple((label, f"{n:,}", f"{n / total:.2%}") for label, n in counts),
        ),
    )


def reliability_chart(curves: ClassCurves, key: str) -> LineChart:
    """Return what was said against what was seen, bin by bin.

    Args:
        curves: of a class.
        key: tells the charts of a page apart.

    Returns:
        A line with its intervals, and the diagonal it should follow.
    """
    bins, label = curves.bins, _short(curves.label)
    said = tuple(each.said for each in bins)
    seen = tuple(each.seen for each in bins)
    off = max(bins, key=lambda each: abs(each.said - each.seen))
    return LineChart(
        key,
        f"Probabilities of {label}: said, and seen",
        f"Reliability of the probabilities of {label} in {len(bins)} groups of rows. "
        f"Furthest off: of rows with a mean probability of {off.said:.2f}, "
        f"{off.seen:.2f} are of the class.",
        said,
        "mean probability given",
        "share that is of the class",
        (Line("seen", seen, tuple((each.low, each.high) for each in bins)),),
        tuple(
            f"{each.mass:,.0f} rows, mean probability {each.said:.3f}: "
            f"{each.seen:.3f} are of the class ({each.low:.3f} to {each.high:.3f})"
            for each in bins
        ),
        NumbersTable(
            f"Probabilities of {label}",
            ("rows", "mean probability", "share of the class", "from", "to"),
            tuple(
                (
                    f"{each.mass:,.0f}",
                    *(
                        f"{value:.4f}"
                        for value in (each.said, each.seen, each.low, each.high)
                    ),
                )
                for each in bins
            ),
        ),
        top=nice_top(max(*said, *(each.high for each in bins))),
        diagonal="as said",
        dots=True,
    )


def threshold_chart(curves: ClassCurves, key: str) -> LineChart:
    """Return precision, recall and F1 of a class along all thresholds.

    Args:
        curves: of a class.
        key: tells the charts of a page apart.

    Returns:
        Three lines, and the model's own threshold where it has one.
    """
    found, label = curves.thresholds, _short(curves.label)
    points = list(
        zip(
            found.thresholds.tolist(),
            found.precision.tolist(),
            found.recall.tolist(),
            found.f1.tolist(),
            strict=True,
        )
    )
    at, precision, recall, f1 = points[int(np.argmax(found.f1))]
    return LineChart(
        key,
        f"Calling a row {label} from a probability on",
        f"Precision, recall and F1 of {label} along all thresholds on its probability. "
        f"F1 is largest, {f1:.2f}, at {at:.3f}, with precision {precision:.2f} and "
        f"recall {recall:.2f}.",
        tuple(point[0] for point in points),
        "least probability to call a row so",
        "score",
        tuple(
            Line(name, tuple(point[place] for point in points))
            for place, name in ((1, "precision"), (2, "recall"), (3, "F1"))
        ),
        tuple(
            f"From {t:.3f} on: precision {p:.3f}, recall {r:.3f}, F1 {f:.3f}"
            for t, p, r, f in points
        ),
        NumbersTable(
            f"{label} along thresholds",
            ("threshold", "precision", "recall", "F1"),
            tuple(tuple(f"{value:.4f}" for value in point) for point in points),
        ),
        upright=curves.own_threshold,
        upright_name="the model's rule",
    )


def importance_charts(importance: pd.DataFrame) -> tuple[BarChart, ...]:
    """Return how much each column matters, class by class.

    Args:
        importance: columns of the table by classes.

    Returns:
        One chart per class, of at most six classes, each with its 20 largest bars.
    """
    charts = []
    for place, name in enumerate(importance.columns[:_MOST_CLASSES]):
        # By place: a label may come twice as text.
        values = importance.iloc[:, place].astype(float)
        order = np.argsort(-np.abs(values.to_numpy()), kind="stable")[:_MOST_BARS]
        entries = [(str(values.index[k]), float(values.iloc[k])) for k in order]
        label = _short(str(name))
        charts.append(
            BarChart(
                f"importance-{place}",
                f"What matters for {label}",
                f"Importance of columns for {label}; the largest is "
                f"{_short(entries[0][0])} with {entries[0][1]:.3g}.",
                tuple(
                    Bar(column, value, f"{value:.3g}", f"{column}: {value:.4g}")
                    for column, value in entries
                ),
                NumbersTable(
                    f"Importance for {label}",
                    ("column", "importance"),
                    tuple((column, f"{value:.5g}") for column, value in entries),
                ),
            )
        )
    return tuple(charts)


def _short(text: str) -> str:
    return f"“{shortened(text, _LETTERS)}”"
