"""The graph baselines, held against a plain loop over a graph of six rows."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch

from qclmixnet.baselines.graph import GRAPH, GraphModel, NeighbourGraph
from qclmixnet.baselines.peer import Peer, PeerSettings
from qclmixnet.table import ColumnSchema, Schema, Table

CARDS = {card.name: card for card in GRAPH}
LINE = np.array([0.0, 1.0, 3.0, 6.0, 10.0, 15.0])[:, None]


def test_rows_are_tied_to_their_nearest_both_ways() -> None:
    graph = NeighbourGraph(LINE, n_neighbours=1, n_threads=1)
    # The nearest of 0 to 5 are 1, 0, 1, 2, 3, 4.
    pairs = {(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)}
    expected = pairs | {(b, a) for a, b in pairs}
    assert set(map(tuple, graph.edges.T.tolist())) == expected
    assert graph.edges.shape[1] == len(expected)


def test_new_rows_hear_from_training_rows_and_nobody_from_them() -> None:
    graph = NeighbourGraph(LINE, n_neighbours=2, n_threads=1)
    edges = graph.edges_to(np.array([[2.2], [2.21], [14.0]]))
    old = graph.edges.shape[1]
    assert (edges[:, :old] == graph.edges).all()
    assert sorted(map(tuple, edges[:, old:].T.tolist())) == [
        (1, 6), (1, 7), (2, 6), (2, 7), (4, 8), (5, 8)
    ]  # fmt: skip


def test_fewer_rows_than_neighbours_are_all_tied() -> None:
    graph = NeighbourGraph(LINE[:3], n_neighbours=10, n_threads=1)
    assert graph.edges.shape[1] == 6
    assert graph.edges_to(LINE[:1]).shape[1] == 6 + 2


@pytest.mark.parametrize("n_features", [3, 40])
def test_ties_between_neighbours_do_not_depend_on_the_batch(n_features: int) -> None:
    rng = np.random.default_rng(0)
    x = 0.1 * rng.integers(0, 2, size=(300, n_features)).astype(np.float64)
    graph = NeighbourGraph(x, n_neighbours=10, n_threads=1)
    new = 0.1 * rng.integers(0, 2, size=(40, n_features)).astype(np.float64)
    old = graph.edges.shape[1]
    together = graph.edges_to(new)[0, old:].reshape(40, 10)
    alone = [graph.edges_to(row[None])[0, old:] for row in new]
    assert (together == np.stack(alone)).all()


def gcn_loop(
    x: npt.NDArray[np.float64],
    sources: list[list[int]],
    weights: npt.NDArray[np.float64],
    bias: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Kipf and Welling (2017), equation 2, node by node with self loops."""
    degree = [1 + len(s) for s in sources]
    out = np.zeros((len(x), weights.shape[1]))
    for node, heard in enumerate(sources):
        for source in [*heard, node]:
            share = 1 / np.sqrt(degree[source] * degree[node])
            out[node] += share * (x[source] @ weights)
        out[node] += bias
    return out


def test_gcn_predicts_what_a_plain_loop_adds_up() -> None:
    schema = Schema((ColumnSchema("x", "number", "float64"),))
    model = GraphModel(
        PeerSettings(schema, 2, random_state=0, n_threads=1, time_limit_s=None), "gcn"
    )
    train = Table({"x": LINE[:, 0]}, 6)
    model.fit(train, np.array([0, 0, 0, 1, 1, 1]))
    first, second = model._net.convs
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(1, 64)), rng.normal(size=(64, 2))]
    biases = [rng.normal(size=64), rng.normal(size=2)]
    with torch.no_grad():
        for layer, weight, bias in zip((first, second), weights, biases, strict=True):
            layer.lin.weight.copy_(torch.from_numpy(weight.T))
            layer.bias.copy_(torch.from_numpy(bias))
    model._graph = NeighbourGraph(
        model._x.double().numpy(), n_neighbours=1, n_threads=1
    )

    new = np.array([2.2, 40.0])
    scale = LINE.std()
    x = np.append(LINE[:, 0], new)[:, None]
    x = (x - LINE.mean()) / scale
    sources = [[1], [0, 2], [1, 3], [2, 4], [3, 5], [4], [2], [5]]
    hidden = np.maximum(gcn_loop(x, sources, weights[0], biases[0]), 0)
    logits = gcn_loop(hidden, sources, weights[1], biases[1])[6:]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    got = model.predict_proba(Table({"x": new}, 2))
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"a": rng.normal(size=80), "b": rng.choice(["x", "y"], 80).astype(object)}
    )
    frame.loc[2, "a"] = np.nan
    return frame


@pytest.mark.parametrize("name", list(CARDS))
def test_a_row_is_predicted_the_same_in_any_company(
    name: str, table: pd.DataFrame
) -> None:
    y = np.where(table["a"].fillna(0) > 0.8, 1, 0)
    y[:2] = 2
    state = torch.random.get_rng_state()
    peer = Peer(CARDS[name], random_state=0).fit(table, y)
    again = Peer(CARDS[name], random_state=0).fit(table, y)
    new = table.assign(b="never seen", a=table["a"] + 0.3)
    together = peer.predict_proba(new)
    alone = np.concatenate([peer.predict_proba(new.iloc[[i]]) for i in range(10)])
    np.testing.assert_allclose(alone, together[:10], atol=1e-6)
    assert (again.predict_proba(new) == together).all()
    assert torch.equal(torch.random.get_rng_state(), state)
    assert (peer.predict(table)[y == 1] == 1).mean() > 0.8


def test_classes_of_one_row_and_categories_alone_are_enough() -> None:
    peer = Peer(CARDS["gcn"]).fit(pd.DataFrame({"c": list("abab")}), [0, 1, 2, 3])
    assert peer.predict_proba(pd.DataFrame({"c": ["b"]})).shape == (1, 4)
