"""What a fit noticed about the user's own table: kept beside the rows of the run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from qclmixnet.core.errors import InputError
from qclmixnet.report.sections import Section
from qclmixnet.report.tables import Column, ReportTable

__all__ = ["Noticed", "insert_noticed", "read_noticed", "write_noticed"]

_FILE = "noticed.json"
_KEYS = ("name", "severity", "message", "value", "threshold", "action")
_PAGE = "docs/how-to/diagnostics.md"


@dataclass(frozen=True)
class Noticed:
    """What one fit of the default preset noticed.

    Attributes:
        found: its diagnostics as plain values: ``name``, ``severity``, ``message``,
            ``value``, ``threshold`` and ``action``. Reading a report needs no torch.
        n_rows: rows it learned from.
        n_all: rows of the table.
        why_not: why there was no fit, if so.
    """

    found: tuple[dict[str, object], ...]
    n_rows: int
    n_all: int
    why_not: str = ""


def write_noticed(noticed: Noticed, folder: Path) -> None:
    """Keep it in the folder of a run."""
    beside = folder / f"{_FILE}.partial"
    beside.write_text(json.dumps(asdict(noticed), indent=2) + "\n", encoding="utf-8")
    beside.replace(folder / _FILE)


def read_noticed(folder: Path) -> Noticed | None:
    """Read what `write_noticed` kept.

    Args:
        folder: of a run.

    Returns:
        None when nothing was kept.

    Raises:
        InputError: the file is damaged.
    """
    file = folder / _FILE
    if not file.exists():
        return None
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        found = tuple({name: each[name] for name in _KEYS} for each in kept["found"])
        return Noticed(**{**kept, "found": found})
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{file} is damaged or of another version; remove it, and `qclmixnet "
            "compare` makes it again."
        ) from error


def insert_noticed(
    sections: Sequence[Section], noticed: Noticed
) -> tuple[Section, ...]:
    """Put the section on what was noticed before the records of the run.

    Args:
        sections: of a report.
        noticed: what to say.

    Returns:
        The sections with one more.
    """
    keys = [section.key for section in sections]
    place = keys.index("failures") if "failures" in keys else len(keys)
    return (*sections[:place], _section(noticed), *sections[place:])


def _section(noticed: Noticed) -> Section:
    heading = "What the table looks like to a fit"
    if noticed.why_not:
        return Section("noticed", heading, why_not=noticed.why_not)
    all_rows = noticed.n_rows == noticed.n_all
    which = (
        f"all {noticed.n_all:,} rows"
        if all_rows
        else f"{noticed.n_rows:,} of the {noticed.n_all:,} rows, drawn by class"
    )
    about = (
        f"One more fit of the default preset, on {which}, looked for the usual reasons "
        "why a table gives a model that is bad or too good to be true. It changes no "
        "score above."
    )
    if not noticed.found:
        nothing = (
            "It noticed nothing. That does not mean that nothing is wrong: a leak in "
            "two columns together, or rows of one person on both sides of a split, "
            "are not looked for."
        )
        return Section("noticed", heading, (about, nothing))
    columns = (
        Column("name", "name"),
        Column("severity", "severity"),
        Column("message", "what was found"),
        Column("value", "value", None),
        Column("threshold", "threshold", None),
        Column("action", "what to do"),
    )
    data = pd.DataFrame(list(noticed.found), columns=list(_KEYS))
    note = f"Names, thresholds and where they come from: {_PAGE}."
    table = ReportTable("noticed", "What the fit noticed", data, columns, note)
    return Section("noticed", heading, (about,), tables=(table,))
