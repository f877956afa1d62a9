"""A fitted classifier as one ONNX file, to score rows without Python or torch."""

from qclmixnet.export.model import export_onnx
from qclmixnet.export.parity import Parity, compare_with_onnx, onnx_inputs
from qclmixnet.export.student import Likeness, distil

__all__ = [
    "Likeness",
    "Parity",
    "compare_with_onnx",
    "distil",
    "export_onnx",
    "onnx_inputs",
]
