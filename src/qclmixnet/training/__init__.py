"""Fitting the network: what to do (config), the loop, when to stop, what happened."""

from qclmixnet.training.config import (
    LossConfig,
    MixupConfig,
    NetworkConfig,
    Recipe,
    ScheduleConfig,
    recipe,
)
from qclmixnet.training.data import TrainingData
from qclmixnet.training.history import EpochRecord, TrainingResult
from qclmixnet.training.inference import forward_in_parts
from qclmixnet.training.loop import train

__all__ = [
    "EpochRecord",
    "LossConfig",
    "MixupConfig",
    "NetworkConfig",
    "Recipe",
    "ScheduleConfig",
    "TrainingData",
    "TrainingResult",
    "forward_in_parts",
    "recipe",
    "train",
]
