import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qclmixnet.augment import neighbours
from qclmixnet.augment.neighbours import Neighbours, find_neighbours
from qclmixnet.core.errors import InputError, MissingExtraError


def slow_distances(
    x: np.ndarray, k: int, labels: np.ndarray | None = None
) -> list[list[float]]:
    """Distances to the k nearest rows, by a plain loop in float64."""
    wide = x.astype(np.float64)
    nearest = []
    for i in range(len(x)):
        found = [
            float(((wide[i] - wide[j]) ** 2).sum())
            for j in range(len(x))
            if j != i and (labels is None or labels[i] == labels[j])
        ]
        nearest.append(sorted(found)[:k])
    return nearest


def assert_matches_loop(
    found: Neighbours, x: np.ndarray, k: int, labels: np.ndarray | None = None
) -> None:
    wide = x.astype(np.float64)
    for i, expected in enumerate(slow_distances(x, k, labels)):
        chosen = found.indices[i, : found.n_valid[i]]
        assert len(chosen) == len(expected)
        assert len(set(chosen.tolist())) == len(chosen)
        assert i not in chosen
        assert (found.indices[i, found.n_valid[i] :] == i).all()
        if labels is not None:
            assert (labels[chosen] == labels[i]).all()
        # Equal distances may name either row, so distances are compared, not rows.
        distance = ((wide[i] - wide[chosen]) ** 2).sum(axis=1)
        np.testing.assert_allclose(distance, expected, rtol=1e-9, atol=1e-30)


@given(
    n_rows=st.integers(1, 25),
    k=st.integers(1, 7),
    n_classes=st.integers(0, 4),
    n_levels=st.sampled_from([2, 1000]),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_exact_search_matches_a_plain_loop(
    n_rows: int, k: int, n_classes: int, n_levels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    # With two levels most rows have twins and most distances are tied.
    x = rng.integers(0, n_levels, size=(n_rows, 3)).astype(np.float32)
    labels = rng.integers(0, n_classes, size=n_rows) if n_classes else None
    found = find_neighbours(x, k=k, labels=labels, method="exact")
    assert_matches_loop(found, x, k, labels)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    whole = find_neighbours(x, k=3)
    monkeypatch.setattr(neighbours, "_BLOCK_BYTES", 7 * 8 * 60)
    in_blocks = find_neighbours(x, k=3)
    np.testing.assert_array_equal(whole.indices, in_blocks.indices)


def test_near_duplicates_far_from_zero_are_told_apart() -> None:
    # |a|^2 is 3e10 here and the gaps are 1e-6 of that: float32 distances by the matrix
    # product are all noise.
    rng = np.random.default_rng(1)
    x = np.float32(1e5) + rng.integers(0, 64, size=(200, 3)).astype(np.float32) / 128
    assert_matches_loop(find_neighbours(x, k=4, method="exact"), x, 4)


def test_near_duplicates_beside_distant_rows_are_told_apart() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(150, 3)).astype(np.float32)
    x[:50] = x[0] + rng.integers(0, 64, size=(50, 3)).astype(np.float32) * 1e-5
    x[-1] = 1e4
    assert_matches_loop(find_neighbours(x, k=4, method="exact"), x, 4)


def test_nearest_comes_first() -> None:
    x = np.array([[0.0], [4.0], [1.0], [2.5]], dtype=np.float32)
    assert find_neighbours(x, k=3).indices[0].tolist() == [2, 3, 1]


def test_class_of_one_row_has_no_neighbour() -> None:
    x = np.zeros((3, 1), dtype=np.float32)
    found = find_neighbours(x, k=2, labels=np.array([4, 9, 4]))
    assert found.n_valid.tolist() == [1, 0, 1]
    assert found.indices.tolist() == [[2, 0], [1, 1], [0, 2]]


def clusters(n_rows: int, n_features: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(100, n_features))
    x = centres[rng.integers(0, 100, n_rows)] + rng.normal(size=(n_rows, n_features))
    return x.astype(np.float32)


def test_approximate_search_finds_nine_in_ten_neighbours() -> None:
    pytest.importorskip("faiss")
    x = clusters(30_000, 20, seed=0)
    approximate = find_neighbours(x, k=5, method="approximate")
    queries = np.random.default_rng(1).choice(30_000, 1_000, replace=False)
    exact = neighbours._search_pairs(x.astype(np.float64), 5, queries)
    hits = approximate.indices[queries][:, :, None] == exact[:, None, :]
    assert hits.any(axis=2).mean() >= 0.9
    assert (approximate.n_valid == 5).all()
    assert (approximate.indices != np.arange(30_000)[:, None]).all()


def test_approximate_search_repeats_itself_and_keeps_to_the_class() -> None:
    pytest.importorskip("faiss")
    x = clusters(6_000, 8, seed=3)
    labels = np.random.default_rng(4).choice([0, 1, 2], 6_000, p=[0.6, 0.399, 0.001])
    first = find_neighbours(x, k=5, labels=labels, method="approximate", seed=7)
    again = find_neighbours(x, k=5, labels=labels, method="approximate", seed=7)
    np.testing.assert_array_equal(first.indices, again.indices)
    assert (labels[first.indices] == labels[:, None]).all()


def test_approximate_search_among_many_twins_drops_only_the_row_itself() -> None:
    pytest.importorskip("faiss")
    x = np.repeat(np.arange(30, dtype=np.float32), 100)[:, None]
    found = find_neighbours(x, k=5, method="approximate")
    assert (x[found.indices, 0] == x).all()
    assert (found.n_valid == 5).all()
    for row, near in enumerate(found.indices.tolist()):
        assert row not in near
        assert len(set(near)) == 5


def test_rows_the_index_leaves_short_are_searched_exactly() -> None:
    pytest.importorskip("faiss")
    x = clusters(2_500, 4, seed=5)
    k = 2_000  # more than the probed lists hold
    found = find_neighbours(x, k=k, method="approximate")
    assert (found.n_valid == k).all()
    assert all(len(set(near)) == k for near in found.indices[:50].tolist())


def test_auto_is_approximate_only_above_the_limit_and_with_faiss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("faiss")
    assert not neighbours._use_index(neighbours.EXACT_LIMIT, "auto")
    assert neighbours._use_index(neighbours.EXACT_LIMIT + 1, "auto")
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr(neighbours, "find_spec", lambda name: None)  # noqa: ARG005
    assert not neighbours._use_index(neighbours.EXACT_LIMIT + 1, "auto")
    x = np.zeros((4, 1), dtype=np.float32)
    with pytest.raises(MissingExtraError, match=r"needs faiss-cpu.*\[neighbours\]"):
        find_neighbours(x, k=1, method="approximate")


@pytest.mark.usefixtures("as_installed")
def test_wrong_arguments_are_named() -> None:
    x = np.zeros((4, 2), dtype=np.float32)
    with pytest.raises(InputError, match=r"`k` must be .* at least 1, got 0"):
        find_neighbours(x, k=0)
    with pytest.raises(InputError, match=r"`method` must be one of .*, got 'tree'"):
        find_neighbours(x, k=1, method="tree")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"each of the 4 rows .* got shape \(3,\)"):
        find_neighbours(x, k=1, labels=np.zeros(3, dtype=np.int64))
    with pytest.raises(InputError, match=r"at least one column, got shape \(4, 0\)"):
        find_neighbours(x[:, :0], k=1)
    x[2, 1] = np.nan
    with pytest.raises(InputError, match=r"must be finite, got nan in row 2"):
        find_neighbours(x, k=1)
