"""What a table can be put through, how hard, and the names of stressed tables.

A stressed table is a table of the benchmark with a kind of stress and a level in its
name, ``page_blocks~label_noise~0.2``. Level 0 is the table as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from qclmixnet.core.checks import check_choice, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.labelled_split import LabelledSplit
from qclmixnet.evaluation.stress_columns import (
    add_noise_columns,
    blank_cells,
    spread_sparse,
)
from qclmixnet.evaluation.stress_rows import (
    add_copies,
    drift_apart,
    flip_labels,
    keep_rows,
    subsample_minority,
)

__all__ = ["STRESS_KINDS", "Stress", "StressKind", "read_stressed_name"]

_SIGN = "~"


@dataclass(frozen=True)
class StressKind:
    """A way to make a table harder.

    Attributes:
        name: its stable name.
        title: its name for people.
        unit: what its level counts, for an axis.
        what: what is done, in a sentence.
        levels: those of the full study, mildest first.
        highest: levels are above 0 and at most this.
        apply: changes a split; called with the split, the level and a generator.
        form: how a level is written: a share, a ratio to one, or a count.
        min_class_rows: smaller classes are left out of the table beforehand, also at
            level 0.
        less_is_harder: a lower level is harder than a higher one.
    """

    name: str
    title: str
    unit: str
    what: str
    levels: tuple[float, ...]
    highest: float
    apply: Callable[[LabelledSplit, float, np.random.Generator], LabelledSplit]
    form: Literal["share", "ratio", "count"]
    min_class_rows: int = 0
    less_is_harder: bool = False

    def level_text(self, level: float) -> str:
        """Write a level for people.

        >>> STRESS_KINDS["imbalance"].level_text(1000)
        '1,000:1'
        >>> STRESS_KINDS["rows"].level_text(0)
        'as is'
        """
        if level == 0:
            return "as is"
        if self.form == "share":
            return f"{100 * level:g} %"
        return f"{level:,.10g}{':1' if self.form == 'ratio' else ''}"

    def hardness(self, level: float) -> float:
        """Return a number to sort levels by, mildest first; 0 is the table as it is."""
        return 1 / level if self.less_is_harder and level else level


_ALL = (
    StressKind(
        "imbalance",
        "Imbalance",
        "largest to smallest training class",
        "The smallest training class is thinned at random; all other rows are kept. "
        "Classes of fewer than 100 rows are left out, their recall says too little.",
        (10, 30, 100, 300, 1000, 3000),
        1e9,
        subsample_minority,
        "ratio",
        min_class_rows=100,
    ),
    StressKind(
        "label_noise",
        "Label noise",
        "share of training labels that are wrong",
        "Training labels are replaced by another class, drawn uniformly.",
        (0.1, 0.2, 0.3, 0.4),
        0.95,
        flip_labels,
        "share",
    ),
    StressKind(
        "missing",
        "Missing values",
        "share of cells taken away",
        "Cells are taken away at random, in training and test rows.",
        (0.1, 0.2, 0.4, 0.6),
        0.95,
        blank_cells,
        "share",
    ),
    StressKind(
        "rows",
        "Few rows",
        "training rows",
        "Training rows are drawn class by class, at least one of each class.",
        (100_000, 30_000, 10_000, 3_000, 1_000, 300, 100, 50),
        1e9,
        keep_rows,
        "count",
        less_is_harder=True,
    ),
    StressKind(
        "noise_columns",
        "Irrelevant columns",
        "columns of noise added",
        "Columns of normal noise are added to training and test rows.",
        (10, 100, 300, 1000),
        100_000,
        add_noise_columns,
        "count",
    ),
    StressKind(
        "duplicates",
        "Copied rows",
        "share of training rows that are copies",
        "Copies of a tenth of the training rows are added, every second one a near "
        "copy with numbers moved by a hundredth of their spread.",
        (0.25, 0.5, 0.75),
        0.95,
        add_copies,
        "share",
    ),
    StressKind(
        "sparse",
        "Sparse code",
        "0/1 columns in place of the table's own",
        "Each column is cut into equally many pieces, and each piece becomes a 0/1 "
        "column: the more of them, the less two rows have in common.",
        (100, 300, 1000),
        100_000,
        spread_sparse,
        "count",
    ),
    StressKind(
        "drift",
        "Drift",
        "share of a range not shared by both parts",
        "Within each class, rows low along the first principal component are learned "
        "and high ones tested; at 1 they do not overlap.",
        (0.25, 0.5, 0.75, 1.0),
        1.0,
        drift_apart,
        "share",
    ),
)

STRESS_KINDS = {kind.name: kind for kind in _ALL}
"""Every kind of stress by its name."""


@dataclass(frozen=True)
class Stress:
    """A kind of stress at a level.

    Args:
        kind: one of `STRESS_KINDS`.
        level: how hard; 0 leaves a split as it is.

    Raises:
        InputError: there is no such kind, or the level is out of its range.

    >>> Stress("label_noise", 0.2).suffix
    '~label_noise~0.2'
    """

    kind: str
    level: float

    def __post_init__(self) -> None:
        check_choice(self.kind, "kind", tuple(STRESS_KINDS))
        check_real(self.level, "level", low=0, high=STRESS_KINDS[self.kind].highest)

    @property
    def suffix(self) -> str:
        """What a table's name ends in under this stress."""
        return f"{_SIGN}{self.kind}{_SIGN}{self.level:.12g}"

    def apply(self, split: LabelledSplit, *, seed: tuple[int, ...]) -> LabelledSplit:
        """Put a split under the stress.

        Args:
            split: the split as it is.
            seed: where the draws start, for example seed and number of the fold.

        Returns:
            The split to learn from and to score on; the same one at level 0.

        Raises:
            InputError: the split cannot be changed in this way.
        """
        if self.level == 0:
            return split
        kind = STRESS_KINDS[self.kind]
        return kind.apply(split, self.level, np.random.default_rng(seed))


def read_stressed_name(name: str) -> tuple[str, Stress | None]:
    """Take the name of a stressed table apart.

    Args:
        name: of a table, stressed or not.

    Returns:
        The name of the table before the stress, and the stress, if any.

    Raises:
        InputError: the name has the sign of a stressed table but is none.

    >>> read_stressed_name("yeast~missing~0.4")
    ('yeast', Stress(kind='missing', level=0.4))
    >>> read_stressed_name("yeast")
    ('yeast', None)
    """
    if _SIGN not in name:
        return name, None
    base, *rest = name.split(_SIGN)
    try:
        kind, level = rest[0], float(rest[1])
        well_formed = len(rest) == 2 and bool(base)
    except (IndexError, ValueError):
        well_formed = False
    if not well_formed:
        raise InputError(
            f"{name!r} is no name of a stressed table; expected is "
            "TABLE~KIND~LEVEL, for example 'yeast~missing~0.4'."
        )
    return base, Stress(kind, level)
