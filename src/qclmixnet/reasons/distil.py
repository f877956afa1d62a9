"""A short list of if-then rules that says what a model decides, as far as it can."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.tree import DecisionTreeClassifier

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.reasons.conditions import Condition, between, column_values, in_words
from qclmixnet.table import Kind, Schema, Table, stratified_holdout

__all__ = ["Condition", "Rule", "RuleList", "distil"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

_MOST_LEVELS = 20  # of a category that are asked for by name
_HELD_OUT = 1 / 3
_FEWEST_ROWS = 12


@dataclass(frozen=True)
class Rule:
    """If all conditions hold, the model most likely decides for a class.

    Attributes:
        conditions: what must hold; none for a rule that always holds.
        decision: number of the class.
        coverage: share of the rows decided for that class that the rule finds, on rows
            held out from making the rules; NaN if there are none.
        precision: share of the rows it finds that are decided for that class; NaN if it
            finds none.
        n_rows: held-out rows that it finds.
    """

    conditions: tuple[Condition, ...]
    decision: int
    coverage: float
    precision: float
    n_rows: int

    @property
    def if_text(self) -> str:
        """The conditions in words."""
        return in_words(self.conditions)


@dataclass(frozen=True)
class RuleList:
    """Rules of which one holds for any row, and how true they are to a model.

    Attributes:
        rules: by class, those that find most first.
        fidelity: share of held-out rows on which the rules say what the model says.
        recall: the same within each class that the model decides for, averaged over the
            classes: rare classes count as much as frequent ones.
        majority: the fidelity of always saying the most frequent decision.
        n_held_out: rows that these numbers come from.
    """

    rules: tuple[Rule, ...]
    fidelity: float
    recall: float
    majority: float
    n_held_out: int

    def decide(self, table: Table) -> IntArray:
        """Return the class number that the rules say for each row."""
        return _say(self.rules, table)


@dataclass(frozen=True, eq=False)
class _Feature:
    """A column of numbers that the tree may cut, and the words for both sides."""

    column: str
    kind: Kind
    values: npt.NDArray[np.float64]
    level: str | None = None  # of a category; None for a number
    asks_missing: bool = False
    has_holes: bool = False  # in any row, also a held-out one

    def above(self, threshold: float, *, missing_too: bool) -> Condition:
        if self.asks_missing:
            return Condition(self.column, self.kind, "missing")
        if self.level is not None:
            return Condition(self.column, self.kind, "is", self.level)
        return Condition(self.column, self.kind, "above", threshold, missing_too)

    def at_most(self, threshold: float, *, missing_too: bool) -> Condition:
        if self.asks_missing:
            return Condition(self.column, self.kind, "present")
        if self.level is not None:
            return Condition(self.column, self.kind, "is not", self.level)
        return Condition(self.column, self.kind, "at most", threshold, missing_too)


_Leaf = tuple[tuple[Condition, ...], int]


def distil(
    table: Table,
    schema: Schema,
    decided: IntArray,
    *,
    max_depth: int = 3,
    min_rows: int = 5,
    generator: np.random.Generator,
) -> RuleList:
    """Learn a small decision tree from a model's own decisions and write it as rules.

    The tree is scikit-learn's, with all decided classes given the same weight, on the
    columns as the caller knows them: numbers and dates in their units, a category level
    by level, and whether a cell is missing. Two thirds of the rows make the rules; the
    other third, drawn by decision, says how true they are. The rules describe the
    model, not the world, and no more of the model than their fidelity says.

    Args:
        table: the rows.
        schema: the kinds of its columns.
        decided: number of the class that the model decides for, for each row.
        max_depth: conditions of a rule at most, 1 to 4.
        min_rows: rows that a rule must hold for when it is made, at least 1.
        generator: source of the split.

    Returns:
        The rules.

    Raises:
        InputError: the depth is out of range, there are fewer than 12 rows, or the
            model decides for one class alone.

    References:
        Craven, Shavlik (1996), "Extracting Tree-Structured Representations of Trained
        Networks", for a tree learned from a network's answers and its fidelity; we
        make no further rows to ask about.
    """
    if check_integer(max_depth, "max_depth", low=1) > 4:
        raise InputError(
            f"`max_depth` must be at most 4, or the rules are not short; got "
            f"{max_depth}."
        )
    check_integer(min_rows, "min_rows", low=1)
    if table.n_rows < _FEWEST_ROWS:
        raise InputError(
            f"Rules need at least {_FEWEST_ROWS} rows, got {table.n_rows}."
        )
    if len(np.unique(decided)) < 2:
        raise InputError(
            "The model decides for the same class on all rows, so there is nothing to "
            "tell apart; give rows of several classes."
        )
    made, held_out = stratified_holdout(
        decided, fraction=_HELD_OUT, generator=generator
    )
    features = [
        replace(feature, values=feature.values[made])
        for feature in _features(table, schema)
    ]
    leaves = _leaves(features, decided[made], max_depth, min_rows)
    return _measured(leaves, _taken(table, held_out), decided[held_out])


def _features(table: Table, schema: Schema) -> list[_Feature]:
    features = []
    for column in schema.used:
        name, kind, cells = column.name, column.kind, table.columns[column.name]
        if kind == "category":
            missing = np.array([cell is None for cell in cells], dtype=float)
            present = np.array([cell for cell in cells if cell is not None], dtype=str)
            levels, counts = np.unique(present, return_counts=True)
            for level in levels[np.argsort(-counts, kind="stable")[:_MOST_LEVELS]]:
                equal = np.array([cell == level for cell in cells], dtype=float)
                features.append(_Feature(name, kind, equal, str(level)))
        else:
            values = column_values(cells)
            missing = np.isnan(values).astype(float)
            holes = bool(missing.any())
            features.append(_Feature(name, kind, values, has_holes=holes))
        if missing.any():
            features.append(_Feature(name, kind, missing, asks_missing=True))
    return features


def _leaves(
    features: Sequence[_Feature], decided: IntArray, max_depth: int, min_rows: int
) -> list[_Leaf]:
    """Grow the tree; return each leaf's way from the root and its class."""
    grown = DecisionTreeClassifier(
        max_depth=max_depth,
        min_samples_leaf=min_rows,
        class_weight="balanced",
        random_state=0,
    )
    # Ranks in place of values: the tree works in float32, where large numbers merge.
    ranked, levels = [], []
    for feature in features:
        seen, rank = np.unique(feature.values, return_inverse=True)
        ranked.append(np.where(np.isnan(feature.values), np.nan, rank))
        levels.append(seen)
    x = np.stack(ranked, axis=1)
    grown.fit(x, decided)
    tree, classes = grown.tree_, grown.classes_
    goes_left = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))

    def walk(node: int, way: tuple[Condition, ...]) -> list[_Leaf]:
        left, right = int(tree.children_left[node]), int(tree.children_right[node])
        if left == right:
            return [(way, int(classes[int(tree.value[node][0].argmax())]))]
        sides = _sides(
            features[int(tree.feature[node])],
            levels[int(tree.feature[node])],
            float(tree.threshold[node]),
            missing_left=bool(goes_left[node]),
        )
        found = [
            leaf
            for child, side in zip((left, right), sides, strict=True)
            for leaf in walk(child, _with(way, side))
        ]
        same = len({decision for _, decision in found}) == 1
        return [(way, found[0][1])] if same else found

    return walk(0, ())


