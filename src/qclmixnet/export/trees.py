"""The boosted trees beside the members as one ensemble of a graph."""

from typing import Any

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


_NODE_FIELDS = (
    *("treeids", "nodeids", "modes", "featureids", "values"),
    *("truenodeids", "falsenodeids"),
)
_LEAF_FIELDS = ("treeids", "nodeids", "ids", "weights")


class _Nodes:
    """The nodes of all trees, those of a tree together and its root first."""

    def __init__(self) -> None:
        self.nodes: list[tuple[int, int, str, int, float, int, int]] = []
        self.leaves: list[tuple[int, int, int, float]] = []

    def attributes(self) -> dict[str, list[Any]]:
        """Return the lists that the operator takes."""
        nodes, leaves = zip(*self.nodes, strict=True), zip(*self.leaves, strict=True)
        return {
            **{f"nodes_{k}": list(v) for k, v in zip(_NODE_FIELDS, nodes, strict=True)},
            **{
                f"target_{k}": list(v)
                for k, v in zip(_LEAF_FIELDS, leaves, strict=True)
            },
        }


def _nodes(trees: BoostedTrees) -> dict[str, list[Any]]:
    """Return the operator's attributes; nodes that only go left are left out."""
    out = _Nodes()
    n_sets, n_rounds, n_scores = trees.feature.shape[:3]
    n_cat = len(trees.cardinalities)
    feature = trees.feature.numpy().astype(np.int64)
    threshold, value = trees.threshold.double().numpy(), trees.value.double().numpy()
    places = np.ndindex(n_sets, n_rounds, n_scores)
    for tree, place in enumerate(places):
        which, _, score = place
        own = feature[place]
        if n_cat:  # each set has ranks of its own
            of_set = trees.n_num + (own - trees.n_num) * n_sets + which
            own = np.where(own >= trees.n_num, of_set, own)
        _add_tree(
            out,
            (tree, which * n_scores + score),
            own.tolist(),
            threshold[place].tolist(),
            value[place].tolist(),
        )
    return out.attributes()


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

    branches: dict[int, tuple[int, int]] = {}
    places, waiting = [], [settle(0)]
    while waiting:
        place = waiting.pop()
        places.append(place)
        if place < n_inner:
            branches[place] = settle(2 * place + 1), settle(2 * place + 2)
            waiting += branches[place]
    # onnxruntime refuses numbers of nodes beyond how many there are.
    number = {place: k for k, place in enumerate(places)}
    for place, k in number.items():
        if place in branches:
            test = ("BRANCH_LEQ", feature[place], threshold[place])
            left, right = branches[place]
            out.nodes.append((tree, k, *test, number[left], number[right]))
        else:
            out.nodes.append((tree, k, "LEAF", 0, 0.0, 0, 0))
            out.leaves.append((tree, k, target, value[place - n_inner]))
