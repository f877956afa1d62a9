"""The boosted trees beside the members as one ensemble of a graph."""

import numpy as np

from qclmixnet.export.encoding import EncodedValues
from qclmixnet.export.graph import LEARNING, Graph, Value
from qclmixnet.export.members import mean_proba
from qclmixnet.nn import BoostedTrees

__all__ = ["mean_of_trees"]


def mean_of_trees(graph: Graph, trees: BoostedTrees, encoded: EncodedValues) -> Value:
    """Add all sets of trees and the mean of their probabilities.

    Args:
        graph: what to add to.
        trees: the sets.
        encoded: the encoded table in the graph.

    Returns:
        float64 (rows, classes).
    """
    n_scores = trees.base.shape[1]
    scores = graph.add(
        "TreeEnsembleRegressor",
        _columns(graph, trees, encoded),
        domain=LEARNING,
        n_targets=trees.n_sets * n_scores,
        base_values=trees.base.flatten().tolist(),
        **_nodes(trees),
    )
    by_set = graph.reshape(scores, (-1, trees.n_sets, n_scores))
    return mean_proba(graph, by_set, axis=1, n_classes=trees.n_classes)


def _columns(graph: Graph, trees: BoostedTrees, encoded: EncodedValues) -> Value:
    """Lay numbers and the ranks of levels by every set side by side."""
    parts = [] if encoded.by_row is None else [encoded.by_row]
    if encoded.codes is not None:
        ranks = trees.rank.numpy().T.astype(np.float32)  # (codes, sets)
        by_row = graph.add("Transpose", encoded.codes, perm=[1, 0])
        found = graph.add("Gather", ranks, by_row, axis=0)  # (rows, categories, sets)
        width = len(trees.cardinalities) * trees.n_sets
        parts.append(graph.reshape(found, (-1, width)))
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


class _Nodes:
    """The nodes of all trees as the lists that the operator takes."""

    def __init__(self) -> None:
        self.tree: list[int] = []
        self.node: list[int] = []
        self.mode: list[str] = []
        self.feature: list[int] = []
        self.threshold: list[float] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.leaf: list[tuple[int, int, int, float]] = []

    def add(self, tree: int, node: int, *, feature: int = 0, threshold: float = 0.0,
            left: int = 0, right: int = 0, is_leaf: bool = False) -> None:
        self.tree.append(tree)
        self.node.append(node)
        self.mode.append("LEAF" if is_leaf else "BRANCH_LEQ")
        self.feature.append(feature)
        self.threshold.append(threshold)
        self.left.append(left)
        self.right.append(right)


def _nodes(trees: BoostedTrees) -> dict[str, object]:
    """Return the operator's attributes; nodes that only go left are left out."""
    out = _Nodes()
    n_sets, n_rounds, n_scores, n_inner = trees.feature.shape
    n_cat = len(trees.cardinalities)
    feature = trees.feature.numpy().astype(np.int64)
    own_ranks = trees.n_num + np.arange(n_cat)[:, None] * n_sets + np.arange(n_sets)
    threshold, value = trees.threshold.double().numpy(), trees.value.double().numpy()
    tree = 0
    for place in np.ndindex(n_sets, n_rounds, n_scores):
        own = feature[place]
        if n_cat:
            rank = np.maximum(own - trees.n_num, 0)
            own = np.where(own >= trees.n_num, own_ranks[rank, place[0]], own)
        target = place[0] * n_scores + place[2]
        _add_tree(
            out,
            (tree, target),
            own.tolist(),
            threshold[place].tolist(),
            value[place].tolist(),
        )
        tree += 1
    del n_rounds, n_inner
    zeros = [0] * len(out.node)
    trees_, nodes_, targets, weights = zip(*out.leaf, strict=True)
    return {
        "nodes_treeids": out.tree,
        "nodes_nodeids": out.node,
        "nodes_modes": out.mode,
        "nodes_featureids": out.feature,
        "nodes_values": out.threshold,
        "nodes_truenodeids": out.left,
        "nodes_falsenodeids": out.right,
        "nodes_missing_value_tracks_true": zeros,
        "target_treeids": list(trees_),
        "target_nodeids": list(nodes_),
        "target_ids": list(targets),
        "target_weights": list(weights),
    }


def _add_tree(
    out: _Nodes,
    numbers: tuple[int, int],
    feature: list[int],
    threshold: list[float],
    value: list[float],
) -> None:
    """Add one tree, its root first; `numbers` are its own and that of its score."""
    tree, target = numbers
    n_inner = len(feature)

    def settle(place: int) -> int:
        """Walk down past comparisons that no number exceeds."""
        while place < n_inner and threshold[place] == np.inf:
            place = 2 * place + 1
        return place

    waiting = [settle(0)]
    while waiting:
        place = waiting.pop()
        if place >= n_inner:
            out.add(tree, place, is_leaf=True)
            out.leaf.append((tree, place, target, value[place - n_inner]))
            continue
        left, right = settle(2 * place + 1), settle(2 * place + 2)
        out.add(
            tree,
            place,
            feature=feature[place],
            threshold=threshold[place],
            left=left,
            right=right,
        )
        waiting += [right, left]
