"""Which tables are too small to be cross-validated."""

import numpy as np

from qclmixnet.benchmark import LabelledTable
from qclmixnet.core.caller import warn_caller
from qclmixnet.core.errors import DataWarning, InputError

__all__ = ["check_table_size"]

_MIN_ROWS = 30
_FEW_ROWS_OF_A_CLASS = 10


def check_table_size(table: LabelledTable, n_folds: int) -> None:
    """Refuse what cannot be cross-validated, and warn of what can hardly be.

    Args:
        table: features and labels.
        n_folds: outer folds.

    Raises:
        InputError: there are fewer than 30 rows.
    """
    n_rows = len(table.codes)
    if n_rows < _MIN_ROWS:
        raise InputError(
            f"{n_rows} rows are too few to compare methods; any difference would be "
            f"chance. At least {_MIN_ROWS} are needed, some hundreds are sensible."
        )
    counts = np.bincount(table.codes)
    named = dict(zip(map(str, table.classes), counts.tolist(), strict=True))
    single = [label for label, count in named.items() if count == 1]
    if single:
        warn_caller(
            f"Class {', '.join(map(repr, single))} has 1 row: it is learned from but "
            "never tested, so no score tells how well it is recognised. More rows, or "
            "merging it with another class, would help.",
            DataWarning,
        )
    few = [
        f"{label!r} ({count})"
        for label, count in named.items()
        if 1 < count < max(n_folds, _FEW_ROWS_OF_A_CLASS)
    ]
    if few:
        warn_caller(
            f"Few rows of {', '.join(few)}: the scores of these classes rest on a "
            "handful of rows and will vary much from fold to fold.",
            DataWarning,
        )
