from collections.abc import Callable

import numpy as np
import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.preprocessing import ColumnGroup, EncodedTable
from qclmixnet.reasons import Interactions, LogOdds, interactions


def numbers(cells: object) -> EncodedTable:
    x_num = np.asarray(cells, dtype=np.float32)
    return EncodedTable(x_num, np.zeros((len(x_num), 0), dtype=np.int64), {})


def two_classes(function: Callable[[np.ndarray], np.ndarray]) -> LogOdds:
    def log_odds(rows: EncodedTable) -> np.ndarray:
        value = np.asarray(function(rows.x_num.astype(np.float64)))
        return np.stack([value, -value], axis=1)

    return log_odds


def found(
    cells: np.ndarray,
    function: Callable[[np.ndarray], np.ndarray],
    *,
    n_samples: int = 50,
    max_pairs: int = 300,
) -> Interactions:
    n_columns = cells.shape[1]
    groups = tuple(ColumnGroup(f"x{i}", (i,), ()) for i in range(n_columns))
    half = len(cells) // 2
    return interactions(
        numbers(cells[:half]),
        numbers(cells[half:]),
        groups,
        two_classes(function),
        n_samples=n_samples,
        max_pairs=max_pairs,
        generator=np.random.default_rng(0),
    )


def drawn(n_rows: int = 80, n_columns: int = 6) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n_rows, n_columns))


def test_a_product_by_hand() -> None:
    # f = a * b: f(ij) - f(i) - f(j) + f() = (a - a')(b - b') = 2 * 3
    cells = np.array([[3.0, 4.0], [1.0, 1.0]])
    product = found(cells, lambda t: t[:, 0] * t[:, 1], n_samples=2)
    assert product.pairs.tolist() == [[0, 1]]
    assert product.strength.tolist() == [[6.0, 6.0]]
    assert product.std_error.tolist() == [[0.0, 0.0]]


def test_a_plain_loop_agrees() -> None:
    cells = drawn(2, 4)

    def function(t: np.ndarray) -> np.ndarray:
        out: np.ndarray = np.sin(t[:, 0] * t[:, 1]) + t[:, 2] * t[:, 3] + t[:, 1] ** 3
        return out

    ours = found(cells, function, n_samples=2)
    x, z = cells.astype(np.float32).astype(np.float64)

    def at(*own: int) -> float:
        row = z.copy()
        row[list(own)] = x[list(own)]
        return float(function(row[None])[0])

    for (i, j), strength in zip(ours.pairs.tolist(), ours.strength, strict=True):
        expected = abs(at(i, j) - at(i) - at(j) + at())
        np.testing.assert_allclose(strength, expected, atol=1e-12)


def test_an_additive_model_has_none() -> None:
    additive = found(drawn(), lambda t: np.exp(t).sum(axis=1))
    np.testing.assert_allclose(additive.strength, 0, atol=1e-12)


def test_exclusive_or_ranks_first_among_strong_single_columns() -> None:
    def function(t: np.ndarray) -> np.ndarray:
        out: np.ndarray = ((t[:, 1] > 0) ^ (t[:, 4] > 0)) + 5 * t[:, 0] - 3 * t[:, 2]
        return out

    planted = found(drawn(), function)
    assert planted.pairs[0].tolist() == [1, 4]
    assert (planted.strength[1:] < 1e-12).all()


def test_columns_that_move_the_model_least_are_not_paired() -> None:
    def function(t: np.ndarray) -> np.ndarray:
        out: np.ndarray = t[:, 5] * t[:, 3] + 0.01 * t[:, 0] * t[:, 1]
        return out

    few = found(drawn(), function, max_pairs=3)
    assert few.n_screened == 3
    assert len(few.pairs) == 3
    assert few.pairs[0].tolist() == [3, 5]


def test_one_column_has_no_pairs() -> None:
    with pytest.raises(InputError, match="at least 2 columns, got 1"):
        found(drawn(4, 1), lambda t: t[:, 0])
