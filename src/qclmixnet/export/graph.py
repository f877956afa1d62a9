"""Writing an ONNX graph node by node, with names that no column can have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import qclmixnet
from qclmixnet.core.errors import MissingExtraError

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as missing:
    raise MissingExtraError(
        "onnx", extra="onnx", purpose="Exporting a model"
    ) from missing

__all__ = ["INNER", "LEARNING", "Graph", "TensorInfo", "Value"]

Value = str
"""The name of a tensor in the graph."""

INNER = "qclmixnet/"
"""How the names of tensors inside the graph begin."""

LEARNING = "ai.onnx.ml"
"""The domain of the operators on levels and trees."""

_OPSETS = {"": 17, LEARNING: 3}
_IR_VERSION = 8  # of the year of these operators, so that older runtimes read it, too
_TYPES = {
    "double": TensorProto.DOUBLE,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
    "string": TensorProto.STRING,
}


@dataclass(frozen=True)
class TensorInfo:
    """An input or an output of a graph.

    Attributes:
        name: its name.
        type: "double", "int64", "bool" or "string".
        shape: sizes; a text names one that is free.
    """

    name: Value
    type: str
    shape: tuple[int | str, ...]

    def to_proto(self) -> onnx.ValueInfoProto:
        """Return the same as ONNX writes it."""
        return helper.make_tensor_value_info(self.name, _TYPES[self.type], self.shape)


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
        array = np.asarray(values)
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

    def to_bytes(
        self,
        inputs: Sequence[TensorInfo],
        outputs: Sequence[TensorInfo],
        metadata: Mapping[str, str],
    ) -> bytes:
        """Return the graph as the content of a model file, checked.

        Args:
            inputs: of the graph.
            outputs: of the graph.
            metadata: what a reader should know.

        Returns:
            The serialised model.
        """
        model = helper.make_model(
            helper.make_graph(
                self.nodes,
                "qclmixnet",
                [tensor.to_proto() for tensor in inputs],
                [tensor.to_proto() for tensor in outputs],
                self.constants,
            ),
            opset_imports=[helper.make_opsetid(*item) for item in _OPSETS.items()],
            ir_version=_IR_VERSION,
            producer_name="qclmixnet",
            producer_version=qclmixnet.__version__,
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        content: bytes = model.SerializeToString(deterministic=True)
        return content
