"""Losses for imbalanced classes, each returning one value per sample.

Every loss is a plain ``torch.nn.Module`` that fits any PyTorch loop: call it, then
reduce its values with ``weighted_mean`` and, where wanted, ``class_weights``.
Half precision is judged in float32. ``HybridLoss`` is the published sum of all of them.
"""

from qclmixnet.losses.focal import FocalLoss
from qclmixnet.losses.hybrid import HybridLoss, HybridTerms
from qclmixnet.losses.reduce import class_weights, weighted_mean
from qclmixnet.losses.stacked_contrast import StackedContrast
from qclmixnet.losses.supcon import SupConLoss
from qclmixnet.losses.triplet import BatchAllTripletLoss, BatchHardTripletLoss
from qclmixnet.losses.variance import (
    ClassCentres,
    InterClassSeparation,
    IntraClassVariance,
)

__all__ = [
    "BatchAllTripletLoss",
    "BatchHardTripletLoss",
    "ClassCentres",
    "FocalLoss",
    "HybridLoss",
    "HybridTerms",
    "InterClassSeparation",
    "IntraClassVariance",
    "StackedContrast",
    "SupConLoss",
    "class_weights",
    "weighted_mean",
]
