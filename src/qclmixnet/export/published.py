"""The published network as a graph."""

import math

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from qclmixnet.export.encoding import EncodedValues
from qclmixnet.export.graph import Graph, Value
from qclmixnet.nn import OneHotInput, QCLMixNet
from qclmixnet.nn.attention import FeatureAttention
from qclmixnet.nn.couplings import GatedScaling, Scaling, VectorEntanglement
from qclmixnet.nn.entanglement import EntanglementLayer

__all__ = ["published_proba"]

FloatArray = npt.NDArray[np.float64]


def published_proba(
    graph: Graph, network: QCLMixNet, inputs: OneHotInput, encoded: EncodedValues
) -> Value:
    """Add the published network and its softmax.

    All is in double precision: its inputs end only at 10,000 standard deviations, and
    what they become in single precision is off by more than the last digits.

    Args:
        graph: what to add to.
        network: the network.
        inputs: what it sees of the encoded table.
        encoded: the encoded table in the graph.

    Returns:
        float64 (rows, classes).
    """
    encoder = network.encoder
    x = _couple(graph, encoder.entanglement_1, _rows(graph, inputs, encoded))
    x = _attend(graph, encoder.attention, x)
    x = _layer(graph, x, encoder.linear_1, encoder.norm_1)
    x = _couple(graph, encoder.entanglement_2, x)
    x = _layer(graph, x, encoder.linear_2, encoder.norm_2)
    head = network.classifier.linear
    logits = graph.add("Gemm", x, _array(head.weight).T, _array(head.bias))
    return graph.add("Softmax", logits, axis=-1)


def _array(value: Tensor) -> FloatArray:
    return np.asarray(value.detach().cpu().double().numpy(), dtype=np.float64)


def _rows(graph: Graph, inputs: OneHotInput, encoded: EncodedValues) -> Value:
    """Numbers, and a one for the level of each category."""
    parts = []
    if encoded.by_row is not None:
        parts.append(graph.cast(encoded.by_row, np.float64))
    if encoded.codes is not None:
        sizes = inputs.cardinalities
        category = np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
        by_row = graph.add("Transpose", encoded.codes, perm=[1, 0])
        own_code = graph.add("Gather", by_row, category, axis=1)
        is_level = graph.add("Equal", own_code, np.arange(sum(sizes), dtype=np.int64))
        parts.append(graph.cast(is_level, np.float64))
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


def _couple(graph: Graph, layer: nn.Module, x: Value) -> Value:
    match layer:
        case EntanglementLayer():
            theta = _array(layer.theta)
            factor, gate = np.cos(theta), np.sin(theta)[:, None]
        case VectorEntanglement():
            factor, gate = np.cos(_array(layer.theta)), np.sin(_array(layer.phi))
        case GatedScaling():
            theta = _array(layer.theta)
            factor, gate = 1 + theta, theta[:, None]
        case Scaling():
            return graph.add("Mul", x, 1 + _array(layer.theta))
        case _:
            assert isinstance(layer, nn.Identity)
            return x
    open_ = graph.add("Sigmoid", graph.add("MatMul", x, gate))
    return graph.add("Mul", graph.add("Mul", x, factor), open_)


def _attend(graph: Graph, attention: FeatureAttention, x: Value) -> Value:
    """Add ``x + o``; the maps of queries, keys and values are part of the tokens."""
    width, n_heads = attention.width, attention.n_heads
    slope, start = _array(attention.tokens.weight), _array(attention.tokens.bias)
    groups = _groups(width, attention.max_keys)
    d_head = slope.shape[1] // n_heads
    column = graph.reshape(x, (0, width, 1))
    # Tokens are t_j = x_j e_j + b_j, so queries are x_j (W e_j) + W b_j.
    heads = {}
    for name, linear, order in (
        ("query", attention.query, (0, 2, 1, 3)),
        ("key", attention.key, (0, 2, 3, 1)),
        ("value", attention.value, (0, 2, 1, 3)),
    ):
        weight = _array(linear.weight).T
        mapped = graph.add("Mul", column, slope @ weight)
        mapped = graph.add("Add", mapped, start @ weight)
        if name != "query" and len(groups) < width:
            mapped = graph.add("MatMul", groups, mapped)
        mapped = graph.reshape(mapped, (0, -1, n_heads, d_head))
        heads[name] = graph.add("Transpose", mapped, perm=list(order))
    fit = graph.add("MatMul", heads["query"], heads["key"])
    fit = graph.add("Mul", fit, np.float64(1 / math.sqrt(d_head)))
    found = graph.add("MatMul", graph.add("Softmax", fit, axis=-1), heads["value"])
    found = graph.add("Transpose", found, perm=[0, 2, 1, 3])
    found = graph.reshape(found, (0, width, n_heads * d_head))
    change = graph.add("MatMul", found, _array(attention.out.weight).T)
    return graph.add("Add", x, graph.reshape(change, (0, width)))


def _groups(width: int, max_keys: int) -> FloatArray:
    """Return the matrix that averages consecutive features: (groups, width)."""
    parts = np.array_split(np.arange(width), min(width, max_keys))
    out = np.zeros((len(parts), width))
    for row, part in enumerate(parts):
        out[row, part] = 1 / len(part)
    return out


def _layer(graph: Graph, x: Value, linear: nn.Linear, norm: nn.BatchNorm1d) -> Value:
    """Add a linear map that holds the batch norm after it, and the leaky ReLU."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    factor = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    weight = _array(linear.weight).T * factor
    bias = (_array(linear.bias) - _array(norm.running_mean)) * factor
    bias = bias + _array(norm.bias)
    return graph.add("LeakyRelu", graph.add("Gemm", x, weight, bias), alpha=0.01)
