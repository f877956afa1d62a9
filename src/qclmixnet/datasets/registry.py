"""The datasets known by name: their cards, and a table of them all."""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import get_args

import pandas as pd

from qclmixnet.core.checks import check_choice
from qclmixnet.core.errors import InputError
from qclmixnet.datasets.beyond import BEYOND
from qclmixnet.datasets.cards import DatasetCard, DatasetGroup
from qclmixnet.datasets.suite_binary import SUITE_BINARY
from qclmixnet.datasets.suite_multiclass import SUITE_MULTICLASS

__all__ = ["CARDS", "find_card", "list_datasets"]

CARDS: Mapping[str, DatasetCard] = MappingProxyType(
    {card.name: card for card in (*SUITE_BINARY, *SUITE_MULTICLASS, *BEYOND)}
)


def list_datasets(group: str | None = None) -> pd.DataFrame:
    """Show the datasets that `load_dataset` knows by name, without loading any.

    Args:
        group: ``"suite"``, ``"extreme"`` or ``"large"``; None lists them all.

    Returns:
        One row per dataset: name, group, rows, columns of each kind, classes,
        imbalance ratio, rows of the smallest class, missing cells, and the column
        that orders the rows in time, if there is one.

    Raises:
        InputError: `group` is none of these.

    >>> list_datasets("extreme")["name"].tolist()
    ['fars', 'nursery', 'portal_surveys']
    """
    if group is not None:
        used = {card.group for card in CARDS.values()}
        check_choice(group, "group", [g for g in get_args(DatasetGroup) if g in used])
    rows = [
        {
            "name": card.name,
            "group": card.group,
            "rows": card.numbers.n_rows,
            "n_num": card.numbers.n_num,
            "n_cat": card.numbers.n_cat,
            "n_date": card.numbers.n_date,
            "classes": card.numbers.n_classes,
            "imbalance_ratio": card.numbers.imbalance_ratio,
            "smallest_class": card.numbers.smallest_class,
            "missing_cells": card.numbers.n_missing,
            "time_column": card.time_column or "",
        }
        for card in CARDS.values()
        if group in (None, card.group)
    ]
    return pd.DataFrame(rows)


def find_card(name: str) -> DatasetCard:
    """Return the card of a dataset.

    Args:
        name: a name as `list_datasets` shows it.

    Returns:
        The card, with the numbers of the table.

    Raises:
        InputError: there is no such dataset; the message offers names like it.

    >>> find_card("car").numbers.n_rows
    1728
    """
    if name not in CARDS:
        close = get_close_matches(name.lower().replace("-", "_"), CARDS, cutoff=0.5)
        offer = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise InputError(
            f"There is no dataset {name!r}.{offer} `list_datasets()` shows all names; "
            "a file is given by its path, an OpenML table as 'openml:<name or id>'."
        )
    return CARDS[name]
