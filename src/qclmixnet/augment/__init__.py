"""Which rows to train on: neighbours, dynamic mixup and class-aware batches."""

from qclmixnet.augment.mixup import (
    DynamicMixup,
    MixPlan,
    draw_lambda,
    draw_partners,
    mix,
    mix_labels,
)
from qclmixnet.augment.neighbours import Neighbours, find_neighbours
from qclmixnet.augment.samplers import ClassAwareBatchSampler

__all__ = [
    "ClassAwareBatchSampler",
    "DynamicMixup",
    "MixPlan",
    "Neighbours",
    "draw_lambda",
    "draw_partners",
    "find_neighbours",
    "mix",
    "mix_labels",
]
