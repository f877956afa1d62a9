"""Graph networks over the rows: each row is a node, tied to its nearest rows.

Prediction is inductive: a new row hears from its nearest training rows and from itself,
and nobody hears from a new row, so what is predicted for it does not depend on the rows
that come with it.
"""

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

from qclmixnet.baselines.isolation import isolated
from qclmixnet.baselines.peer import BaselineCard, Library, PeerSettings
from qclmixnet.baselines.prepare import DenseEncoder
from qclmixnet.core import clock
from qclmixnet.table import Table, stratified_holdout

__all__ = ["GRAPH", "GraphModel", "NeighbourGraph"]

_NEIGHBOURS = 10
_HIDDEN = 64
_DROPOUT = 0.5
_EPOCHS = 200
_PATIENCE = 30
_HELD_OUT = 0.15
_SHARE_OF_LIMIT = 0.9  # of the time limit; the rest is for what comes after the epochs
_ROWS_AT_ONCE = 256

Kind = Literal["gcn", "graphsage", "gat"]
"""Kind of layer."""


class NeighbourGraph:
    """Edges between training rows, and from training rows to new ones.

    Args:
        x: encoded training rows.
        n_neighbours: nearest rows that a row is tied to; all others in a smaller table.
        n_threads: threads of the search.

    Attributes:
        edges: int64 of shape (2, edges) between training rows, from the first line to
            the second, both ways, each once, none from a row to itself.
    """

    edges: npt.NDArray[np.int64]

    def __init__(
        self, x: npt.NDArray[np.float64], *, n_neighbours: int, n_threads: int
    ) -> None:
        self._x = x
        self._n_neighbours = min(n_neighbours, len(x) - 1)
        search = NearestNeighbors(n_neighbors=self._n_neighbours, n_jobs=n_threads)
        near = search.fit(x).kneighbors(return_distance=False)
        one_way = _edges(near, np.arange(len(x)))
        both_ways = np.concatenate([one_way, one_way[::-1]], axis=1)
        self.edges = np.unique(both_ways, axis=1)

    def edges_to(self, x: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return the edges among training rows, and those to new rows.

        Args:
            x: encoded new rows; they are numbered on from the training rows.

        Returns:
            int64 of shape (2, edges).
        """
        k, near = self._n_neighbours, []
        for start in range(0, len(x), _ROWS_AT_ONCE):
            # Scikit-learn's distances are rounded differently for each number of rows,
            # which would decide between equally near neighbours; these are not.
            distances = cdist(x[start : start + _ROWS_AT_ONCE], self._x, "sqeuclidean")
            near.append(np.argpartition(distances, k - 1, axis=1)[:, :k])
        new = len(self._x) + np.arange(len(x))
        return np.concatenate([self.edges, _edges(np.concatenate(near), new)], axis=1)


class GraphModel:
    """A graph network of two layers over the nearest rows.

    Args:
        settings: seed, threads and time limit.
        kind: kind of layer.
    """

    def __init__(self, settings: PeerSettings, kind: Kind) -> None:
        self.settings = settings
        self.kind = kind
        self._encoder = DenseEncoder(scale=True)

    def fit(self, table: Table, codes: npt.NDArray[np.int64]) -> None:
        """Train on all rows at once; keep the epoch with the lowest held-out loss."""
        import torch

        start, settings = clock.now(), self.settings
        x = self._encoder.fit(table, settings.schema).encode(table)
        self._graph = NeighbourGraph(
            x, n_neighbours=_NEIGHBOURS, n_threads=settings.n_threads
        )
        self._x = torch.from_numpy(x).float()
        with self._isolated():
            self._net = _network(self.kind, x.shape[1], settings.n_classes)
            self._train(codes, start)

    def predict_proba(self, table: Table) -> npt.NDArray[np.floating[Any]]:
        """Return probabilities, rows by classes."""
        import torch

        x = self._encoder.encode(table)
        edges = torch.from_numpy(self._graph.edges_to(x))
        nodes = torch.cat([self._x, torch.from_numpy(x).float()])
        with self._isolated(), torch.inference_mode():
            logits = self._net.eval()(nodes, edges)[len(self._x) :]
            return np.asarray(logits.double().softmax(dim=1))

    def _train(self, codes: npt.NDArray[np.int64], start: float) -> None:
        import torch

        rng = np.random.default_rng(self.settings.random_state)
        rows, held_out = stratified_holdout(codes, fraction=_HELD_OUT, generator=rng)
        if not len(held_out):  # every class has one row
            held_out = rows
        loss = self._balanced_loss(codes, rows)
        edges = torch.from_numpy(self._graph.edges)
        optimizer = torch.optim.Adam(self._net.parameters(), lr=0.01, weight_decay=5e-4)
        best, best_state, waited = float("inf"), self._net.state_dict(), 0
        for _ in range(_EPOCHS):
            optimizer.zero_grad()
            loss(self._net.train()(self._x, edges), rows).backward()
            optimizer.step()
            with torch.inference_mode():
                current = float(loss(self._net.eval()(self._x, edges), held_out))
            waited += 1
            if current < best:
                best, waited = current, 0
                best_state = copy.deepcopy(self._net.state_dict())
            if waited >= _PATIENCE or self._is_late(start):
                break
        self._net.load_state_dict(best_state)

    def _balanced_loss(
        self, codes: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
    ) -> Callable[[Any, npt.NDArray[np.int64]], Any]:
        """Return the cross-entropy of some rows, every class weighing the same."""
        import torch

        targets = torch.from_numpy(codes)
        counts = np.bincount(codes[rows], minlength=self.settings.n_classes)
        balanced = len(rows) / (self.settings.n_classes * counts)
        weight = torch.from_numpy(balanced).float()

        def loss(logits: Any, part: npt.NDArray[np.int64]) -> Any:  # noqa: ANN401
            return torch.nn.functional.cross_entropy(
                logits[part], targets[part], weight=weight
            )

        return loss

    def _isolated(self) -> AbstractContextManager[None]:
        settings = self.settings
        return isolated(
            settings.random_state,
            n_threads=settings.n_threads,
            silenced=("torch_geometric", "torch.jit"),
        )

    def _is_late(self, start: float) -> bool:
        limit = self.settings.time_limit_s
        return limit is not None and clock.now() - start > _SHARE_OF_LIMIT * limit


def _edges(
    near: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Edges from the near rows to each row."""
    return np.stack([near.ravel(), np.repeat(rows, near.shape[1])])


def _network(kind: Kind, n_features: int, n_classes: int) -> Any:  # noqa: ANN401
    from torch_geometric.nn.models import GAT, GCN, GraphSAGE

    network = {"gcn": GCN, "graphsage": GraphSAGE, "gat": partial(GAT, heads=8)}[kind]
    return network(
        n_features, _HIDDEN, num_layers=2, out_channels=n_classes, dropout=_DROPOUT
    )


def _card(kind: Kind, title: str, layer: str, seconds_per_1k: float) -> BaselineCard:
    return BaselineCard(
        name=kind,
        title=title,
        family="graph",
        description=(
            f"torch-geometric {layer}: 2 layers, hidden width {_HIDDEN}, dropout "
            f"{_DROPOUT}, on the {_NEIGHBOURS} nearest rows (scaled, one-hot; edges "
            "both ways); Adam, learning rate 0.01, weight decay 5e-4, balanced class "
            f"weights, {_EPOCHS} epochs at most, all rows at once; the epoch with the "
            f"lowest loss on {_HELD_OUT:.0%} of the training rows, patience "
            f"{_PATIENCE}. New rows hear from training rows only. The library has no "
            "defaults for these"
        ),
        needs=(
            Library("torch-geometric", "torch_geometric"),
            Library("torch", "torch"),
        ),
        build=partial(GraphModel, kind=kind),
        seconds_per_1k=seconds_per_1k,
    )


GRAPH = (
    _card("gcn", "GCN", "GCN", 3.0),
    _card("graphsage", "GraphSAGE", "GraphSAGE", 1.5),
    _card("gat", "GAT", "GAT with 8 heads", 6.0),
)
"""Cards of the graph baselines."""