def _sides(
    feature: _Feature,
    seen: npt.NDArray[np.float64],
    threshold: float,
    *,
    missing_left: bool,
) -> tuple[Condition, Condition]:
    """Conditions for the left and the right side of a cut between two ranks."""
    if np.isinf(threshold):  # scikit-learn's way to part missing cells from the others
        missing, present = (
            Condition(feature.column, feature.kind, "missing"),
            Condition(feature.column, feature.kind, "present"),
        )
        return (missing, present) if missing_left else (present, missing)
    cut = int(np.floor(threshold))
    value = between(float(seen[cut]), float(seen[cut + 1]))
    return (
        feature.at_most(value, missing_too=feature.has_holes and missing_left),
        feature.above(value, missing_too=feature.has_holes and not missing_left),
    )


def _with(way: tuple[Condition, ...], new: Condition) -> tuple[Condition, ...]:
    """Add a condition; an older limit of the same column and side is now implied."""
    same = [old for old in way if old.column == new.column]
    if any(not old.missing_too and old.relation != "missing" for old in same):
        new = replace(new, missing_too=False)  # said already: not missing
    implied = [
        old
        for old in same
        if old.relation == new.relation and old.relation in ("above", "at most")
        if old.missing_too >= new.missing_too
    ]
    return (*(old for old in way if old not in implied), new)


def _measured(leaves: list[_Leaf], table: Table, decided: IntArray) -> RuleList:
    rules = []
    for conditions, decision in leaves:
        found, is_class = _all_hold(conditions, table), decided == decision
        hits = int((found & is_class).sum())
        rules.append(
            Rule(
                conditions,
                decision,
                coverage=hits / is_class.sum() if is_class.any() else float("nan"),
                precision=hits / found.sum() if found.any() else float("nan"),
                n_rows=int(found.sum()),
            )
        )
    rules.sort(key=lambda rule: (rule.decision, -np.nan_to_num(rule.coverage)))
    right = _say(tuple(rules), table) == decided
    by_class = [right[decided == code].mean() for code in np.unique(decided)]
    return RuleList(
        rules=tuple(rules),
        fidelity=float(right.mean()),
        recall=float(np.mean(by_class)),
        majority=float(np.bincount(decided).max() / len(decided)),
        n_held_out=len(decided),
    )


def _say(rules: tuple[Rule, ...], table: Table) -> IntArray:
    out = np.full(table.n_rows, rules[0].decision, dtype=np.int64)
    for rule in rules:
        out[_all_hold(rule.conditions, table)] = rule.decision
    return out


def _all_hold(conditions: tuple[Condition, ...], table: Table) -> BoolArray:
    out = np.ones(table.n_rows, dtype=bool)
    for condition in conditions:
        out &= condition.holds(table)
    return out


def _taken(table: Table, rows: IntArray) -> Table:
    columns = {name: cells[rows] for name, cells in table.columns.items()}
    return Table(columns, len(rows))
