"""The networks of the default preset as a graph, all members at once.

What the graph does not copy from `qclmixnet.nn` is how the arithmetic is laid out: a
category is looked up in the first layer's weights instead of multiplied with them, the
scale and shift of a layer norm are part of the linear map behind it, and the bins of a
number lie along the rows of the batch, where long runs of numbers are next to each
other.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from qclmixnet.export.encoding import EncodedValues
from qclmixnet.export.graph import Graph, Value
from qclmixnet.nn import MemberInput, MemberNetwork

__all__ = ["mean_of_members"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Linear:
    """One linear map per member, to be applied to (members, rows, d_in)."""

    weight: FloatArray  # (members, d_in, d_out)
    bias: FloatArray  # (members, 1, d_out)

    def after_norm(self, scale: FloatArray, shift: FloatArray) -> "_Linear":
        """Return the map that also does what a layer norm does after normalising."""
        weight = scale.transpose(0, 2, 1) * self.weight
        return _Linear(weight, self.bias + shift @ self.weight)

    def add(self, graph: Graph, x: Value) -> Value:
        """Add the map to a graph."""
        product = graph.add("MatMul", x, self.weight.astype(np.float32))
        return graph.add("Add", product, self.bias.astype(np.float32))


def mean_of_members(
    graph: Graph, network: MemberNetwork, inputs: MemberInput, encoded: EncodedValues
) -> Value:
    """Add the members and the mean of their probabilities.

    Args:
        graph: what to add to.
        network: all members.
        inputs: what they see of the encoded table.
        encoded: the encoded table in the graph.

    Returns:
        float64 (rows, classes).
    """
    z = _first_layer(graph, network, inputs, encoded)
    weights = {name: _array(value) for name, value in network.state_dict().items()}
    if network.entanglement is not None:
        z = _entangle(graph, weights, z)
    for block in range(len(network.blocks)):
        z = _residual_block(graph, weights, f"blocks.{block}.", z)
    head = _after(weights, "norm.", "head.")
    if network.n_classes == 2:  # one number will do, and a logistic curve is cheaper
        head = _Linear(_difference(head.weight), _difference(head.bias))
    logits = head.add(graph, _normalised(graph, z, network.d_hidden))
    return mean_proba(graph, logits, axis=0, n_classes=network.n_classes)


def mean_proba(graph: Graph, logits: Value, *, axis: int, n_classes: int) -> Value:
    """Add the probabilities of several models and their mean, in double precision.

    Args:
        graph: what to add to.
        logits: one number per class in the last axis, or how far the second of two
            classes is above the first.
        axis: of the models.
        n_classes: number of classes.

    Returns:
        float64, without that axis.
    """
    logits = graph.cast(logits, np.float64)
    if n_classes == 2:
        both = graph.add("Mul", logits, np.array([-1.0, 1.0]))
        proba = graph.add("Sigmoid", both)
    else:
        proba = graph.add("Softmax", logits, axis=-1)
    return graph.add("ReduceMean", proba, axes=[axis], keepdims=0)


def _array(value: Tensor) -> FloatArray:
    return np.asarray(value.detach().cpu().double().numpy(), dtype=np.float64)


def _difference(values: FloatArray) -> FloatArray:
    return values[..., 1:] - values[..., :1]


def _linear(weights: dict[str, FloatArray], prefix: str) -> _Linear:
    return _Linear(weights[f"{prefix}weight"], weights[f"{prefix}bias"])


def _after(weights: dict[str, FloatArray], norm: str, linear: str) -> _Linear:
    """Return a linear map that holds the scale and shift of the norm before it."""
    scale, shift = weights[f"{norm}scale"], weights[f"{norm}shift"]
    return _linear(weights, linear).after_norm(scale, shift)


def _normalised(graph: Graph, x: Value, width: int) -> Value:
    ones = np.ones(width, dtype=np.float32)
    return graph.add("LayerNormalization", x, ones, 0 * ones, axis=-1, epsilon=1e-5)


def _first_layer(
    graph: Graph, network: MemberNetwork, inputs: MemberInput, encoded: EncodedValues
) -> Value:
    """Map numbers, categories and bins to (members, rows, width)."""
    weight = _array(network.plain.weight)
    n_num, bias = inputs.plain.n_num, _array(network.plain.bias)
    terms: list[Value] = []
    if encoded.by_row is not None:
        terms.append(_Linear(weight[:, :n_num], bias).add(graph, encoded.by_row))
    if encoded.codes is not None:
        levels = weight[:, n_num:]
        if not terms:  # nothing else brings the bias; each row has so many levels
            levels = levels + bias / len(inputs.plain.cardinalities)
        table = levels.astype(np.float32)  # (members, codes, width)
        found = graph.add("Gather", table, encoded.codes, axis=1)
        axes = np.array([1], dtype=np.int64)
        terms.append(graph.add("ReduceSum", found, axes, keepdims=0))
    z = terms[0] if len(terms) == 1 else graph.add("Add", *terms)
    if not network.n_binned:
        return z
    binned = _binned(graph, network, inputs, encoded)
    n_smooth = network.n_members - network.n_binned
    if not n_smooth:
        return graph.add("Add", z, binned)
    sizes = np.array([n_smooth, network.n_binned], dtype=np.int64)
    smooth, late = graph.add_many("Split", z, sizes, n_outputs=2, axis=0)
    return graph.add("Concat", smooth, graph.add("Add", late, binned), axis=0)


def _binned(
    graph: Graph, network: MemberNetwork, inputs: MemberInput, encoded: EncodedValues
) -> Value:
    """Map the bins of some numbers to (members, rows, width)."""
    encoding = inputs.encoding
    assert encoding is not None  # a network with binned members has bins
    assert encoded.by_column is not None
    x = encoded.by_column
    if inputs.columns != list(range(inputs.plain.n_num)):
        x = graph.add("Gather", x, np.array(inputs.columns, dtype=np.int64), axis=0)
    x = graph.reshape(x, (inputs.n_columns, 1, -1))
    for op, buffer in (
        ("Sub", encoding._starts),
        ("Mul", encoding._slopes),
        ("Max", encoding._lows),
        ("Min", encoding._highs),
    ):
        x = graph.add(op, x, _array(buffer).astype(np.float32)[:, :, None])
    # x is (columns, bins, rows), and all maps are from the left.
    weight = _array(network.embedding.weight)  # (members, columns, bins, d)
    n_members, n_columns, n_bins, d = weight.shape
    by_column = weight.transpose(1, 0, 3, 2).reshape(n_columns, n_members * d, n_bins)
    vectors = graph.add("MatMul", by_column.astype(np.float32), x)
    vectors = graph.reshape(vectors, (n_columns, n_members, d, -1))
    vectors = graph.add("Transpose", vectors, perm=[1, 0, 2, 3])
    vectors = graph.reshape(vectors, (n_members, n_columns * d, -1))
    bias = _array(network.embedding.bias).transpose(0, 2, 1)
    vectors = graph.add("Relu", graph.add("Add", vectors, bias.astype(np.float32)))
    out = _linear({k: _array(v) for k, v in network.binned.state_dict().items()}, "")
    turned = graph.add(
        "MatMul", out.weight.transpose(0, 2, 1).astype(np.float32), vectors
    )
    rows = graph.add("Transpose", turned, perm=[0, 2, 1])
    return graph.add("Add", rows, out.bias.astype(np.float32))


def _entangle(graph: Graph, weights: dict[str, FloatArray], z: Value) -> Value:
    """Add the gated waves: all angles by one map, and sines as cosines."""
    prefix = "entanglement."
    angles = _after(weights, f"{prefix}norm.", f"{prefix}angles.")
    gates = _after(weights, f"{prefix}norm.", f"{prefix}gates.")
    coupling = weights[f"{prefix}coupling"]
    waves = _Linear(
        *(
            np.concatenate([part, part, part + coupling * np.roll(part, 1, -1)], -1)
            for part in (angles.weight, angles.bias)
        )
    )
    width = angles.bias.shape[-1]
    waves.bias[..., width : 2 * width] -= np.pi / 2
    h = _normalised(graph, z, width)
    cosines = graph.add("Cos", waves.add(graph, h))
    gated = graph.add("Mul", graph.add("Sigmoid", gates.add(graph, h)), cosines)
    out = _linear(weights, f"{prefix}out.").add(graph, gated)
    return graph.add("Add", z, out)


def _residual_block(
    graph: Graph, weights: dict[str, FloatArray], prefix: str, z: Value
) -> Value:
    up = _after(weights, f"{prefix}norm.", f"{prefix}up.")
    inner = up.add(graph, _normalised(graph, z, up.weight.shape[1]))
    inner = graph.add("Mul", inner, graph.add("Sigmoid", inner))  # SiLU
    down = _linear(weights, f"{prefix}down.").add(graph, inner)
    return graph.add("Add", z, down)
