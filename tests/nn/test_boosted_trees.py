"""Trees as tensors against a walk from node to node."""

import copy
import pickle

import pytest
import torch
from torch import Tensor

from qclmixnet.core.errors import InputError
from qclmixnet.nn import BoostedTrees, boosted_trees, packed_trees

CARDINALITIES = (4, 3)


def eighths(generator: torch.Generator, *shape: int) -> Tensor:
    """Numbers whose sums are exact in any order, with many ties."""
    return torch.randint(-16, 17, shape, generator=generator) / 8


def draw_trees(
    n_classes: int, *, n_num: int = 3, n_rounds: int = 4, depth: int = 3
) -> BoostedTrees:
    generator = torch.Generator().manual_seed(n_classes)
    trees = BoostedTrees(
        n_num, CARDINALITIES, n_classes, n_sets=3, n_rounds=n_rounds, depth=depth
    )
    n_columns = n_num + len(CARDINALITIES)
    shape = trees.feature.shape
    trees.feature[:] = torch.randint(n_columns, shape, generator=generator)
    trees.threshold[:] = eighths(generator, *shape)
    early = torch.rand(shape, generator=generator) < 0.1  # as below an early leaf
    trees.threshold[early] = torch.inf
    trees.value[:] = eighths(generator, *trees.value.shape)
    trees.base[:] = eighths(generator, *trees.base.shape)
    trees.rank[:] = eighths(generator, *trees.rank.shape)
    return trees


def draw_rows(n_rows: int, n_num: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n_rows)
    codes = [
        torch.randint(cardinality, (n_rows,), generator=generator)
        for cardinality in CARDINALITIES
    ]
    return eighths(generator, n_rows, n_num), torch.stack(codes, dim=1)


def walk(
    trees: BoostedTrees, which: int, x_num: list[float], x_cat: list[int]
) -> list[float]:
    """Add up the leaves that one row reaches, for each score of one set."""
    row, first = list(x_num), 0
    for code, cardinality in zip(x_cat, trees.cardinalities, strict=True):
        row.append(float(trees.rank[which, first + code]))
        first += cardinality
    n_rounds, n_scores, n_inner = trees.feature.shape[1:]
    scores = trees.base[which].tolist()
    for round_ in range(n_rounds):
        for score in range(n_scores):
            tree = (which, round_, score)
            node = 0
            while node < n_inner:
                is_right = row[trees.feature[tree][node]] > trees.threshold[tree][node]
                node = 2 * node + (2 if is_right else 1)
            scores[score] += float(trees.value[tree][node - n_inner])
    return [0.0, *scores] if n_scores == 1 else scores


def loop(trees: BoostedTrees, x_num: Tensor, x_cat: Tensor) -> Tensor:
    rows = list(zip(x_num.tolist(), x_cat.tolist(), strict=True))
    by_set = [
        [walk(trees, which, *row) for row in rows] for which in range(trees.n_sets)
    ]
    return torch.tensor(by_set, dtype=torch.float64)


def test_a_tree_of_two_levels_by_hand() -> None:
    trees = BoostedTrees(1, (3,), 2, n_sets=1, n_rounds=1, depth=2)
    trees.feature[0, 0, 0] = torch.tensor([0, 1, 0])
    trees.threshold[0, 0, 0] = torch.tensor([1.0, 0.0, 5.0])
    trees.value[0, 0, 0] = torch.tensor([1.0, 2.0, 4.0, 8.0])
    trees.base[0, 0] = 0.5
    trees.rank[0] = torch.tensor([2.0, 0.0, 1.0])
    x_num = torch.tensor([[1.0], [1.0], [0.0], [1.5], [5.0], [5.5]])
    x_cat = torch.tensor([[0], [1], [2], [0], [1], [2]])
    # A number at the threshold goes left; code 1 alone has a rank of at most 0.
    assert trees(x_num, x_cat)[0].tolist() == [
        [0.0, 2.5],
        [0.0, 1.5],
        [0.0, 2.5],
        [0.0, 4.5],
        [0.0, 4.5],
        [0.0, 8.5],
    ]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("depth", [1, 2, 5, 10])
@pytest.mark.parametrize("n_num", [0, 3])
def test_scores_equal_a_walk_down_each_tree(
    n_classes: int, depth: int, n_num: int
) -> None:
    trees = draw_trees(n_classes, n_num=n_num, depth=depth)
    x_num, x_cat = draw_rows(20, n_num)
    scores = trees(x_num, x_cat)
    assert scores.dtype == torch.float64
    assert torch.equal(scores, loop(trees, x_num, x_cat))
    assert not torch.equal(scores[0], scores[1])
    for which in range(3):  # few rows walked down above, many are asked together
        assert torch.equal(trees.one_set(which, x_num, x_cat), scores[which])


def test_a_table_without_categories_needs_no_ranks() -> None:
    trees = BoostedTrees(2, (), 2, n_sets=1, n_rounds=1, depth=1)
    trees.feature[0, 0, 0] = 1
    trees.value[0, 0, 0] = torch.tensor([-1.0, 1.0])
    x_num = torch.tensor([[9.0, -1.0], [-9.0, 1.0]])
    scores = trees(x_num, torch.zeros(2, 0, dtype=torch.int64))
    assert scores.tolist() == [[[0.0, -1.0], [0.0, 1.0]]]
    assert trees.rank.shape == (1, 0)


