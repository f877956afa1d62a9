"""What the page on one model says in plain words, each sentence from numbers."""

import math
from collections.abc import Sequence

from qclmixnet.core.estimate import Estimate
from qclmixnet.report.chart_axes import shortened
from qclmixnet.report.model_data import ClassFacts, ScoredRows
from qclmixnet.report.words import count_of, listed

__all__ = ["good_for", "not_for", "rule_in_words", "summary_of"]

_FEW_ROWS = 10
_MISSED, _FALSE_ALARMS = 0.5, 0.5
_OFF = 0.05
_MOST_NAMED = 3
_GOALS = {
    "macro_f1": "the mean F1 over classes",
    "macro_recall": "the mean recall over classes",
    "balanced": "the mean of macro-F1 and macro recall",
}
_LETTERS = 40


def summary_of(
    scored: ScoredRows | None, *, n_rows: int, name: str, target: str
) -> tuple[str, ...]:
    """Say what was looked at and the main result.

    Args:
        scored: the scores, None when the file has no classes.
        n_rows: rows of the file.
        name: of the file.
        target: what the classes are called; empty if that is not known.

    Returns:
        Paragraphs.
    """
    of = f" of {name}" if name else ""
    if scored is None:
        column = f"column “{target}” with the " if target else ""
        return (
            f"The {count_of(n_rows, 'row')}{of} have no {column}true classes, so "
            "nothing is said here about how well the model does: only what it predicts "
            "and where it is least sure.",
        )
    scores = scored.scores
    first = (
        f"On the {count_of(n_rows, 'row')}{of} macro-F1 is {scores.macro_f1:.3f} and "
        f"macro recall {scores.macro_recall:.3f}; of all rows {scores.accuracy:.1%} "
        "get the right class."
    )
    rarest = [
        (entry, ends.recall)
        for entry, ends in zip(scores.by_class, scored.intervals, strict=True)
        if entry.support
    ]
    entry, recall = min(rarest, key=lambda each: each[0].support)
    which = "the rarest class" if len(rarest) > 1 else "the only class here"
    second = (
        f"Of the {count_of(entry.support, 'row')} of “{_short(entry.label)}”, {which}, "
        f"it finds {recall.value:.0%} "
        f"({_ends(recall, scored.coverage)})"
    )
    if entry.recall or entry.precision:
        second += f"; of the rows that it calls so {entry.precision:.0%} are"
    return first, second + "."


def rule_in_words(
    objective: str | None,
    offsets: Sequence[float],
    labels: Sequence[str],
    threshold: float | None,
) -> str:
    """Say by which rule the model decides.

    Args:
        objective: what the rule was tuned for; None for the most probable class.
        offsets: of the rule, one per class; none without a rule.
        labels: the classes, as text.
        threshold: on the probability of the second of two classes, if there are two.

    Returns:
        A sentence or two.

    >>> rule_in_words(None, [], ["no", "yes"], 0.5)
    'The most probable class is chosen.'
    >>> rule_in_words("macro_f1", [0.0, 1.1], ["no", "yes"], 0.25).partition(": ")[2]
    '“yes” from a probability of 0.250 on, “no” below.'
    """
    if objective is None:
        return "The most probable class is chosen."
    head = f"Tuned for {_GOALS.get(objective, objective)}: "
    if threshold is not None:
        # Of the two, the class that takes less than a half to be chosen.
        first, least = (1, threshold) if threshold <= 0.5 else (0, 1 - threshold)
        return (
            f"{head}“{_short(labels[first])}” from a probability of {least:.3f} on, "
            f"“{_short(labels[1 - first])}” below."
        )
    order = sorted(range(len(labels)), key=lambda k: -offsets[k])
    least = offsets[order[-1]]
    raised = [
        f"“{_short(labels[k])}” {_factor(offsets[k] - least)}"
        for k in order[:_MOST_NAMED]
        if offsets[k] > least
    ]
    if not raised:
        return f"{head}the most probable class is chosen."
    return (
        f"{head}probabilities are multiplied before the largest is taken, most for "
        f"{listed(raised)}, relative to “{_short(labels[order[-1]])}”."
    )


def _factor(log: float) -> str:
    """Return a factor by its logarithm, as a person would write it."""
    return f"({math.exp(log):.2f} times)"


