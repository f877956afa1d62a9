"""How the cross-fitted members of the default preset are built and fitted."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from qclmixnet.core.checks import check_choice, check_integer, check_real
from qclmixnet.training.config import rebuild
from qclmixnet.training.member_schedule import MemberSchedule

__all__ = [
    "ContrastConfig",
    "CrossFitRecipe",
    "FocalConfig",
    "LargeConfig",
    "MemberConfig",
    "NeighbourMixConfig",
    "TreeConfig",
]


@dataclass(frozen=True)
class MemberConfig:
    """Sizes of the members.

    Attributes:
        n_members: networks in the ensemble, a multiple of the number of folds.
        binned_share: share of the members, the last ones, that also see the numbers
            as bins.
        n_bins: bins of a number at most.
        d_hidden: width of the representation, before it grows with the table
            (`LargeConfig`).
        d_embedding: length of a binned column's vector.
        n_blocks: residual blocks.
        dropout: share of the numbers dropped inside a block while training.
        entangle: add the layer of gated waves.
    """

    n_members: int = 8
    binned_share: float = 0.5
    n_bins: int = 16
    d_hidden: int = 32
    d_embedding: int = 8
    n_blocks: int = 1
    dropout: float = 0.15
    entangle: bool = False

    def __post_init__(self) -> None:
        check_integer(self.n_members, "n_members", low=1)
        check_real(self.binned_share, "binned_share", low=0, high=1)
        check_integer(self.n_bins, "n_bins", low=2)
        check_integer(self.d_hidden, "d_hidden", low=1)
        check_integer(self.d_embedding, "d_embedding", low=1)
        check_integer(self.n_blocks, "n_blocks", low=0)
        check_real(self.dropout, "dropout", low=0, high=1, open_high=True)

    @property
    def n_binned(self) -> int:
        """Members that see bins."""
        return round(self.binned_share * self.n_members)


@dataclass(frozen=True)
class TreeConfig:
    """The boosted trees beside the members.

    Attributes:
        n_rounds: trees of each fold and class score; 0 leaves the networks alone.
        learning_rate: share of each tree that is added.
        depth: comparisons on the way to a leaf in tables of fewer than `deep_rows`.
        deep_depth: the same in larger tables.
        deep_rows: rows from which on trees are deep.
        min_leaf_rows: rows in a leaf at least, where the table has 100 times as many;
            a hundredth of the table otherwise, but no fewer than 3.
        l2: penalty on the leaf values.
    """

    n_rounds: int = 50
    learning_rate: float = 0.2
    depth: int = 4
    deep_depth: int = 6
    deep_rows: int = 2500
    min_leaf_rows: int = 20
    l2: float = 1.0

    def __post_init__(self) -> None:
        check_integer(self.n_rounds, "n_tree_rounds", low=0)
        check_real(self.learning_rate, "learning_rate", low=0, open_low=True)
        for name in ("depth", "deep_depth"):
            check_integer(getattr(self, name), name, low=1)
            check_real(getattr(self, name), name, low=1, high=10)
        check_integer(self.deep_rows, "deep_rows", low=1)
        check_integer(self.min_leaf_rows, "min_leaf_rows", low=3)
        check_real(self.l2, "l2", low=0)

    def depth_of(self, n_rows: int) -> int:
        """Return the depth of the trees of a table of so many rows.

        >>> [TreeConfig().depth_of(n_rows) for n_rows in (200, 20_000)]
        [4, 6]
        """
        return self.depth if n_rows < self.deep_rows else self.deep_depth


@dataclass(frozen=True)
class FocalConfig:
    """The classification loss.

    Attributes:
        gamma: focusing strength of the focal loss; 0 is cross-entropy.
        class_weight_power: rows weigh (N / (C n_c)) to this power; 0 weighs all alike,
            1 all classes alike.
    """

    gamma: float = 1.0
    class_weight_power: float = 0.5

    def __post_init__(self) -> None:
        check_real(self.gamma, "focal_gamma", low=0)
        check_real(self.class_weight_power, "class_weight", low=0, high=1)


@dataclass(frozen=True)
class ContrastConfig:
    """The contrastive losses beside the classification loss.

    Attributes:
        weight: how much their sum counts; 0 leaves them and the projection out.
        d_projection: width of the projection that they judge.
        temperature: of the supervised contrastive loss.
        margin: of the triplet loss.
    """

    weight: float = 0.0
    d_projection: int = 16
    temperature: float = 0.1
    margin: float = 0.5

    def __post_init__(self) -> None:
        check_real(self.weight, "weight", low=0)
        check_integer(self.d_projection, "d_projection", low=1)
        check_real(self.temperature, "temperature", low=0, open_low=True)
        check_real(self.margin, "margin", low=0)


@dataclass(frozen=True)
class NeighbourMixConfig:
    """How training rows of members are mixed.

    Attributes:
        mixed_fraction: mixed rows per real row in a step; 0 switches mixup off.
        n_neighbors: candidates for a partner, found once among the inputs.
        alpha: lambda is drawn from Beta(alpha, alpha) and folded to at least 0.5.
        same_class: take partners from the anchor's own class; if False from any class,
            and labels are mixed like the rows.
        rarity_power: anchors are drawn in proportion to (N / (C n_c)) to this power.
        partners: "neighbours", or "random" for any row (of the same class).
    """

    mixed_fraction: float = 0.0
    n_neighbors: int = 5
    alpha: float = 0.4
    same_class: bool = False
    rarity_power: float = 0.5
    partners: Literal["neighbours", "random"] = "neighbours"

    def __post_init__(self) -> None:
        check_choice(self.partners, "partners", ["neighbours", "random"])
        check_real(self.mixed_fraction, "mixed_fraction", low=0)
        check_integer(self.n_neighbors, "n_neighbors", low=1)
        check_real(self.alpha, "mixup_alpha", low=0, open_low=True)
        check_real(self.rarity_power, "rarity_power", low=0)


@dataclass(frozen=True)
class LargeConfig:
    """What grows in large tables of several classes.

    A table is large if it has `n_rows` rows and `n_classes` classes.

    Attributes:
        n_rows: rows from which on.
        n_classes: classes from which on.
        width_factor: how many times as wide members are, see `MemberConfig.d_hidden`.
        steps_factor: how many times as long they learn: `epochs` and `max_steps` of
            `MemberSchedule`.
    """

    n_rows: int = 5000
    n_classes: int = 3
    width_factor: int = 2
    steps_factor: int = 2

    def __post_init__(self) -> None:
        for name in ("n_rows", "n_classes", "width_factor", "steps_factor"):
            check_integer(getattr(self, name), name, low=1)


@dataclass(frozen=True)
class CrossFitRecipe:
    """A whole way of fitting cross-fitted members.

    Attributes:
        scaling: how numbers are brought to a common scale.
        max_levels: levels of a category that get a column of their own.
        n_folds: each member leaves out one of so many folds; 1 is no cross-fitting, all
            leave out the same quarter.
        members: sizes of the networks.
        trees: the boosted trees beside them.
        mixup: how rows are mixed.
        loss: the classification loss.
        contrast: the losses of the projections.
        schedule: how long and how fast.
        large: how much wider and longer in large tables of several classes.

    Derive a variant with ``dataclasses.replace``.
    """

    scaling: Literal["standard", "robust"] = "robust"
    max_levels: int = 64
    n_folds: int = 4
    members: MemberConfig = field(default_factory=MemberConfig)
    trees: TreeConfig = field(default_factory=TreeConfig)
    mixup: NeighbourMixConfig = field(default_factory=NeighbourMixConfig)
    loss: FocalConfig = field(default_factory=FocalConfig)
    contrast: ContrastConfig = field(default_factory=ContrastConfig)
    schedule: MemberSchedule = field(default_factory=MemberSchedule)
    large: LargeConfig = field(default_factory=LargeConfig)

    def __post_init__(self) -> None:
        check_choice(self.scaling, "scaling", ["standard", "robust"])
        check_integer(self.max_levels, "max_levels", low=1)
        check_integer(self.n_folds, "n_folds", low=1)

    def for_table(self, n_rows: int, n_classes: int) -> "CrossFitRecipe":
        """Return the recipe with the sizes that a table gets.

        Of a large one of several classes `members` and `schedule` have grown, and
        `large` lets nothing grow again; of any other it is the recipe itself.

        >>> CrossFitRecipe().for_table(20_000, 2).members.d_hidden
        32
        >>> CrossFitRecipe().for_table(20_000, 6).members.d_hidden
        64
        """
        large, schedule = self.large, self.schedule
        if n_rows < large.n_rows or n_classes < large.n_classes:
            return self
        width, steps = large.width_factor, large.steps_factor
        return replace(
            self,
            members=replace(self.members, d_hidden=width * self.members.d_hidden),
            schedule=replace(
                schedule,
                epochs=steps * schedule.epochs,
                max_steps=steps * schedule.max_steps,
            ),
            large=replace(large, width_factor=1, steps_factor=1),
        )

    def to_dict(self) -> dict[str, object]:
        """Return the recipe as nested plain values, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CrossFitRecipe":
        """Rebuild a recipe from `to_dict`'s result.

        Args:
            values: the nested values.

        Returns:
            An equal recipe.

        Raises:
            InputError: a key is unknown, or a value is out of range.
        """
        return rebuild(cls, values)
