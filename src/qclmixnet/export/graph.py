"""Writing an ONNX graph node by node, with names that no column can have."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["INNER", "LEARNING", "Graph", "Value"]

Value = str
"""The name of a tensor in the graph."""

INNER = "qclmixnet/"
"""How the names of tensors inside the graph begin."""

LEARNING = "ai.onnx.ml"
"""The domain of the operators on levels and trees."""


class Graph:
    """A graph in the making.

    >>> graph = Graph()
    >>> total = graph.add("Add", "x", np.float32(1))
    >>> [node.op_type for node in graph.nodes], len(graph.constants)
    (['Add'], 1)
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], Value] = {}

    def constant(self, values: object) -> Value:
        """Return the name of a constant; the same values are stored once."""
        array = np.ascontiguousarray(np.asarray(values)).reshape(np.shape(values))
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._known or array.dtype == object:
            name = f"{INNER}constant_{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(array, name))
            self._known[key] = name
        return self._known[key]

    def add(self, op: str, *inputs: object, **attributes: Any) -> Value:  # noqa: ANN401
        """Add a node with one output.

        Args:
            op: the operator.
            *inputs: names of tensors, or values that become constants.
            **attributes: of the operator.

        Returns:
            The name of the output.
        """
        return self.add_many(op, *inputs, n_outputs=1, **attributes)[0]

    def add_many(
        self,
        op: str,
        *inputs: object,
        n_outputs: int,
        domain: str = "",
        **attributes: Any,  # noqa: ANN401
    ) -> list[Value]:
        """Add a node with several outputs.

        Args:
            op: the operator.
            *inputs: names of tensors, or values that become constants.
            n_outputs: how many.
            domain: of the operator; that of plain ONNX if left out.
            **attributes: of the operator.

        Returns:
            The names of the outputs.
        """
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        stem = f"{INNER}{op}_{len(self.nodes)}"
        outputs = [stem, *(f"{stem}_{k}" for k in range(1, n_outputs))]
        node = helper.make_node(op, names, outputs, stem, domain=domain, **attributes)
        self.nodes.append(node)
        return outputs

    def cast(self, value: Value, dtype: np.dtype[Any] | type) -> Value:
        """Convert a tensor to another type of numbers."""
        to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self.add("Cast", value, to=to)

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """Give a tensor another shape; -1 is what is left, 0 what was."""
        return self.add("Reshape", value, np.array(shape, dtype=np.int64))

    def stack(self, rows: Sequence[Value]) -> Value:
        """Lay vectors of one length below each other: (vectors, length)."""
        joined = rows[0] if len(rows) == 1 else self.add("Concat", *rows, axis=0)
        return self.reshape(joined, (len(rows), -1))

    def name(self, value: Value, name: str) -> Value:
        """Give the last node's output the name of an output of the graph."""
        assert self.nodes[-1].output[0] == value
        self.nodes[-1].output[0] = name
        return name
