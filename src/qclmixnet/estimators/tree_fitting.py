"""Boosted trees beside the networks, fitted on the same folds.

Trees cut tables along their axes, which small networks learn slowly; networks draw
smooth and slanted borders, which trees need many cuts for. Their mean is better than
either on most tables, and how much each counts is read off rows that neither saw.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from sklearn.ensemble import HistGradientBoostingClassifier

from qclmixnet.core.by_class import group_by_class
from qclmixnet.nn import BoostedTrees
from qclmixnet.preprocessing import RowSource, cut_points, rank_levels
from qclmixnet.training import CrossFitRecipe, TreeConfig
from qclmixnet.training.threads import tree_threads

__all__ = [
    "LEAST_LEAF",
    "build_trees",
    "fit_trees",
    "left_out_by_trees",
    "thinned_rows",
]

LEAST_LEAF = 3
"""Rows in the smallest leaf; a class with fewer rows cannot have one of its own."""

_N_BINS = 255
"""Bins of scikit-learn's trees, one more being for missing values."""

# Cells of the rows that a set of trees grows on: 200 MB, and a minute of one core.
_MOST_CELLS = 20_000_000

_ROWS_AT_ONCE = 65_536

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def build_trees(
    n_num: int,
    cardinalities: tuple[int, ...],
    n_classes: int,
    recipe: CrossFitRecipe,
    *,
    depth: int,
) -> BoostedTrees | None:
    """Build the trees that a recipe asks for, still without content; None for none."""
    if recipe.trees.n_rounds == 0:
        return None
    return BoostedTrees(
        n_num,
        cardinalities,
        n_classes,
        n_sets=recipe.n_folds,
        n_rounds=recipe.trees.n_rounds,
        depth=depth,
    )


def fit_trees(
    trees: BoostedTrees,
    encoded: RowSource,
    codes: IntArray,
    weights: Callable[[IntArray], FloatArray],
    folds: npt.NDArray[np.integer],
    *,
    config: TreeConfig,
    seed: int,
    sets: Iterable[int] | None = None,
) -> None:
    """Grow each set of trees on the rows outside its fold.

    Of very large tables it is some of them, see `thinned_rows`.

    Args:
        trees: what to fill; set f does not see fold f.
        encoded: the rows.
        codes: their classes; every class occurs outside of every fold.
        weights: says how much each of some rows counts, above 0.
        folds: fold of each row, or -1 for rows that all sets learn from.
        config: how the trees grow.
        seed: source of the little that is random.
        sets: the sets to grow; None for all.

    References:
        Friedman (2001), "Greedy function approximation: a gradient boosting machine";
        grown by scikit-learn's HistGradientBoostingClassifier.
    """
    for fold in range(trees.n_sets) if sets is None else sets:
        # In a function of its own: nothing of one set is left when the next begins.
        _grow(
            trees,
            fold,
            encoded,
            codes,
            weights,
            np.flatnonzero(folds != fold),
            config=config,
            seed=seed,
        )


