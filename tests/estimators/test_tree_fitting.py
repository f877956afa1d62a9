"""Fitted trees against scikit-learn's, and against rows they must not have seen."""

import json
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper

from qclmixnet.core.errors import InputError
from qclmixnet.estimators.tree_fitting import _rounded_down, build_trees, fit_trees
from qclmixnet.nn import BoostedTrees
from qclmixnet.preprocessing import EncodedTable, rank_levels
from qclmixnet.training import CrossFitRecipe, TreeConfig

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CARDINALITIES = (6, 4)
SMALL = TreeConfig(n_rounds=8)


class Rows:
    """A mixed table of some classes, with weights and three folds."""

    def __init__(
        self, n_rows: int, n_classes: int, *, n_num: int = 3, n_cat: int = 2
    ) -> None:
        rng = np.random.default_rng(n_rows)
        self.codes = np.arange(n_rows) % n_classes
        x_num = rng.normal(size=(n_rows, 3)) + 0.7 * self.codes[:, None]
        x_num[:, 1] = x_num[:, 1].round(1)  # ties
        x_cat = (self.codes[:, None] + rng.integers(3, size=(n_rows, 2))) % 3
        x_cat[:, 0] += 2  # codes 0, 1 and 5 of the first column do not occur
        self.encoded = EncodedTable(
            x_num.astype(np.float32)[:, :n_num], x_cat[:, :n_cat], {}
        )
        self.cardinalities = CARDINALITIES[:n_cat]
        self.weights = rng.uniform(0.3, 3.0, size=n_rows)
        self.folds = rng.integers(-1, 3, size=n_rows)
        self.n_classes = n_classes

    def fit(self, config: TreeConfig = SMALL, seed: int = 0) -> BoostedTrees:
        recipe = CrossFitRecipe(n_folds=3, trees=config)
        n_num = self.encoded.x_num.shape[1]
        trees = build_trees(
            n_num, self.cardinalities, self.n_classes, recipe, depth=config.depth
        )
        assert trees is not None
        fit_trees(
            trees,
            self.encoded,
            self.codes,
            self.weights.take,
            self.folds,
            config=config,
            seed=seed,
        )
        return trees

    def scores(self, trees: BoostedTrees) -> FloatArray:
        out: FloatArray = trees(
            torch.from_numpy(self.encoded.x_num), torch.from_numpy(self.encoded.x_cat)
        ).numpy()
        return out

    def scores_of_scikit_learn(
        self, fold: int, config: TreeConfig, min_rows: int
    ) -> FloatArray:
        """Log-odds by a model of the rows outside a fold."""
        seen = self.folds != fold
        ranks = rank_levels(
            self.encoded.x_cat[seen],
            self.cardinalities,
            self.codes[seen],
            self.weights[seen],
            n_classes=self.n_classes,
        )
        # Its own bins, of rows that all count alike; those of weighted rows are slow.
        binned = _BinMapper(random_state=0)
        numbers = self.encoded.x_num.astype(np.float64)
        if numbers.shape[1]:
            numbers = binned.fit(numbers[seen]).transform(numbers).astype(np.float32)
        columns, first = [*numbers.T], 0
        for column, cardinality in zip(
            self.encoded.x_cat.T, self.cardinalities, strict=True
        ):
            columns.append(ranks[first : first + cardinality][column])
            first += cardinality
        x = np.stack(columns, axis=1)
        peer = HistGradientBoostingClassifier(
            max_iter=config.n_rounds,
            learning_rate=config.learning_rate,
            max_depth=config.depth,
            max_leaf_nodes=None,
            min_samples_leaf=min_rows,
            l2_regularization=config.l2,
            early_stopping=False,
        )
        peer.fit(x[seen], self.codes[seen], sample_weight=self.weights[seen])
        scores: FloatArray = peer.decision_function(x)
        if scores.ndim == 1:
            scores = np.stack([np.zeros(len(x)), scores], axis=1)
        return scores


def outcome(trees: BoostedTrees, which: int) -> list[npt.NDArray[np.generic]]:
    """All that is known of one set of trees."""
    return [value[which].numpy() for value in trees.state_dict().values()]


