"""A fitted classifier as one ONNX file, to score rows without Python or torch."""

from qclmixnet.export.model import export_onnx
from qclmixnet.export.parity import Parity, compare_with_onnx, onnx_inputs

__all__ = ["Parity", "compare_with_onnx", "export_onnx", "onnx_inputs"]