def _grow(
    trees: BoostedTrees,
    fold: int,
    encoded: RowSource,
    codes: IntArray,
    weights: Callable[[IntArray], FloatArray],
    rows: IntArray,
    *,
    config: TreeConfig,
    seed: int,
) -> None:
    """Grow one set of trees on some of the named rows."""
    most = _MOST_CELLS // (encoded.n_num + encoded.n_cat)
    rows, counted = thinned_rows(rows, codes, most=most, seed=seed + fold)
    part = encoded.take(rows)
    own = weights(rows) * counted
    rank = rank_levels(
        part.x_cat, trees.cardinalities, codes[rows], own, n_classes=trees.n_classes
    )
    first_code = np.array([0, *trees.cardinalities])[:-1].cumsum()
    ranked = rank[part.x_cat + first_code]
    grown = HistGradientBoostingClassifier(
        max_iter=config.n_rounds,
        learning_rate=config.learning_rate,
        max_depth=trees.depth,
        max_leaf_nodes=2**trees.depth,
        # Tiny classes need small leaves, large tables do not.
        min_samples_leaf=int(
            np.clip(len(codes) // 100, LEAST_LEAF, config.min_leaf_rows)
        ),
        l2_regularization=config.l2,
        early_stopping=False,
        random_state=seed % 2**32,
    )
    numbers = part.x_num
    # Given more values than it has bins, scikit-learn looks for each of its 254
    # weighted percentiles alone, which took longer than growing the trees.
    cuts = [cut_points(column, n_bins=_N_BINS) for column in numbers.T]
    # In the precision that scikit-learn would copy them to.
    x = np.empty((len(rows), len(cuts) + encoded.n_cat), dtype=np.float64)
    for place, cut in enumerate(cuts):
        x[:, place] = np.searchsorted(cut, numbers[:, place])
    x[:, len(cuts) :] = np.asarray(ranked, dtype=np.float32)
    del part, numbers, ranked
    with tree_threads(x.size):
        grown.fit(x, codes[rows], sample_weight=own)
    _copy_trees(grown, trees, fold, cuts)
    trees.rank[fold] = torch.from_numpy(rank)


def thinned_rows(
    rows: IntArray, codes: IntArray, *, most: int, seed: int
) -> tuple[IntArray, FloatArray]:
    """Choose the rows of a large table that trees grow on; rare classes lose none.

    Args:
        rows: their numbers, increasing.
        codes: class of each row of the table.
        most: rows to choose at most, unless there are more classes.
        seed: source of the choice.

    Returns:
        All rows, or all of each class of at most an even share of `most` and a random
        share of the larger ones; and for how many rows each one counts.

    >>> rows, counted = thinned_rows(
    ...     np.arange(100), np.repeat([0, 1], [90, 10]), most=40, seed=0
    ... )
    >>> np.bincount(rows >= 90).tolist(), float(counted.sum())
    ([30, 10], 100.0)
    """
    if len(rows) <= most:
        return rows, np.ones(len(rows))
    short = np.int32 if len(codes) < 2**31 else np.int64
    generator = np.random.default_rng(seed % 2**63)
    shuffled = generator.permutation(rows.astype(short))
    by_class, counts = group_by_class(shuffled, codes)
    whole = (counts > 0) & (counts <= most // max(1, (counts > 0).sum()))
    n_whole, n_others = int(counts[whole].sum()), int(counts[~whole].sum())
    share = (most - n_whole) / n_others
    quota = np.where(whole, counts, np.ceil(counts * share)).astype(np.int64)
    starts = np.cumsum(counts) - counts
    taken = zip(starts, starts + quota, strict=True)
    chosen = np.sort(np.concatenate([by_class[start:end] for start, end in taken]))
    chosen = chosen.astype(np.int64)
    return chosen, (counts / np.maximum(quota, 1))[codes[chosen]]


def left_out_by_trees(
    trees: BoostedTrees,
    encoded: RowSource,
    folds: npt.NDArray[np.integer],
    rows: IntArray,
) -> FloatArray:
    """Return rows' probabilities by the trees that did not see their fold.

    Args:
        trees: set f has not seen fold f.
        encoded: the rows.
        folds: fold of each row.
        rows: the rows wanted, each of a fold that a set has not seen.

    Returns:
        Rows by classes.
    """
    proba = np.zeros((len(rows), trees.n_classes))
    for fold in range(trees.n_sets):
        places = np.flatnonzero(folds[rows] == fold)
        for start in range(0, len(places), _ROWS_AT_ONCE):
            own = places[start : start + _ROWS_AT_ONCE]
            part = encoded.take(rows[own])
            x_num, x_cat = torch.from_numpy(part.x_num), torch.from_numpy(part.x_cat)
            proba[own] = trees.one_set(fold, x_num, x_cat).softmax(dim=1).numpy()
    return proba


def _copy_trees(
    grown: HistGradientBoostingClassifier,
    trees: BoostedTrees,
    which: int,
    cuts: Sequence[FloatArray],
) -> None:
    """Write the trees of one set; `cuts` are between the bins of each number."""
    trees.base[which] = torch.from_numpy(np.ravel(grown._baseline_prediction))
    shape = trees.feature.shape[1:]
    feature = np.zeros(shape, dtype=np.int64)
    threshold = np.full(shape, np.inf, dtype=np.float32)
    value = np.zeros(trees.value.shape[1:], dtype=np.float32)
    for round_, by_score in enumerate(grown._predictors):
        for score, tree in enumerate(by_score):
            place = (round_, score)
            nodes = tree.nodes.copy()
            _unbin(nodes, cuts)
            _copy_tree(nodes, feature[place], threshold[place], value[place])
    trees.feature[which] = torch.from_numpy(feature)
    trees.threshold[which] = torch.from_numpy(threshold)
    trees.value[which] = torch.from_numpy(value)


def _unbin(nodes: np.ndarray, cuts: Sequence[FloatArray]) -> None:
    """Restate comparisons with numbers of bins as comparisons with the numbers."""
    of_numbers = (nodes["is_leaf"] == 0) & (nodes["feature_idx"] < len(cuts))
    for node in np.flatnonzero(of_numbers):
        own = cuts[nodes["feature_idx"][node]]
        # Bin k holds the numbers up to cut k.
        nodes["num_threshold"][node] = own[int(nodes["num_threshold"][node])]


def _copy_tree(
    nodes: np.ndarray,
    feature: IntArray,
    threshold: npt.NDArray[np.float32],
    value: npt.NDArray[np.float32],
) -> None:
    """Write a tree in the order of a heap; below an early leaf all goes left."""
    n_inner = len(feature)
    waiting = [(0, 0)]
    while waiting:
        node, place = waiting.pop()
        is_leaf = bool(nodes[node]["is_leaf"])
        if place >= n_inner:
            value[place - n_inner] = nodes[node]["value"]
        elif is_leaf:
            waiting.append((node, 2 * place + 1))
        else:
            feature[place] = nodes[node]["feature_idx"]
            threshold[place] = _rounded_down(nodes[node]["num_threshold"])
            waiting.append((int(nodes[node]["left"]), 2 * place + 1))
            waiting.append((int(nodes[node]["right"]), 2 * place + 2))


def _rounded_down(threshold: np.float64) -> np.float32:
    """Return the largest float32 no larger, which parts the same float32 numbers."""
    near = np.float32(threshold)
    return near if near <= threshold else np.nextafter(near, np.float32(-np.inf))
