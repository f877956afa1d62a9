"""What a caller of the commands wants of decisions, and what to expect of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from qclmixnet.core.errors import InputError
from qclmixnet.core.estimate import Estimate
from qclmixnet.decision import Outlook
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.table.files import read_file

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Wish", "apply_wish", "outlook_table"]


@dataclass(frozen=True)
class Wish:
    """The options about decisions, as they were typed.

    Attributes:
        decision: name of what to go for.
        costs: file with what each mistake costs.
        min_recall: ``CLASS=SHARE``.
        confidence: how sure that recall shall be.
        max_alerts: alerts allowed in `per_rows` rows.
        per_rows: see `max_alerts`.
        top: rows that shall get the class `alert`.
        alert: the class that an alert says.
        prevalence: ``CLASS=SHARE``, any number of them.
    """

    decision: str | None = None
    costs: Path | None = None
    min_recall: str | None = None
    confidence: float | None = None
    max_alerts: int | None = None
    per_rows: int | None = None
    top: int | None = None
    alert: str | None = None
    prevalence: Sequence[str] = ()

    @property
    def is_about_rules(self) -> bool:
        """Whether another rule is asked for, rightly or not."""
        rest = {**vars(self), "prevalence": None}
        return any(value is not None for value in rest.values())


def apply_wish(clf: QCLMixNetClassifier, wish: Wish) -> None:
    """Make a classifier decide as wished.

    Args:
        clf: a fitted classifier, which is changed.
        wish: the options.

    Raises:
        InputError: an option cannot be read, or the demand cannot be met.
    """
    if wish.prevalence:
        shares = [_pair(text, "--prevalence") for text in wish.prevalence]
        clf.calibrate_to(dict(shares))
    if not wish.is_about_rules:
        return
    clf.set_decision(
        wish.decision,
        costs=None if wish.costs is None else _read_costs(wish.costs),
        min_recall=None
        if wish.min_recall is None
        else dict([_pair(wish.min_recall, "--min-recall")]),
        confidence=wish.confidence,
        max_alerts=wish.max_alerts,
        per_rows=wish.per_rows,
        top=wish.top,
        alert=wish.alert,
    )


def outlook_table(outlook: Outlook, clf: QCLMixNetClassifier) -> "Table":
    """Lay out what a rule is expected to do, with intervals."""
    from rich.markup import escape
    from rich.table import Table

    demand = clf.state_.demand.in_words(clf.classes_)
    table = Table(
        title=escape(f"What to expect of deciding for {demand}"),
        title_justify="left",
        title_style="bold",
    )
    table.add_column("class")
    for name in ("recall", "precision", "share of rows", "rows held out"):
        table.add_column(name, justify="right")
    for of, label in zip(outlook.classes, clf.classes_, strict=True):
        table.add_row(
            escape(str(label)),
            *map(_with_interval, (of.recall, of.precision)),
            f"{of.share.value:.1%}",
            str(of.n_rows),
        )
    named = {
        "macro-F1": outlook.macro_f1,
        "macro recall": outlook.macro_recall,
        "accuracy": outlook.accuracy,
        "MCC": outlook.mcc,
        "mean cost of a row": outlook.mean_cost,
    }
    lines = [f"{name} {_with_interval(value)}" for name, value in named.items()]
    lines = lines if outlook.mean_cost else lines[:-1]
    known = "By rows held out while fitting; 90 % intervals in brackets."
    table.caption = "\n".join([*lines, known, *filter(None, [outlook.note])])
    table.caption_justify = "left"
    return table


def _with_interval(estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _pair(text: str, option: str) -> tuple[str, float]:
    label, _, share = text.rpartition("=")
    try:
        return label, float(share)
    except ValueError:
        raise InputError(
            f"{option} must look like CLASS=SHARE, such as fraud=0.95; got {text!r}."
        ) from None


def _read_costs(path: Path) -> pd.DataFrame:
    """Read a table whose first column names the true class of each row."""
    frame = read_file(path)
    if frame.shape[1] < 2:
        raise InputError(
            f"{path} must have a first column with the true class and one column with "
            f"costs for each predicted class; it has {frame.shape[1]} columns."
        )
    return frame.set_index(frame.columns[0])
