from collections.abc import Callable

import numpy as np
import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.reasons import Counterfactual, Judge, Movable, counterfactuals
from qclmixnet.table import Table

SEEN = np.linspace(0, 10, 101)  # interquartile range 5


def movable(*names: str, seen: np.ndarray = SEEN) -> list[Movable]:
    columns = [Movable.from_values(name, seen) for name in names]
    return [column for column in columns if column is not None]


def table(**columns: list[float]) -> Table:
    cells = {name: np.array(values, dtype=float) for name, values in columns.items()}
    return Table(cells, len(next(iter(cells.values()))))


def judged(margin: Callable[[Table], np.ndarray]) -> Judge:
    """Class 1 where the margin is positive."""

    def judge(rows: Table) -> tuple[np.ndarray, np.ndarray]:
        value = np.asarray(margin(rows), dtype=float)
        return (value > 0).astype(np.int64), np.stack([-value, value], axis=1)

    return judge


def only(found: list[Counterfactual | None]) -> Counterfactual:
    (single,) = found
    assert single is not None
    return single


def test_a_linear_border_is_met_by_the_column_of_the_shortest_way() -> None:
    # 2 a + b > 12 from (3, 2): a needs 2 more (0.4 spreads), b needs 4 (0.8).
    judge = judged(lambda t: 2 * t.columns["a"] + t.columns["b"] - 12)
    found = only(counterfactuals(table(a=[3.0], b=[2.0]), movable("a", "b"), judge))
    (change,) = found.changes
    assert (change.column, change.before) == ("a", 3.0)
    assert 5.0 < change.after < 5.02
    assert found.distance == pytest.approx(0.4, abs=0.005)
    assert found.decision == 1


def test_a_column_that_is_not_movable_stays() -> None:
    judge = judged(lambda t: 2 * t.columns["a"] + t.columns["b"] - 12)
    found = only(counterfactuals(table(a=[3.0], b=[2.0]), movable("b"), judge))
    (change,) = found.changes
    assert change.column == "b"
    assert change.after == pytest.approx(6.0, abs=0.05)


def test_both_columns_change_when_one_is_not_enough() -> None:
    judge = judged(lambda t: np.minimum(t.columns["a"] - 7, t.columns["b"] - 6))
    columns = movable("a", "b", "c")
    rows = table(a=[1.0], b=[2.0], c=[3.0])
    found = only(counterfactuals(rows, columns, judge))
    changes = {change.column: change.after for change in found.changes}
    assert set(changes) == {"a", "b"}
    assert changes["a"] == pytest.approx(7, abs=0.1)
    assert changes["b"] == pytest.approx(6, abs=0.1)
    assert changes["a"] > 7
    assert changes["b"] > 6
    assert counterfactuals(rows, columns, judge, max_columns=1) == [None]


def test_nothing_is_found_where_nothing_helps() -> None:
    judge = judged(lambda t: -1 - 0 * t.columns["a"])
    assert counterfactuals(table(a=[1.0]), movable("a"), judge) == [None]
    assert counterfactuals(table(a=[1.0]), [], judge) == [None]


def test_no_value_outside_what_was_seen_is_proposed() -> None:
    judge = judged(lambda t: t.columns["a"] - 10.5)
    assert counterfactuals(table(a=[1.0]), movable("a"), judge) == [None]


def test_whole_numbers_stay_whole() -> None:
    judge = judged(lambda t: t.columns["a"] - 6.3)
    columns = movable("a", seen=np.arange(11.0))
    assert columns[0].is_whole
    found = only(counterfactuals(table(a=[2.0]), columns, judge))
    assert found.changes[0].after == 7.0


def test_a_missing_cell_is_left_alone() -> None:
    judge = judged(lambda t: np.nan_to_num(t.columns["a"]) - 5)
    assert counterfactuals(table(a=[np.nan]), movable("a"), judge) == [None]


def test_rows_together_are_as_rows_alone() -> None:
    judge = judged(lambda t: t.columns["a"] * t.columns["b"] - 30)
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 10, (2, 8)).tolist()
    together = counterfactuals(table(a=a, b=b), movable("a", "b"), judge)
    alone = [
        counterfactuals(table(a=[x], b=[y]), movable("a", "b"), judge)[0]
        for x, y in zip(a, b, strict=True)
    ]
    assert together == alone
    assert None not in together


def test_the_wanted_class_is_reached_and_not_left() -> None:
    def judge(rows: Table) -> tuple[np.ndarray, np.ndarray]:
        a = rows.columns["a"]
        codes = np.digitize(a, [3.0, 6.0])
        return codes, -np.abs(a[:, None] - np.array([1.5, 4.5, 8.0]))

    rows = table(a=[1.0, 7.0])
    up, stays = counterfactuals(rows, movable("a"), judge, wanted=2)
    assert stays is None
    assert up is not None
    assert up.decision == 2
    assert up.changes[0].after == pytest.approx(6, abs=0.05)


def test_the_table_of_the_caller_is_not_touched() -> None:
    rows = table(a=[3.0])
    counterfactuals(rows, movable("a"), judged(lambda t: t.columns["a"] - 5))
    assert rows.columns["a"].tolist() == [3.0]


def test_a_column_of_one_value_cannot_move() -> None:
    assert Movable.from_values("a", np.array([2.0, np.nan, 2.0])) is None


def test_a_spread_of_zero_falls_back_to_half_the_range() -> None:
    column = Movable.from_values("a", np.array([0.0] * 9 + [8.0]))
    assert column is not None
    assert column.spread == 4.0


def test_too_few_columns_are_told() -> None:
    judge = judged(lambda t: t.columns["a"])
    with pytest.raises(InputError, match="max_columns"):
        counterfactuals(table(a=[1.0]), movable("a"), judge, max_columns=0)
