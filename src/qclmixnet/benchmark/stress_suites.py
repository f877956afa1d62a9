"""Which tables, kinds of stress and levels a robustness study runs on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from qclmixnet.benchmark.tables import LabelledTable, load_table, stressed
from qclmixnet.core.checks import check_choice
from qclmixnet.core.errors import InputError
from qclmixnet.evaluation.protocol import Fold, cut_rows, stratified_folds
from qclmixnet.evaluation.stress import STRESS_KINDS, Stress

__all__ = [
    "STRESS_METHODS",
    "STRESS_SUITES",
    "StressPart",
    "StressPlan",
    "choose_parts",
    "plan_stress",
]

SuiteName = Literal["quick", "full", "large"]

STRESS_METHODS = (
    "qclmixnet",
    "catboost",
    "balanced_random_forest",
    "logistic_regression",
)
"""Methods of a robustness study: ours, and a strong, an imbalance-aware and a plain
peer."""


@dataclass(frozen=True)
class StressPart:
    """A kind of stress on some tables.

    Attributes:
        kind: one of `STRESS_KINDS`.
        tables: names of tables of the package.
        levels: levels above 0, mildest first; level 0 comes by itself.
    """

    kind: str
    tables: tuple[str, ...]
    levels: tuple[float, ...]


@dataclass(frozen=True)
class StressPlan:
    """What a study runs on.

    Attributes:
        tables: names of tables and stressed tables, each table as it is first.
        left_out: names of stressed tables that cannot be made, with the reason.
    """

    tables: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


_QUICK = ("newthyroid",)
_SMALL = ("newthyroid", "hypothyroid")

STRESS_SUITES: dict[SuiteName, tuple[StressPart, ...]] = {
    "quick": (
        StressPart("imbalance", ("german",), (10, 30, 100)),
        StressPart("label_noise", _QUICK, (0.2, 0.4)),
        StressPart("missing", _QUICK, (0.3, 0.6)),
        StressPart("rows", _QUICK, (50,)),
        StressPart("noise_columns", _QUICK, (10, 30)),
        StressPart("duplicates", _QUICK, (0.5,)),
        StressPart("sparse", _QUICK, (100,)),
        StressPart("drift", _QUICK, (1,)),
    ),
    "full": (
        StressPart("imbalance", ("german",), (10, 30, 100)),
        StressPart("imbalance", ("nycflights",), (100, 1000, 3000)),
        StressPart("imbalance", ("nursery",), (100, 1000)),
        StressPart("imbalance", ("nass_cds",), (100, 1000)),
        StressPart("label_noise", _SMALL, (0.1, 0.2, 0.4)),
        StressPart("missing", _SMALL, (0.3, 0.6)),
        StressPart("rows", ("hypothyroid",), (1000, 300, 100, 50)),
        StressPart("rows", ("newthyroid",), (100, 50)),
        # Boosted trees need minutes for a thousand columns of numbers and each class.
        StressPart("noise_columns", ("german",), (10, 100, 1000)),
        StressPart("duplicates", _SMALL, (0.5, 0.75)),
        StressPart("sparse", _SMALL, (100, 1000)),
        StressPart("drift", _SMALL, (0.5, 1)),
    ),
    "large": (StressPart("rows", ("nycflights",), (30_000, 10_000, 1_000, 100, 50)),),
}
"""Parts of each study; a kind may come several times, with levels by table."""


def choose_parts(
    suite: SuiteName, *, kinds: Sequence[str] = (), tables: Sequence[str] = ()
) -> tuple[StressPart, ...]:
    """Return the parts of a suite, or some of them, or the same on other tables.

    Args:
        suite: its name.
        kinds: kinds of stress to keep, in this order; all if none is named.
        tables: tables in place of those of the suite.

    Returns:
        The parts; with tables of one's own one for each kind, with all of its levels.

    Raises:
        InputError: there is no kind of that name, or one comes twice.
    """
    parts = STRESS_SUITES[suite]
    offered = tuple(dict.fromkeys(part.kind for part in parts))
    for kind in kinds:
        check_choice(kind, "--kinds", tuple(STRESS_KINDS))
    if len(set(kinds)) < len(kinds):
        raise InputError(f"A kind is named twice in {', '.join(kinds)}.")
    absent = [kind for kind in kinds if kind not in offered]
    if absent:
        raise InputError(
            f"The suite {suite!r} has no {', '.join(absent)}; "
            f"it has {', '.join(offered)}."
        )
    chosen = [part for kind in kinds or offered for part in parts if part.kind == kind]
    if not tables:
        return tuple(chosen)
    levels: dict[str, set[float]] = {}
    for part in chosen:
        levels.setdefault(part.kind, set()).update(part.levels)
    return tuple(
        StressPart(
            kind, tuple(tables), tuple(sorted(some, key=STRESS_KINDS[kind].hardness))
        )
        for kind, some in levels.items()
    )


def plan_stress(
    parts: Sequence[StressPart], *, n_folds: int, max_train_rows: int
) -> StressPlan:
    """Find the stressed tables that can be made.

    Nothing can be thinned to an imbalance that a table has already or has too few rows
    for, or to more rows than there are; such levels are left out. A table without a
    level above 0 is left out as well.

    Args:
        parts: kinds, tables and levels.
        n_folds: folds of the run.
        max_train_rows: limit of the run for training parts.

    Returns:
        The names to run on.

    Raises:
        InputError: a table or kind is unknown, or nothing is left.
    """
    loaded: dict[str, LabelledTable] = {}
    tables: dict[str, None] = {}
    left_out: list[tuple[str, str]] = []
    for part in parts:
        for name in part.tables:
            base = loaded.setdefault(name, load_table(name))
            levels = [Stress(part.kind, level) for level in part.levels]
            made, refused = _possible(base, levels, n_folds, max_train_rows)
            left_out += refused
            if made:
                start = f"{name}{Stress(part.kind, 0).suffix}"
                drops_classes = STRESS_KINDS[part.kind].min_class_rows > 0
                tables[start if drops_classes else name] = None
                tables |= dict.fromkeys(made)
    if not tables:
        told = "; ".join(f"{name}: {reason}" for name, reason in left_out)
        raise InputError(f"No stressed table can be made. {told}")
    return StressPlan(tuple(tables), tuple(left_out))


def _possible(
    base: LabelledTable, levels: Sequence[Stress], n_folds: int, max_train_rows: int
) -> tuple[list[str], list[tuple[str, str]]]:
    """Try every level on the first fold."""
    made, refused = [], []
    fold: Fold | None = None
    for stress in levels:
        name = base.name + stress.suffix
        try:
            table = stressed(base, stress)
            if fold is None:  # the same for all levels of a kind
                fold = _first_fold(table, n_folds, max_train_rows)
            table.split(fold, seed=(0, 0))
        except InputError as error:
            refused.append((name, str(error)))
        else:
            made.append(name)
    return made, refused


def _first_fold(table: LabelledTable, n_folds: int, max_train_rows: int) -> Fold:
    fold = stratified_folds(table.codes, table.groups, n_folds=n_folds, seed=0)[0]
    kept = cut_rows(table.codes[fold.train], max_rows=max_train_rows, seed=0)
    return Fold(fold.train[kept], fold.test)
