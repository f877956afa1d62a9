"""Fitting the network: what to do (config), the loop, when to stop, what happened."""

from qclmixnet.training.config import (
    LossConfig,
    MixupConfig,
    NetworkConfig,
    Recipe,
    ScheduleConfig,
)
from qclmixnet.training.cross_fit import deal_folds
from qclmixnet.training.data import TrainingData
from qclmixnet.training.history import EpochRecord, TrainingResult
from qclmixnet.training.inference import forward_in_parts
from qclmixnet.training.loop import train
from qclmixnet.training.member_config import (
    ContrastConfig,
    CrossFitRecipe,
    FocalConfig,
    LargeConfig,
    MemberConfig,
    NeighbourMixConfig,
    TreeConfig,
)
from qclmixnet.training.member_schedule import MemberSchedule
from qclmixnet.training.members import member_outputs, train_members
from qclmixnet.training.presets import recipe

__all__ = [
    "ContrastConfig",
    "CrossFitRecipe",
    "EpochRecord",
    "FocalConfig",
    "LargeConfig",
    "LossConfig",
    "MemberConfig",
    "MemberSchedule",
    "MixupConfig",
    "NeighbourMixConfig",
    "NetworkConfig",
    "Recipe",
    "ScheduleConfig",
    "TrainingData",
    "TrainingResult",
    "TreeConfig",
    "deal_folds",
    "forward_in_parts",
    "member_outputs",
    "recipe",
    "train",
    "train_members",
]
