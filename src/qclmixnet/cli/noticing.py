"""What a fit noticed, for `train` and `compare`."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from qclmixnet.benchmark import LabelledTable
from qclmixnet.core.errors import InputError
from qclmixnet.estimators import QCLMixNetClassifier
from qclmixnet.estimators.diagnostics import Diagnostic
from qclmixnet.evaluation import cut_rows
from qclmixnet.report.noticed import Noticed, read_noticed, write_noticed

__all__ = ["MOST_ROWS", "as_json", "notice", "noticed_lines"]

MOST_ROWS = 2_000
"""Rows at most that `notice` fits on: seconds, and as many as most checks look at."""


def notice(table: LabelledTable, folder: Path, *, time_limit_s: float) -> Noticed:
    """Fit the default preset once to hear what it notices; go by what is kept.

    Args:
        table: the caller's table.
        folder: of the run, which is of this table and no other.
        time_limit_s: seconds for the fit.

    Returns:
        What was noticed, or why the fit could not be made.
    """
    kept = read_noticed(folder)
    if kept is not None:
        return kept
    rows = cut_rows(table.codes, max_rows=MOST_ROWS, seed=0)
    clf = QCLMixNetClassifier(random_state=0, device="cpu", time_limit_s=time_limit_s)
    found: list[dict[str, object]] = []
    why_not = ""
    with warnings.catch_warnings():
        # What it would warn of is among what it noticed, and is shown from there.
        warnings.simplefilter("ignore", UserWarning)
        try:
            clf.fit(table.frame.iloc[rows], table.classes[table.codes[rows]])
            found = as_json(clf.diagnostics_)
        except InputError as error:
            why_not = f"The fit could not be made: {error}"
    noticed = Noticed(tuple(found), len(rows), len(table.codes), why_not)
    write_noticed(noticed, folder)
    return noticed


def noticed_lines(found: Sequence[Mapping[str, object]]) -> list[str]:
    """Say what was noticed, a line each, severe ones first.

    Args:
        found: the diagnostics of a fit, as `as_json` gives them.

    Returns:
        The lines; none if nothing was noticed.

    >>> hubs = Diagnostic("hubs", "note", "Few rows.", 4.0, 3.0, "Get more.")
    >>> noticed_lines(as_json([hubs]))
    ['Noticed (hubs, note): Few rows. Get more.']
    """
    ordered = sorted(found, key=lambda each: each["severity"] != "warning")
    return [
        f"Noticed ({each['name']}, {each['severity']}): {each['message']} "
        f"{each['action']}"
        for each in ordered
    ]


def as_json(found: Sequence[Diagnostic]) -> list[dict[str, object]]:
    """Return the diagnostics as plain values."""
    return [asdict(each) for each in found]