# A round of a row alone, a few of both, and all at once.
@pytest.mark.parametrize(
    ("most_bytes", "rows_at_once"), [(1, 1), (600, 70), (1 << 22, 200)]
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_parts_give_the_bits_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, n_classes: int, most_bytes: int, rows_at_once: int
) -> None:
    trees = draw_trees(n_classes, n_rounds=11)
    x_num, x_cat = draw_rows(151)  # more than two words, and not a whole number
    monkeypatch.setattr(boosted_trees, "_FEW", 0)
    monkeypatch.setattr(packed_trees, "_MOST_BYTES", most_bytes)
    monkeypatch.setattr(boosted_trees, "_ROWS_AT_ONCE", rows_at_once)
    assert torch.equal(trees(x_num, x_cat), loop(trees, x_num, x_cat))


def test_changed_trees_are_asked_anew() -> None:
    trees = draw_trees(3)
    x_num, x_cat = draw_rows(70)
    before = trees.one_set(1, x_num, x_cat)
    for change in (trees.threshold, trees.value, trees.feature):
        change[1] = change[0]
        assert not torch.equal(before, trees.one_set(1, x_num, x_cat))
        expected = loop(trees, x_num, x_cat)[1]
        assert torch.equal(trees.one_set(1, x_num, x_cat), expected)
    other = draw_trees(3)
    trees.load_state_dict(other.state_dict())
    assert torch.equal(trees.one_set(1, x_num, x_cat), before)


def test_a_copy_takes_along_only_the_trees() -> None:
    trees = draw_trees(2)
    x_num, x_cat = draw_rows(70)
    before, size = trees.one_set(0, x_num, x_cat), len(pickle.dumps(draw_trees(2)))
    assert len(pickle.dumps(trees)) == size
    assert torch.equal(copy.deepcopy(trees).one_set(0, x_num, x_cat), before)


def test_a_long_table_is_the_sum_of_its_parts() -> None:
    trees = draw_trees(3, n_rounds=20, depth=4)
    n_rows = 2 * boosted_trees._ROWS_AT_ONCE + 100
    assert n_rows * 60 > boosted_trees._FEW
    x_num, x_cat = draw_rows(n_rows)
    scores = trees(x_num, x_cat)
    some = torch.arange(0, n_rows, n_rows // 8)
    assert torch.equal(scores[:, some], loop(trees, x_num[some], x_cat[some]))
    thirds = [trees(x_num[part], x_cat[part]) for part in torch.arange(n_rows).chunk(3)]
    assert torch.equal(scores, torch.cat(thirds, dim=1))


def test_no_rows_have_no_scores() -> None:
    assert draw_trees(3)(*draw_rows(0)).shape == (3, 0, 3)


def test_numbers_in_double_precision_are_compared_in_single() -> None:
    trees, (x_num, x_cat) = draw_trees(2), draw_rows(20)
    nearly = x_num.double() * (1 + 1e-12)
    assert torch.equal(trees(nearly, x_cat), trees(x_num, x_cat))


def test_the_state_dict_holds_all_and_there_is_nothing_to_learn() -> None:
    trees, rows = draw_trees(3), draw_rows(20)
    state = trees.state_dict()
    assert set(state) == {"feature", "threshold", "value", "base", "rank"}
    again = BoostedTrees(3, CARDINALITIES, 3, n_sets=3, n_rounds=4, depth=3)
    assert not torch.equal(again(*rows), trees(*rows))
    again.load_state_dict(state)
    assert torch.equal(again(*rows), trees(*rows))
    assert list(trees.parameters()) == []


def test_fresh_trees_say_nothing() -> None:
    trees = BoostedTrees(3, CARDINALITIES, 3, n_sets=2, n_rounds=4, depth=3)
    assert not trees(*draw_rows(5)).any()


@pytest.mark.parametrize(
    ("n_num", "n_cat", "words"),
    [
        (1, 2, r"\(batch, 3\), got \(5, 1\)"),
        (4, 2, r"\(batch, 3\), got \(5, 4\)"),
        (3, 1, r"\(batch, 2\), got \(5, 1\)"),  # would be broadcast over both
        (3, 0, r"\(batch, 2\), got \(5, 0\)"),
    ],
)
def test_other_widths_are_refused(n_num: int, n_cat: int, words: str) -> None:
    x_num, x_cat = draw_rows(5, n_num)
    with pytest.raises(InputError, match=words):
        draw_trees(2)(x_num, x_cat[:, :n_cat])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_num": -1}, "`n_num` .* at least 0, got -1"),
        ({"n_classes": 1}, "`n_classes` .* at least 2, got 1"),
        ({"n_sets": 0}, "`n_sets` .* at least 1, got 0"),
        ({"n_rounds": 0}, "`n_rounds` .* at least 1, got 0"),
        ({"depth": 0}, "`depth` .* at least 1, got 0"),
        ({"n_num": 0, "cardinalities": ()}, "at least one column"),
    ],
)
def test_sizes_out_of_range_are_refused(change: dict[str, object], words: str) -> None:
    sizes: dict[str, object] = {"n_num": 1, "cardinalities": (2,), "n_classes": 2}
    sizes |= {"n_sets": 1, "n_rounds": 1, "depth": 1}
    with pytest.raises(InputError, match=words):
        BoostedTrees(**(sizes | change))  # type: ignore[arg-type]
