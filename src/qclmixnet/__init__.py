"""Classification of imbalanced tables with QCL-MixNet.

Public names load on first use, so that importing the package stays fast and does
not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qclmixnet.datasets import list_datasets, load_dataset
    from qclmixnet.estimators import KNNMixupSampler, QCLMixNetClassifier
    from qclmixnet.preprocessing import LagFeatures
    from qclmixnet.tuning import QCLMixNetSearchCV

__version__ = "0.1.0"

_HOME = {
    "KNNMixupSampler": "qclmixnet.estimators",
    "LagFeatures": "qclmixnet.preprocessing",
    "QCLMixNetClassifier": "qclmixnet.estimators",
    "QCLMixNetSearchCV": "qclmixnet.tuning",
    "list_datasets": "qclmixnet.datasets",
    "load_dataset": "qclmixnet.datasets",
}

__all__ = [
    "KNNMixupSampler",
    "LagFeatures",
    "QCLMixNetClassifier",
    "QCLMixNetSearchCV",
    "__version__",
    "list_datasets",
    "load_dataset",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
