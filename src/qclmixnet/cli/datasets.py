"""`qclmixnet datasets`."""

from pathlib import Path

import pandas as pd
from rich.table import Table

from qclmixnet.cli.console import show, show_json
from qclmixnet.core.errors import InputError
from qclmixnet.datasets import DatasetCard, list_datasets, load_dataset
from qclmixnet.table.files import write_file

__all__ = ["run_datasets"]

# What fits beside the names, which must not be cut; --json has all columns.
_LISTED = {
    "name": "name",
    "group": "group",
    "rows": "rows",
    "n_num": "numbers",
    "n_cat": "categ.",
    "n_date": "dates",
    "classes": "classes",
    "imbalance_ratio": "imbalance",
    "smallest_class": "rarest",
}


def run_datasets(name: str | None, *, out: Path | None, as_json: bool) -> None:
    """List the tables, or show one and write it to a file if asked."""
    if name is None:
        if out is not None:
            raise InputError("--out needs the name of a dataset.")
        _list_all(as_json=as_json)
        return
    data = load_dataset(name)
    if out is not None:
        frame = pd.concat([data.frame, data.target], axis=1)
        write_file(frame, out)
    counts = {str(label): int(n) for label, n in data.target.value_counts().items()}
    if as_json:
        show_json(
            {
                "name": data.name,
                "rows": len(data.frame),
                "columns": [str(column) for column in data.frame.columns],
                "target": str(data.target.name),
                "classes": counts,
                "out": None if out is None else str(out),
            }
        )
        return
    show(_describe(data.description))
    listed = ", ".join(f"{label}: {n}" for label, n in counts.items())
    show(f"Target {data.target.name}: {listed}")
    if out is not None:
        show(
            f"Written to {out}. Next: qclmixnet train {out} --target "
            f"{data.target.name} --out model"
        )


def _describe(card: DatasetCard) -> str:
    n = card.numbers
    lines = [
        f"{card.name}: {card.task}",
        f"{n.n_rows} rows, {n.n_num} numbers, {n.n_cat} categories, {n.n_date} dates, "
        f"{n.n_missing} cells missing, {n.n_duplicates} rows repeated",
        f"Source: {card.source} ({card.location})",
        f"Licence: {card.licence}",
        f"Cite: {card.citation}",
    ]
    lines += [f"Left out: {column.names} ({column.reason})" for column in card.dropped]
    lines += [f"Note: {note}" for note in card.notes]
    if card.time_column is not None:
        lines.append(f"Ordered in time by: {card.time_column}")
    return "\n".join(lines)


def _list_all(*, as_json: bool) -> None:
    listing = list_datasets()
    if as_json:
        show_json({"datasets": listing.to_dict(orient="records")})
        return
    table = Table(title="Real imbalanced tables", title_justify="left")
    for column, heading in _LISTED.items():
        numeric = pd.api.types.is_numeric_dtype(listing[column])
        table.add_column(
            heading, justify="right" if numeric else "left", no_wrap=column == "name"
        )
    for row in listing[list(_LISTED)].itertuples(index=False):
        table.add_row(*(str(value) for value in row))
    show(table, "More on one of them: qclmixnet datasets NAME")
