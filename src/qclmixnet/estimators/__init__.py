"""The scikit-learn faces: the classifier, and the mixup as an over-sampler."""

from importlib import import_module
from typing import TYPE_CHECKING

from qclmixnet.estimators.classifier import QCLMixNetClassifier

if TYPE_CHECKING:
    from qclmixnet.estimators.sampler import KNNMixupSampler

__all__ = ["KNNMixupSampler", "QCLMixNetClassifier"]


def __getattr__(name: str) -> object:
    # The sampler needs imbalanced-learn, an extra; the classifier does not.
    if name == "KNNMixupSampler":
        return import_module("qclmixnet.estimators.sampler").KNNMixupSampler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
