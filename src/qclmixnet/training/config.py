"""Everything that decides how a network is built and fitted, as frozen dataclasses.

A `Recipe` is the whole of it for the published network: its defaults are the published
choices, and ours where the publication leaves them open.

References:
    Jahin, Abid, Mridha (2025), "Quantum-Informed Contrastive Learning with Dynamic
    Mixup Augmentation for Class-Imbalanced Expert Systems", arXiv 2506.13987. The
    publication states k = 5, widths 32 and 8 and the form of the loss; the other
    numbers here are ours.
"""

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

from qclmixnet.core.checks import check_choice, check_integer, check_real
from qclmixnet.core.errors import InputError
from qclmixnet.nn.couplings import Coupling

__all__ = [
    "LossConfig",
    "MixupConfig",
    "NetworkConfig",
    "Recipe",
    "ScheduleConfig",
    "rebuild",
]

R = TypeVar("R")


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network.

    Attributes:
        d_hidden: width of the first fully connected layer.
        d_repr: width of the representation, which `embed` returns.
        d_projection: width of the projection that the contrastive terms see.
        d_token: width of the queries, keys and values of the feature attention.
        n_heads: attention heads; must divide ``d_token``.
        entanglement: what stands in the place of the entanglement layers; "scalar" is
            the published one, see ``qclmixnet.nn.make_coupling``.
    """

    d_hidden: int = 64
    d_repr: int = 32
    d_projection: int = 8
    d_token: int = 16
    n_heads: int = 1
    entanglement: Coupling = "scalar"

    def __post_init__(self) -> None:
        for name in ("d_hidden", "d_repr", "d_projection", "d_token", "n_heads"):
            check_integer(getattr(self, name), name, low=1)
        check_choice(self.entanglement, "entanglement", get_args(Coupling))


@dataclass(frozen=True)
class MixupConfig:
    """How training rows are mixed.

    Attributes:
        mixed_fraction: mixed rows per real row in a step; 0 switches mixup off.
        n_neighbors: candidates for a partner; clipped to the class size less one.
        alpha: lambda is drawn from Beta(alpha, alpha) and folded to at least 0.5.
        same_class: take partners from the anchor's own class; if False from any class,
            and labels are mixed like the rows.
        rarity_power: anchors are drawn in proportion to (N / (C n_c)) to this power
            times the running mean of their focal loss.
        momentum: weight of the newest value in that running mean.
        refresh_every: epochs between two searches for neighbours; the first is in
            the space of the inputs, later ones in that of the representation.
        partners: "neighbours", or "random" for any row (of the same class).
        shares: "folded" as above, or "uniform" for lambda from 0 to 1 as in SMOTE.
        space: where rows are mixed, "input" or "representation".
    """

    mixed_fraction: float = 0.5
    n_neighbors: int = 5
    alpha: float = 0.4
    same_class: bool = True
    rarity_power: float = 0.5
    momentum: float = 0.1
    refresh_every: int = 20
    partners: Literal["neighbours", "random"] = "neighbours"
    shares: Literal["folded", "uniform"] = "folded"
    space: Literal["input", "representation"] = "input"

    def __post_init__(self) -> None:
        check_real(self.mixed_fraction, "mixed_fraction", low=0)
        check_integer(self.n_neighbors, "n_neighbors", low=1)
        check_real(self.alpha, "mixup_alpha", low=0, open_low=True)
        check_real(self.rarity_power, "rarity_power", low=0)
        check_real(self.momentum, "momentum", low=0, high=1, open_low=True)
        check_integer(self.refresh_every, "refresh_every", low=1)
        check_choice(self.partners, "partners", ["neighbours", "random"])
        check_choice(self.shares, "shares", ["folded", "uniform"])
        check_choice(self.space, "space", ["input", "representation"])


@dataclass(frozen=True)
class LossConfig:
    """Terms of the hybrid loss and their weights.

    Attributes:
        gamma: focusing strength of the focal loss; 0 is cross-entropy.
        temperature: of the supervised contrastive term.
        margin: of the triplet term, in units of distance on the unit sphere.
        intra_weight: weight of the pull towards a row's own class centre (beta_1).
        inter_weight: weight of the push from other classes' centres (beta_2).
        classification_weight: share of focal plus variance terms, the rest going to
            the contrastive and triplet terms (alpha_loss), 0 to 1.
        supcon_weight: weight of the supervised contrastive term beside the triplet
            term.
        triplet_weight: weight of the triplet term.
        balance: "fixed", or "uncertainty" for weights that are learned from these on.
        triplet: "hard" takes the hardest pair of each row, "all" the mean over all.
        class_weight_power: rows weigh (N / (C n_c)) to this power; 0 weighs all alike,
            1 all classes alike.
    """

    gamma: float = 2.0
    temperature: float = 0.1
    margin: float = 0.5
    intra_weight: float = 0.01
    inter_weight: float = 0.01
    classification_weight: float = 0.7
    supcon_weight: float = 1.0
    triplet_weight: float = 1.0
    balance: Literal["fixed", "uncertainty"] = "fixed"
    triplet: Literal["hard", "all"] = "hard"
    class_weight_power: float = 0.0

    def __post_init__(self) -> None:
        check_real(self.gamma, "focal_gamma", low=0)
        check_real(self.temperature, "temperature", low=0, open_low=True)
        check_real(self.margin, "margin", low=0)
        check_real(self.intra_weight, "intra_weight", low=0)
        check_real(self.inter_weight, "inter_weight", low=0)
        check_real(self.classification_weight, "classification_weight", low=0, high=1)
        check_real(self.supcon_weight, "supcon_weight", low=0)
        check_real(self.triplet_weight, "triplet_weight", low=0)
        check_choice(self.triplet, "triplet", ["hard", "all"])
        check_choice(self.balance, "balance", ["fixed", "uncertainty"])
        check_real(self.class_weight_power, "class_weight", low=0, high=1)


@dataclass(frozen=True)
class ScheduleConfig:
    """How long and how fast to learn.

    Attributes:
        max_epochs: passes over the training part at most.
        batch_size: real rows in a step; None takes a sixteenth of the training part,
            rounded to a power of two between 64 and 512.
        learning_rate: highest step size of AdamW, reached after the warm-up.
        final_rate: share of it left at the end of the cosine.
        warmup_steps: steps of linear rise.
        weight_decay: of AdamW.
        max_gradient_norm: longer gradients are shortened to this length.
        patience: epochs without a new best validation score before stopping.
        validation_fraction: share of each class held out to choose the epoch; 0 trains
            on every row for all epochs.
        time_limit_s: seconds after which the best epoch so far is taken; None for no
            limit. At least one epoch is always finished.
    """

    max_epochs: int = 200
    batch_size: int | None = None
    learning_rate: float = 3e-3
    final_rate: float = 0.05
    warmup_steps: int = 20
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    patience: int = 40
    validation_fraction: float = 0.15
    time_limit_s: float | None = None

    def __post_init__(self) -> None:
        check_integer(self.max_epochs, "max_epochs", low=1)
        if self.batch_size is not None:
            check_integer(self.batch_size, "batch_size", low=2)
        check_real(self.learning_rate, "learning_rate", low=0, open_low=True)
        check_real(self.final_rate, "final_rate", low=0, high=1)
        check_integer(self.warmup_steps, "warmup_steps", low=0)
        check_real(self.weight_decay, "weight_decay", low=0)
        check_real(self.max_gradient_norm, "max_gradient_norm", low=0, open_low=True)
        check_integer(self.patience, "patience", low=1)
        check_real(
            self.validation_fraction,
            "validation_fraction",
            low=0,
            high=1,
            open_high=True,
        )
        if self.time_limit_s is not None:
            check_real(self.time_limit_s, "time_limit_s", low=0, open_low=True)

    def resolve_batch_size(self, n_rows: int) -> int:
        """Return the rows of a step for a training part of ``n_rows`` rows.

        >>> ScheduleConfig().resolve_batch_size(4000)
        256
        """
        if self.batch_size is not None:
            return self.batch_size
        return int(2 ** min(max(round(math.log2(max(n_rows, 1) / 16)), 6), 9))


@dataclass(frozen=True)
class Recipe:
    """A whole way of fitting: how to encode, what to build, how to train it.

    Attributes:
        scaling: how numbers are brought to a common scale.
        max_levels: levels of a category that get a column of their own.
        network: sizes of the network.
        mixup: how rows are mixed.
        loss: terms of the loss.
        schedule: how long and how fast.

    Derive a variant with ``dataclasses.replace``.
    """

    scaling: Literal["standard", "robust"] = "standard"
    max_levels: int = 64
    network: NetworkConfig = field(default_factory=NetworkConfig)
    mixup: MixupConfig = field(default_factory=MixupConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        check_choice(self.scaling, "scaling", ["standard", "robust"])
        check_integer(self.max_levels, "max_levels", low=1)

    def to_dict(self) -> dict[str, object]:
        """Return the recipe as nested plain values, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """Rebuild a recipe from `to_dict`'s result.

        Args:
            values: the nested values.

        Returns:
            An equal recipe.

        Raises:
            InputError: a key is unknown, or a value is out of range.
        """
        return rebuild(cls, values)


def rebuild(kind: type[R], values: Mapping[str, Any]) -> R:
    """Rebuild a dataclass of dataclasses from what ``asdict`` made of it.

    Args:
        kind: the outer dataclass; fields made by default from a class are of it.
        values: the nested values.

    Returns:
        An equal object.

    Raises:
        InputError: a key is unknown, or a value is out of range.
    """
    made = {item.name: item.default_factory for item in fields(kind)}  # type: ignore[arg-type]
    nested = {name: part for name, part in made.items() if part is not MISSING}
    try:
        return kind(
            **{
                key: nested[key](**value) if key in nested else value
                for key, value in values.items()
            }
        )
    except TypeError as error:
        raise InputError(f"Not a recipe: {error}.") from error