@pytest.mark.parametrize(
    ("n_rows", "n_classes", "min_rows", "n_num", "n_cat"),
    [
        (150, 2, 3, 3, 2),
        (200, 4, 3, 3, 2),
        (900, 3, 9, 3, 2),  # a hundredth of the rows in a leaf at least
        (2600, 2, 20, 3, 2),  # but no more than 20
        (300, 2, 3, 0, 2),
        (300, 3, 3, 3, 0),
    ],
)
def test_each_set_scores_like_scikit_learn_on_the_rows_outside_its_fold(
    n_rows: int, n_classes: int, min_rows: int, n_num: int, n_cat: int
) -> None:
    rows = Rows(n_rows, n_classes, n_num=n_num, n_cat=n_cat)
    scores = rows.scores(rows.fit())
    assert scores.shape == (3, n_rows, n_classes)
    for fold in range(3):
        expected = rows.scores_of_scikit_learn(fold, SMALL, min_rows)
        assert np.ptp(expected) > 0.5
        np.testing.assert_allclose(scores[fold], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "config",
    [
        TreeConfig(n_rounds=3, learning_rate=0.5, depth=1, l2=0.0),
        TreeConfig(n_rounds=2, depth=7, l2=5.0),  # deeper than most leaves
        TreeConfig(n_rounds=1, depth=3, min_leaf_rows=5),
    ],
)
def test_every_setting_reaches_the_trees(config: TreeConfig) -> None:
    rows = Rows(700, 3)
    scores = rows.scores(rows.fit(config))
    for fold in range(3):
        min_rows = min(7, config.min_leaf_rows)
        expected = rows.scores_of_scikit_learn(fold, config, min_rows)
        np.testing.assert_allclose(scores[fold], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("fold", range(3))
def test_the_rows_of_a_fold_do_not_influence_its_set(fold: int) -> None:
    rows, other = Rows(300, 3), Rows(300, 3)
    inside = rows.folds == fold
    other.codes = np.where(inside, (other.codes + 1) % 3, other.codes)
    other.weights = np.where(inside, 7.0, other.weights)
    x_num = np.where(inside[:, None], -x_num_of(rows), x_num_of(rows))
    x_cat = np.where(inside[:, None], 0, rows.encoded.x_cat)
    other.encoded = EncodedTable(x_num, x_cat, {})
    before, after = rows.fit(), other.fit()
    for which in range(3):
        same = [
            np.array_equal(a, b)
            for a, b in zip(outcome(before, which), outcome(after, which), strict=True)
        ]
        assert all(same) == (which == fold)


def x_num_of(rows: Rows) -> npt.NDArray[np.float32]:
    return rows.encoded.x_num


def test_rows_of_no_fold_teach_all_sets() -> None:
    rows = Rows(300, 2)
    before = rows.fit()
    rows.weights = np.where(rows.folds == -1, 3 * rows.weights, rows.weights)
    after = rows.fit()
    for which in range(3):
        assert not torch.equal(before.value[which], after.value[which])


def test_the_same_seed_gives_the_same_trees() -> None:
    rows = Rows(150, 3)
    one, other = rows.fit(seed=2**40 + 1), rows.fit(seed=2**40 + 1)
    for which in range(3):
        for a, b in zip(outcome(one, which), outcome(other, which), strict=True):
            np.testing.assert_array_equal(a, b)


def test_unequal_weights_count_like_repeated_rows() -> None:
    rows, again = Rows(200, 2), Rows(200, 2)
    times = np.random.default_rng(0).integers(1, 4, size=200)
    rows.weights = times.astype(np.float64)
    repeat = np.repeat(np.arange(200), times)
    again.encoded = rows.encoded.take(repeat)
    again.codes, again.folds = rows.codes[repeat], rows.folds[repeat]
    again.weights = np.ones(len(repeat))
    # Stumps of half the rows: no leaf is so small that its count decides.
    config = TreeConfig(n_rounds=1, depth=1)
    weighted, repeated = rows.fit(config), again.fit(config)
    np.testing.assert_allclose(
        rows.scores(weighted), rows.scores(repeated), rtol=0, atol=1e-5
    )


def test_neighbouring_float32_numbers_are_parted_as_in_double_precision() -> None:
    # Sixteen numbers without any other between them; the class changes at each.
    numbers = [np.float32(1)]
    while len(numbers) < 16:
        numbers.append(np.nextafter(numbers[-1], np.float32(2)))
    rows = Rows(16 * 30, 2, n_num=1, n_cat=0)
    x = np.repeat(np.array(numbers), 30)[:, None]
    rows.encoded = EncodedTable(x, rows.encoded.x_cat, {})
    rows.codes = np.repeat(np.arange(16) % 2, 30)
    scores = rows.scores(rows.fit())
    for fold in range(3):
        expected = rows.scores_of_scikit_learn(fold, SMALL, min_rows=4)
        np.testing.assert_allclose(scores[fold], expected, rtol=0, atol=1e-5)
        assert len(np.unique(scores[fold, :, 1])) > 8


@given(
    near=st.floats(-(2.0**99), 2.0**99, width=32),
    shift=st.floats(-2, 2),
    steps=st.integers(-2, 2),
)
def test_a_rounded_threshold_parts_float32_numbers_like_the_exact_one(
    near: float, shift: float, steps: int
) -> None:
    here = np.float32(near)
    spacing = float(np.spacing(here))
    threshold = np.float64(near + shift * spacing)
    x = here
    for _ in range(abs(steps)):
        x = np.nextafter(x, np.float32(np.copysign(np.inf, steps)))
    for number in (x, here):
        exact = float(number) <= float(threshold)
        assert (number <= _rounded_down(threshold)) == exact


def test_six_rows_give_the_log_odds_of_their_classes() -> None:
    rows = Rows(6, 2)
    rows.codes = np.array([0, 0, 0, 0, 1, 1])
    rows.folds = np.array([0, 1, 2, 0, 1, 2])
    rows.weights = np.ones(6)
    scores = rows.scores(rows.fit())
    # Four rows cannot be parted into two leaves of three. Outside of fold 0 are two
    # of each class, outside of the others three and one.
    assert not scores[..., 0].any()
    np.testing.assert_allclose(scores[0, :, 1], 0, atol=1e-6)
    np.testing.assert_allclose(scores[1:, :, 1], np.log(1 / 3), rtol=1e-6)


def test_six_rows_outside_of_all_folds_are_parted() -> None:
    rows = Rows(6, 2, n_num=1, n_cat=0)
    x = np.array([[1.0], [2.0], [3.0], [7.0], [8.0], [9.0]], dtype=np.float32)
    rows.encoded = EncodedTable(x, rows.encoded.x_cat, {})
    rows.codes = np.array([0, 0, 0, 1, 1, 1])
    rows.folds, rows.weights = np.full(6, -1), np.ones(6)
    config = TreeConfig(n_rounds=1, learning_rate=0.5, l2=1.0)
    trees = rows.fit(config)
    assert float(trees.threshold[0, 0, 0, 0]) == 5.0
    # Newton's step of a leaf: the sum of y - 1/2 by that of 1/4 and the penalty.
    step = 0.5 * 1.5 / (0.75 + 1.0)
    np.testing.assert_allclose(
        rows.scores(trees)[0, :, 1], [-step] * 3 + [step] * 3, rtol=1e-6
    )


def test_no_rounds_are_no_trees() -> None:
    recipe = CrossFitRecipe(trees=TreeConfig(n_rounds=0))
    assert build_trees(3, (2,), 2, recipe, depth=4) is None


@pytest.mark.parametrize(("n_rows", "depth"), [(99, 2), (100, 5), (10**6, 5)])
def test_large_tables_grow_deeper_trees(n_rows: int, depth: int) -> None:
    config = TreeConfig(depth=2, deep_depth=5, deep_rows=100)
    assert config.depth_of(n_rows) == depth


def test_the_recipe_gives_the_sizes() -> None:
    recipe = CrossFitRecipe(n_folds=5, trees=TreeConfig(n_rounds=7))
    trees = build_trees(3, (2,), 4, recipe, depth=3)
    assert trees is not None
    assert trees.feature.shape == (5, 7, 4, 2**3 - 1)
    assert trees.value.shape == (5, 7, 4, 2**3)
    assert (trees.n_num, trees.cardinalities, trees.n_classes) == (3, (2,), 4)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: TreeConfig(n_rounds=-1), "`n_tree_rounds` .* at least 0, got -1"),
        (lambda: TreeConfig(learning_rate=0.0), "`learning_rate` .* above 0, got 0"),
        (lambda: TreeConfig(depth=0), "`depth` .* at least 1, got 0"),
        (lambda: TreeConfig(depth=11), "`depth` .* at most 10, got 11"),
        (lambda: TreeConfig(deep_depth=11), "`deep_depth` .* at most 10, got 11"),
        (lambda: TreeConfig(deep_rows=0), "`deep_rows` .* at least 1, got 0"),
        (lambda: TreeConfig(min_leaf_rows=2), "`min_leaf_rows` .* at least 3, got 2"),
        (lambda: TreeConfig(l2=-0.5), "`l2` .* at least 0, got -0.5"),
        (
            lambda: CrossFitRecipe.from_dict({"trees": {"colour": 3}}),
            "Not a recipe: .*colour",
        ),
    ],
)
def test_settings_out_of_range_are_named(
    build: Callable[[], object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        build()


def test_the_trees_of_a_recipe_survive_json() -> None:
    chosen = CrossFitRecipe(trees=TreeConfig(7, 0.5, 3, 5, 900, 5, 2.0))
    again = CrossFitRecipe.from_dict(json.loads(json.dumps(chosen.to_dict())))
    assert again == chosen
    assert again.trees == TreeConfig(7, 0.5, 3, 5, 900, 5, 2.0)
