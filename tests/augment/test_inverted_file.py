"""The index of large classes, made small; oracles are exact searches and loops."""

from typing import Any

import numpy as np
import pytest

from qclmixnet.augment import DynamicMixup, inverted_file, neighbours
from qclmixnet.augment.inverted_file import InvertedFile
from qclmixnet.augment.neighbours import Neighbours, find_neighbours
from qclmixnet.core.errors import InputError

faiss: Any = pytest.importorskip("faiss")

N_ROWS = 20_000


@pytest.fixture
def tiered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let classes of 6,000 rows be very large ones."""
    monkeypatch.setattr(inverted_file, "TIERED_FROM", 6_000)
    monkeypatch.setattr(neighbours, "TIERED_FROM", 6_000)
    monkeypatch.setattr(inverted_file, "_ROWS_PER_TIERED_LIST", 50)
    monkeypatch.setattr(inverted_file, "_BLOCK_ROWS", 7_000)


def clusters(n_rows: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(50, 12))
    x = centres[rng.integers(0, 50, n_rows)] + rng.normal(size=(n_rows, 12))
    return x.astype(np.float32)


def recall(found: np.ndarray, x: np.ndarray) -> float:
    queries = np.random.default_rng(1).choice(len(x), 500, replace=False)
    exact = neighbours._search_pairs(x.astype(np.float64), found.shape[1], queries)
    return float((found[queries][:, :, None] == exact[:, None, :]).any(axis=2).mean())


def as_sets(indices: np.ndarray) -> np.ndarray:
    return np.sort(indices, axis=1)


@pytest.mark.usefixtures("tiered")
def test_two_tiers_find_nine_in_ten_neighbours_twice_alike() -> None:
    x = clusters(N_ROWS)
    found = find_neighbours(x, k=5, method="approximate")
    assert recall(found.indices, x) >= 0.9
    assert (found.indices != np.arange(N_ROWS)[:, None]).all()
    again = find_neighbours(x, k=5, method="approximate")
    np.testing.assert_array_equal(found.indices, again.indices)


@pytest.mark.usefixtures("tiered")
def test_many_equal_rows_are_not_all_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inverted_file, "_MOST_COMPARED", 100)
    x = np.repeat(np.arange(2, dtype=np.float32), 3_500)[:, None]
    faiss.cvar.indexIVF_stats.reset()
    found = find_neighbours(x, k=3, method="approximate")
    # Beside them all 140 centres, when the row is put into its list and searched for.
    assert faiss.cvar.indexIVF_stats.ndis <= 7_000 * (100 + 2 * 140)
    assert (found.n_valid == 3).all()
    assert (x[found.indices, 0] == x).all()
    assert (found.indices != np.arange(7_000)[:, None]).all()


@pytest.mark.usefixtures("tiered")
def test_where_nothing_moved_the_next_search_is_a_fresh_one() -> None:
    x = clusters(N_ROWS)
    labels = np.random.default_rng(2).choice(3, N_ROWS, p=[0.6, 0.399, 0.001])
    fresh = find_neighbours(x, k=5, labels=labels, method="approximate")
    again = find_neighbours(x, k=5, labels=labels, method="approximate", former=fresh)
    np.testing.assert_array_equal(as_sets(fresh.indices), as_sets(again.indices))
    np.testing.assert_array_equal(fresh.n_valid, again.n_valid)


@pytest.mark.usefixtures("tiered")
def test_exact_neighbours_are_kept_where_nothing_moved() -> None:
    x = clusters(8_000)
    exact = find_neighbours(x, k=4, method="exact")
    found = find_neighbours(x, k=4, method="approximate", former=exact)
    np.testing.assert_array_equal(as_sets(found.indices), as_sets(exact.indices))


@pytest.mark.usefixtures("tiered")
def test_the_next_search_looks_through_fewer_lists_only_where_that_is_as_good() -> None:
    x = clusters(N_ROWS)
    former = find_neighbours(x, k=5, method="approximate")
    noise = np.random.default_rng(3).normal(size=x.shape).astype(np.float32)
    # Little has changed, or all: then the former neighbours are no help.
    for moved, helps in ((x + 0.01 * noise, True), (noise, False)):
        index = InvertedFile(moved, seed=0)
        found, short = index.search(5, former.indices)
        assert len(short) == 0
        afresh, _ = index.search(5)
        assert (found != afresh).any() == helps
        assert recall(found, moved) >= recall(afresh, moved) - 0.02


def test_the_nearest_of_old_and_new_is_a_plain_loop() -> None:
    rng = np.random.default_rng(4)
    x = rng.integers(0, 4, size=(40, 2)).astype(np.float32)
    rows = np.arange(5, 25)
    candidates = rng.integers(-1, 40, size=(20, 9))
    found, lacking = inverted_file._nearest_of(x, rows, candidates, 4)
    for row, near, lacks, offered in zip(rows, found, lacking, candidates, strict=True):
        others = {int(j) for j in offered if j >= 0} - {int(row)}
        wanted = sorted(others, key=lambda j: (((x[row] - x[j]) ** 2).sum(), j))[:4]
        assert lacks == (len(others) < 4)
        assert near[: len(wanted)].tolist() == wanted


def test_former_neighbours_change_nothing_below_a_million_rows() -> None:
    x = clusters(3_000)
    moved = x + np.random.default_rng(5).normal(size=x.shape).astype(np.float32)
    former = find_neighbours(x, k=5, method="approximate")
    plain = find_neighbours(moved, k=5, method="approximate")
    found = find_neighbours(moved, k=5, method="approximate", former=former)
    np.testing.assert_array_equal(found.indices, plain.indices)


@pytest.mark.usefixtures("tiered")
def test_mixup_hands_the_last_neighbours_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "EXACT_LIMIT", 6_000)
    given: list[Neighbours | None] = []

    def watched(*args: object, **options: object) -> Neighbours:
        given.append(options["former"])  # type: ignore[arg-type]
        return find_neighbours(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("qclmixnet.augment.mixup.find_neighbours", watched)
    mixup = DynamicMixup(np.zeros(7_000, dtype=np.int64), n_classes=1)
    mixup.refresh(clusters(7_000))
    first = mixup._neighbours
    mixup.refresh(clusters(7_000))
    assert given == [None, first]


@pytest.mark.usefixtures("tiered")
def test_former_neighbours_of_other_rows_are_refused() -> None:
    x = clusters(8_000)
    former = find_neighbours(x, k=2, method="approximate")
    with pytest.raises(InputError, match=r"`former` .* of the 7000 rows .* got 8000"):
        find_neighbours(x[:7_000], k=2, former=former)
    labels = (np.arange(8_000) < 500).astype(np.int64)
    with pytest.raises(InputError, match=r"`former` must name rows of the same class"):
        find_neighbours(x, k=2, labels=labels, method="approximate", former=former)
