from collections.abc import Callable
from itertools import combinations
from math import factorial

import numpy as np
import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.preprocessing import ColumnGroup, EncodedTable
from qclmixnet.reasons import (
    Contributions,
    LogOdds,
    contributions,
    log_odds_of,
    permutations_within,
)


def numbers(cells: object) -> EncodedTable:
    x_num = np.asarray(cells, dtype=np.float32)
    return EncodedTable(x_num, np.zeros((len(x_num), 0), dtype=np.int64), {})


def one_each(n_columns: int) -> tuple[ColumnGroup, ...]:
    return tuple(ColumnGroup(f"x{i}", (i,), ()) for i in range(n_columns))


def two_classes(function: Callable[[np.ndarray], np.ndarray]) -> LogOdds:
    def log_odds(rows: EncodedTable) -> np.ndarray:
        value = np.asarray(function(rows.x_num.astype(np.float64)))
        return np.stack([value, -value], axis=1)

    return log_odds


def explained(
    x: EncodedTable,
    background: EncodedTable,
    log_odds: LogOdds,
    groups: tuple[ColumnGroup, ...],
    n_permutations: int,
    seed: int = 0,
) -> Contributions:
    return contributions(
        x,
        background,
        groups,
        log_odds,
        n_permutations=n_permutations,
        generator=np.random.default_rng(seed),
    )


def by_enumeration(
    function: Callable[[np.ndarray], np.ndarray], row: np.ndarray, other: np.ndarray
) -> np.ndarray:
    """Shapley values by their definition: all subsets, weighed by their number."""
    n = len(row)
    values = np.zeros(n)
    for column in range(n):
        rest = [i for i in range(n) if i != column]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            for subset in combinations(rest, size):
                without = other.copy()
                without[list(subset)] = row[list(subset)]
                with_it = without.copy()
                with_it[column] = row[column]
                gain = function(with_it[None]) - function(without[None])
                values[column] += weight * float(gain[0])
    return values


def interacting(x: np.ndarray) -> np.ndarray:
    out: np.ndarray = x[:, 0] * x[:, 1] + np.sin(x[:, 2]) * x[:, 0] - 2 * x[:, 1]
    return out


def drawn(n_rows: int, n_columns: int, seed: int) -> np.ndarray:
    cells = np.random.default_rng(seed).normal(size=(n_rows, n_columns))
    return cells.astype(np.float32)