def good_for(scored: ScoredRows | None, *, target: str, n_classes: int) -> list[str]:
    """Say what the model can be used for, by what it does well enough.

    Args:
        scored: the scores, None when the file has no classes.
        target: what the classes are called; empty if that is not known.
        n_classes: of the model.

    Returns:
        Sentences; the first always says what it was made for.
    """
    what = f"“{target}”" if target else "the class"
    out = [
        f"Telling {n_classes} values of {what} apart, for rows that come about as "
        "those of the training table did."
    ]
    if scored is None:
        return out
    found, sure = [], []
    n_rows = sum(entry.support for entry in scored.scores.by_class)
    for entry, ends in zip(scored.scores.by_class, scored.intervals, strict=True):
        if entry.support < _FEW_ROWS:
            continue
        if ends.recall.low > 1 - _MISSED:
            found.append(_short(entry.label))
        # Calling every row so would be right as often as the class comes up.
        if ends.precision.low > max(1 - _FALSE_ALARMS, entry.support / n_rows):
            sure.append(_short(entry.label))
    if found:
        out.append(
            f"Finding rows of {_quoted(found)}: more than half of them, also at the "
            "lower end of the interval."
        )
    if sure:
        out.append(
            f"Taking its word for {_quoted(sure)}: more than half of the rows that it "
            "calls so are, and more than of all rows, also at the lower end of the "
            "interval."
        )
    if scored.error.high < _OFF:
        out.append(
            "Working with its probabilities: they are off by less than "
            f"{_OFF:.2f} on average, also at the upper end of the interval."
        )
    return out


def not_for(
    scored: ScoredRows | None,
    classes: Sequence[ClassFacts],
    *,
    n_training_rows_seen: int,
) -> list[str]:
    """Say what the model should not be used for, by what the numbers do not carry.

    Args:
        scored: the scores, None when the file has no classes.
        classes: how often each comes up.
        n_training_rows_seen: rows of the file that are known to be training rows.

    Returns:
        Sentences; the last ones hold for every model.
    """
    out = []
    if n_training_rows_seen:
        out.append(
            "Judging by these scores alone: the file holds rows that the model was "
            "fitted on, so they flatter. Use rows that it has never seen."
        )
    if scored is None:
        out.append("Anything that needs to know how often it is right: that is untold.")
    else:
        out += _weak_classes(scored)
        if scored.error.low > _OFF:
            out.append(
                f"Costs or risks computed from its probabilities as they are: they are "
                f"off by {scored.error.value:.3f} on average "
                f"({_ends(scored.error, scored.coverage, digits=3)})."
            )
    few = [
        _short(each.label)
        for each in classes
        if each.n_true is not None and each.n_true < _FEW_ROWS
    ]
    if few:
        out.append(
            f"Decisions on {_quoted(few)}: with fewer than {_FEW_ROWS} rows here, how "
            "well that goes cannot be told."
        )
    return [
        *out,
        "Rows from another time, place or way of measuring, without a look at scores "
        "on some of them first.",
        "Questions of cause: that a column matters to the model does not mean that "
        "changing it changes the outcome.",
    ]


def _weak_classes(scored: ScoredRows) -> list[str]:
    missed, alarms = [], []
    for entry, ends in zip(scored.scores.by_class, scored.intervals, strict=True):
        if entry.support < _FEW_ROWS:
            continue
        if ends.recall.high < _MISSED:
            missed.append(_short(entry.label))
        # NaN, when the class is never predicted, is not below.
        if ends.precision.high < _FALSE_ALARMS:
            alarms.append(_short(entry.label))
    out = []
    if missed:
        out.append(
            f"Ruling out {_quoted(missed)}: more than half of such rows it misses."
        )
    if alarms:
        out.append(
            f"Acting on {_quoted(alarms)} without a second look: more than half of the "
            "rows that it calls so are of another class."
        )
    return out


def _ends(found: Estimate, coverage: float, digits: int | None = None) -> str:
    if digits is None:
        return f"{coverage:.0%} interval {found.low:.0%} to {found.high:.0%}"
    low, high = f"{found.low:.{digits}f}", f"{found.high:.{digits}f}"
    return f"{coverage:.0%} interval {low} to {high}"


def _short(label: str) -> str:
    return shortened(label, _LETTERS)


def _quoted(names: Sequence[str]) -> str:
    shown = [f"“{name}”" for name in names[:_MOST_NAMED]]
    more = len(names) - len(shown)
    return listed([*shown, f"{more} more"] if more else shown)