def test_an_additive_model_is_shared_out_exactly() -> None:
    x, z = drawn(4, 5, 0), drawn(3, 5, 1)
    weights = np.array([1.0, -2.0, 0.5, 0.0, 3.0])
    found = explained(
        numbers(x), numbers(z), two_classes(lambda t: t @ weights), one_each(5), 3
    )
    expected = weights * (x.astype(np.float64) - z.mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(found.values[..., 0], expected, atol=1e-12)
    np.testing.assert_allclose(found.values[..., 1], -expected, atol=1e-12)


def test_many_permutations_come_to_the_enumerated_values() -> None:
    x, z = drawn(2, 3, 2), drawn(4, 3, 3)
    found = explained(
        numbers(x), numbers(z), two_classes(interacting), one_each(3), 2000
    )
    exact = [
        np.mean(
            [by_enumeration(interacting, r.astype(float), b.astype(float)) for b in z],
            axis=0,
        )
        for r in x
    ]
    np.testing.assert_allclose(found.values[..., 0], exact, atol=0.1)
    error = np.abs(found.values[..., 0] - exact)
    assert (error < 4 * found.std_error[..., 0] + 1e-9).all()


def test_two_columns_need_one_permutation_and_its_reverse() -> None:
    # With two columns the two orders are all orders there are.
    def function(t: np.ndarray) -> np.ndarray:
        out: np.ndarray = t[:, 0] * t[:, 1]
        return out

    x, z = drawn(3, 2, 4), drawn(1, 2, 5)
    found = explained(numbers(x), numbers(z), two_classes(function), one_each(2), 1)
    for row, values in zip(x, found.values[..., 0], strict=True):
        exact = by_enumeration(function, row.astype(float), z[0].astype(float))
        np.testing.assert_allclose(values, exact, atol=1e-12)


@pytest.mark.parametrize("n_permutations", [1, 2, 7])
def test_values_sum_to_the_difference_from_the_base(n_permutations: int) -> None:
    x, z = drawn(6, 4, 6), drawn(5, 4, 7)
    model = two_classes(lambda t: np.tanh(t.prod(axis=1)) + t[:, 0] ** 2)
    found = explained(numbers(x), numbers(z), model, one_each(4), n_permutations)
    np.testing.assert_allclose(
        found.values.sum(axis=1), found.log_odds - found.base, atol=1e-12
    )
    np.testing.assert_array_equal(found.log_odds, model(numbers(x)))


def test_an_unused_column_gets_nothing() -> None:
    x, z = drawn(5, 4, 8), drawn(6, 4, 9)
    found = explained(numbers(x), numbers(z), two_classes(interacting), one_each(4), 6)
    assert (found.values[:, 3] == 0).all()
    assert (found.std_error[:, 3] == 0).all()


def test_a_column_of_several_inputs_is_replaced_as_one() -> None:
    # "age" with its hole, and a category: the model multiplies value and indicator.
    x = EncodedTable(np.array([[1.0, 1.0, 2.0]], dtype=np.float32), np.array([[3]]), {})
    z = EncodedTable(np.array([[0.0, 0.0, 0.0]], dtype=np.float32), np.array([[0]]), {})
    groups = (
        ColumnGroup("age", (0, 1), ()),
        ColumnGroup("size", (2,), ()),
        ColumnGroup("sex", (), (0,)),
    )

    def log_odds(rows: EncodedTable) -> np.ndarray:
        num, cat = rows.x_num.astype(np.float64), rows.x_cat[:, 0]
        assert np.isin(num[:, :2], [[0, 0], [1, 1]]).all()
        assert (num[:, 0] == num[:, 1]).all()  # never one without the other
        value = 10 * num[:, 0] * num[:, 1] + num[:, 2] + 5 * (cat == 3)
        return np.asarray(value[:, None])

    found = explained(x, z, log_odds, groups, 1)
    np.testing.assert_allclose(found.values[0, :, 0], [10, 2, 5])


def test_equal_rows_and_equal_cells_are_evaluated_once() -> None:
    row = np.array([1.0, 2.0, 0.0, 0.0], dtype=np.float32)
    x, z = np.tile(row, (50, 1)), np.zeros((1, 4), dtype=np.float32)
    seen = []

    def log_odds(rows: EncodedTable) -> np.ndarray:
        seen.append(len(rows.x_num))
        return np.asarray(rows.x_num.sum(axis=1, dtype=np.float64)[:, None])

    explained(numbers(x), numbers(z), log_odds, one_each(4), 1)
    # The rows, the background row, and mixed rows: they differ in two columns alone,
    # so at most the four corners are left.
    assert sum(seen[2:]) <= 4


def test_the_standard_error_is_that_of_repeated_explanations() -> None:
    x, z = drawn(1, 4, 10), drawn(64, 4, 11)

    def function(t: np.ndarray) -> np.ndarray:
        out: np.ndarray = t[:, 0] * t[:, 1] * t[:, 2] + t[:, 3]
        return out

    runs = [
        explained(numbers(x), numbers(z), two_classes(function), one_each(4), 16, seed)
        for seed in range(200)
    ]
    spread = np.std([run.values[0, :, 0] for run in runs], axis=0)
    stated = np.mean([run.std_error[0, :, 0] for run in runs], axis=0)
    # Drawing without replacement makes the spread a little smaller than stated.
    assert (spread < 1.15 * stated).all()
    assert (spread > 0.6 * stated).all()


def test_one_permutation_has_no_standard_error() -> None:
    found = explained(
        numbers(drawn(1, 3, 0)),
        numbers(drawn(2, 3, 1)),
        two_classes(interacting),
        one_each(3),
        1,
    )
    assert np.isnan(found.std_error).all()


def test_a_single_column_gets_all() -> None:
    found = explained(
        numbers([[2.0]]),
        numbers([[1.0]]),
        two_classes(lambda t: t[:, 0] ** 2),
        one_each(1),
        2,
    )
    assert found.values[0, 0].tolist() == [3.0, -3.0]


def test_log_odds_by_hand_and_at_the_ends() -> None:
    found = log_odds_of(np.array([[0.8, 0.2], [1.0, 0.0]]))
    np.testing.assert_allclose(found[0], [np.log(4), -np.log(4)])
    np.testing.assert_allclose(found[1], [20.723, -20.723], atol=1e-3)


def test_permutations_fit_the_budget_and_are_two_at_least() -> None:
    rule = permutations_within
    assert rule(1000, n_rows=10, n_columns=11, n_background=128) == 5
    assert rule(1000, n_rows=1000, n_columns=50, n_background=128) == 2
    assert rule(10**9, n_rows=1, n_columns=2, n_background=128) == 128


def test_tables_that_do_not_fit_together_are_told() -> None:
    x, z = numbers(np.zeros((1, 2))), numbers(np.zeros((1, 3)))
    with pytest.raises(InputError, match="3 columns, theirs 2"):
        explained(x, z, two_classes(interacting), one_each(2), 1)
    with pytest.raises(InputError, match="at least one row"):
        explained(x, numbers(np.zeros((0, 2))), two_classes(interacting), (), 1)
    with pytest.raises(InputError, match=r"leaves out \[1\]"):
        explained(x, x, two_classes(interacting), one_each(1), 1)
    with pytest.raises(InputError, match="n_permutations"):
        explained(x, x, two_classes(interacting), one_each(2), 0)
