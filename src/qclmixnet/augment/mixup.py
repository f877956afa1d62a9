"""Dynamic, sample-aware mixup: which rows to mix, with whom, and how much.

Rows of rare classes and rows the model finds hard are drawn more often as anchors;
each is mixed with one of its nearest neighbours.

References:
    Zhang, Cisse, Dauphin, Lopez-Paz (2018), "mixup: Beyond Empirical Risk
    Minimization", equation 1, arXiv 1710.09412.
    Jahin, Abid, Mridha (2025), "Quantum-Informed Contrastive Learning with Dynamic
    Mixup Augmentation for Class-Imbalanced Expert Systems", arXiv 2506.13987.
    Chawla, Bowyer, Hall, Kegelmeyer (2002), "SMOTE: Synthetic Minority Over-sampling
    Technique", arXiv 1106.1813 (same-class neighbours).
    The figure of Jahin et al. leaves the dynamic rule open; ours is written at the
    ``DIFF(paper)`` comments.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int
from torch import Tensor

from qclmixnet.augment.neighbours import Neighbours, find_neighbours
from qclmixnet.core import checks
from qclmixnet.core.errors import InputError

__all__ = [
    "DynamicMixup",
    "MixPlan",
    "draw_lambda",
    "draw_partners",
    "draw_random_partners",
    "mix",
    "mix_labels",
]

# A row's loss counts for at least this share of the mean loss: the focal loss of an
# easy row underflows to 0, and a row never drawn again could not come back.
_LOSS_FLOOR = 0.01


@dataclass(frozen=True)
class MixPlan:
    """Which rows to mix: ``lam * anchor + (1 - lam) * partner``.

    Attributes:
        anchors: row numbers, drawn with replacement.
        partners: a neighbour of each anchor; the anchor itself where it has none.
        lam: the anchor's share, from 0.5 to 1, or from 0 to 1 where it is uniform.
    """

    anchors: Int[Tensor, " mixed"]
    partners: Int[Tensor, " mixed"]
    lam: Float[Tensor, " mixed"]


def draw_partners(
    anchors: Int[Tensor, " mixed"], neighbours: Neighbours, generator: torch.Generator
) -> Int[Tensor, " mixed"]:
    """Draw one neighbour of each anchor, all equally likely.

    Args:
        anchors: row numbers.
        neighbours: of every row; an anchor without any is its own partner.
        generator: source of randomness, advanced by one draw per anchor.

    Returns:
        Row numbers, on the CPU.
    """
    rows = anchors.cpu()
    n_valid = torch.from_numpy(neighbours.n_valid)[rows]
    slot = (_uniform(len(rows), generator) * n_valid).long()
    # A product just below n_valid can round up to it; the padding is the row itself.
    slot = torch.minimum(slot, (n_valid - 1).clamp(min=0))
    return torch.from_numpy(neighbours.indices)[rows, slot]


def draw_random_partners(
    anchors: Int[Tensor, " mixed"],
    labels: Int[np.ndarray, " rows"],
    generator: torch.Generator,
) -> Int[Tensor, " mixed"]:
    """Draw another row of each anchor's class, all equally likely, however far away.

    Args:
        anchors: row numbers.
        labels: class of every row; give one class to all to draw from all rows.
        generator: source of randomness, advanced by one draw per anchor.

    Returns:
        Row numbers, on the CPU; an anchor without another row is its own partner.

    >>> draw_random_partners(torch.tensor([0, 2, 3]), np.array([0, 1, 0, 1]),
    ...                      torch.Generator())
    tensor([2, 0, 1])
    """
    by_class = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    rank = np.empty(len(labels), dtype=np.int64)  # place of a row within its class
    rank[by_class] = np.arange(len(labels)) - np.repeat(
        np.cumsum(counts) - counts, counts
    )
    rows = anchors.cpu().numpy()
    n_others = counts[labels[rows]] - 1
    slot = (_uniform(len(rows), generator).numpy() * n_others).astype(np.int64)
    slot = np.minimum(slot, np.maximum(n_others - 1, 0))
    slot += (slot >= rank[rows]) & (n_others > 0)
    first = (np.cumsum(counts) - counts)[labels[rows]]
    return torch.from_numpy(by_class[first + slot])


def draw_lambda(
    n_mixed: int, alpha: float, generator: torch.Generator
) -> Float64[Tensor, " mixed"]:
    """Draw the anchors' shares ``max(l, 1 - l)`` with ``l ~ Beta(alpha, alpha)``.

    Args:
        n_mixed: how many shares.
        alpha: above 0; the smaller, the closer the mixed rows stay to their anchors.
        generator: source of randomness, advanced by one draw.

    Returns:
        Numbers from 0.5 to 1, on the CPU.
    """
    # torch's own Beta distribution takes no generator, so NumPy draws, seeded from it.
    seed = torch.randint(2**63 - 1, (), generator=generator, device=generator.device)
    share = np.random.default_rng(int(seed)).beta(alpha, alpha, size=n_mixed)
    return torch.from_numpy(np.maximum(share, 1.0 - share))


def mix(
    x_anchor: Float[Tensor, "mixed features"],
    x_partner: Float[Tensor, "mixed features"],
    lam: Float[Tensor, " mixed"],
) -> Float[Tensor, "mixed features"]:
    """Mix rows: ``lam * x_anchor + (1 - lam) * x_partner``.

    A column on which both rows agree keeps its value to the last bit. The result has
    the dtype and the device of `x_anchor`.

    Args:
        x_anchor: one anchor per line.
        x_partner: its partner.
        lam: the anchor's share.

    Returns:
        The mixed rows.

    Raises:
        InputError: the shapes do not belong together.

    >>> a, p = torch.tensor([[0.0, 1.0]]), torch.tensor([[4.0, 1.0]])
    >>> mix(a, p, torch.tensor([0.75]))
    tensor([[1., 1.]])
    """
    if x_anchor.shape != x_partner.shape or lam.shape != x_anchor.shape[:1]:
        raise InputError(
            "`x_anchor` and `x_partner` must have the same shape and `lam` one number "
            f"per row, got {tuple(x_anchor.shape)}, {tuple(x_partner.shape)} and "
            f"{tuple(lam.shape)}."
        )
    return torch.lerp(x_partner, x_anchor, lam.to(x_anchor)[:, None])


def mix_labels(
    labels_a: Int[Tensor, " mixed"],
    labels_p: Int[Tensor, " mixed"],
    lam: Float[Tensor, " mixed"],
    n_classes: int,
) -> Float[Tensor, "mixed classes"]:
    """Class probabilities of mixed rows: ``lam`` on one class, the rest on the other.

    Where both classes are the same this is the hard label.

    Args:
        labels_a: classes of the anchors.
        labels_p: classes of the partners.
        lam: the anchor's share.
        n_classes: width of the result.

    Returns:
        One line per row that sums to 1, in the dtype and on the device of `lam`.

    Raises:
        InputError: the lengths do not belong together.

    >>> mix_labels(torch.tensor([0]), torch.tensor([2]), torch.tensor([0.75]), 3)
    tensor([[0.7500, 0.0000, 0.2500]])
    """
    if not labels_a.shape == labels_p.shape == lam.shape:
        raise InputError(
            "`labels_a`, `labels_p` and `lam` must have one entry per row, got "
            f"{len(labels_a)}, {len(labels_p)} and {len(lam)}."
        )
    proba = lam.new_zeros(len(lam), n_classes)
    proba.scatter_(1, labels_a[:, None].long(), lam[:, None])
    return proba.scatter_add_(1, labels_p[:, None].long(), 1.0 - lam[:, None])


class DynamicMixup:
    """Plans mixed rows from neighbours, class rarity and how hard each row is.

    Use: `refresh` with the training rows, then in every epoch `plan`, and `record` the
    focal loss of the rows trained on. Everything is kept on the CPU, in the order of
    the rows of `labels`.

    Args:
        labels: class of every training row, from 0 to `n_classes` - 1.
        n_classes: classes of the problem; one may be missing from `labels`.
        n_neighbors: neighbours to choose a partner from, fewer in a small class.
        alpha: of the Beta distribution of the share, above 0.
        same_class: whether partners come from the anchor's class only. Without it a
            mixed row stands between classes: use `mix_labels` for its label.
        rarity_power: 0 draws classes as they occur, 1 draws them equally often.
        momentum: weight of a new loss in a row's running mean, above 0, at most 1.
        partners: "neighbours", or "random" for any other row (of the same class).
        shares: "folded" for `draw_lambda`, or "uniform" from 0 to 1 as in SMOTE.

    Raises:
        InputError: an argument is out of range.

    >>> mixup = DynamicMixup(np.array([0, 0, 1, 1]), n_classes=2, n_neighbors=1)
    >>> mixup.refresh(np.array([[0.0], [1.0], [8.0], [9.0]], dtype=np.float32))
    >>> plan = mixup.plan(100, torch.Generator().manual_seed(0))
    >>> bool((plan.partners == torch.tensor([1, 0, 3, 2])[plan.anchors]).all())
    True
    """

    def __init__(  # noqa: PLR0913 - the published numbers, all keyword-only
        self,
        labels: Int[np.ndarray, " rows"] | Int[Tensor, " rows"],
        *,
        n_classes: int,
        n_neighbors: int = 5,
        alpha: float = 0.4,
        same_class: bool = True,
        rarity_power: float = 0.5,
        momentum: float = 0.1,
        partners: Literal["neighbours", "random"] = "neighbours",
        shares: Literal["folded", "uniform"] = "folded",
    ) -> None:
        self.n_classes = checks.check_integer(n_classes, "n_classes", low=1)
        self.n_neighbors = checks.check_integer(n_neighbors, "n_neighbors", low=1)
        self.alpha = checks.check_real(alpha, "alpha", low=0, open_low=True)
        self.rarity_power = checks.check_real(rarity_power, "rarity_power", low=0)
        self.momentum = checks.check_real(
            momentum, "momentum", low=0, high=1, open_low=True
        )
        self.same_class = same_class
        checks.check_choice(partners, "partners", ["neighbours", "random"])
        checks.check_choice(shares, "shares", ["folded", "uniform"])
        self.needs_neighbours = partners == "neighbours"
        self._uniform_shares = shares == "uniform"
        self._labels = _to_codes(labels, self.n_classes)
        n_rows = len(self._labels)
        counts = np.bincount(self._labels, minlength=self.n_classes)
        rarity = n_rows / (self.n_classes * counts[self._labels])
        self._rarity: np.ndarray = rarity**self.rarity_power
        self._loss = np.full(n_rows, np.nan)
        self._cumulated: np.ndarray | None = None
        self._neighbours: Neighbours | None = None

    def refresh(self, x: Float32[np.ndarray, "points features"]) -> None:
        """Find the neighbours anew, in whatever space ``x`` is given.

        Args:
            x: every training row, as encoded to begin with and as represented later.

        Raises:
            InputError: `x` does not hold one finite line per row.
        """
        if len(x) != len(self._labels):
            raise InputError(
                f"`x` must hold the {len(self._labels)} rows of `labels`, got {len(x)}."
            )
        # DIFF(paper): the figure does not say among which rows the neighbours are
        # sought. By default we stay in the anchor's class, since its hard label on a
        # mixture with another class would be label noise.
        labels = self._labels if self.same_class else None
        self._neighbours = find_neighbours(
            x, k=self.n_neighbors, labels=labels, former=self._neighbours
        )

    def record(
        self, rows: Int[Tensor, " batch"], focal: Float[Tensor, " losses"]
    ) -> None:
        """Take the focal losses of some rows into their running means.

        The first loss of a row is its mean; later ones count with `momentum`. A row
        that is repeated within the call counts once, with the mean of its losses.

        Args:
            rows: row numbers.
            focal: their losses, finite and at least 0; no gradient is kept.

        Raises:
            InputError: the two do not belong together or hold impossible values.
        """
        row = rows.detach().cpu().numpy()
        loss = focal.detach().cpu().numpy().astype(np.float64)
        if row.shape != loss.shape:
            raise InputError(
                f"`focal` must hold one loss for each of the {len(row)} `rows`, "
                f"got {len(loss)}."
            )
        if len(row) == 0:
            return
        if row.min() < 0 or row.max() >= len(self._labels):
            raise InputError(
                f"`rows` must be from 0 to {len(self._labels) - 1}, got "
                f"{row.min()} to {row.max()}."
            )
        usable = np.isfinite(loss) & (loss >= 0)
        if not usable.all():
            raise InputError(
                f"`focal` must be finite and at least 0, got {loss[~usable][0]}."
            )
        seen, place = np.unique(row, return_inverse=True)
        new = np.bincount(place, weights=loss) / np.bincount(place)
        old = self._loss[seen]
        moved = old + self.momentum * (new - old)
        self._loss[seen] = np.where(np.isnan(old), new, moved)
        self._cumulated = None

    def plan(self, n_mixed: int, generator: torch.Generator) -> MixPlan:
        """Draw anchors, partners and shares for ``n_mixed`` mixed rows.

        After a `record` the first plan passes once over all rows, so on a large
        table plan for many batches at a time.

        Args:
            n_mixed: how many rows, at least 0.
            generator: the only source of randomness.

        Returns:
            The plan, on the CPU; shares in float32.

        Raises:
            InputError: `n_mixed` is negative, or `refresh` has not been called.
        """
        n_mixed = checks.check_integer(n_mixed, "n_mixed", low=0)
        if self.needs_neighbours and self._neighbours is None:
            raise InputError("`plan` needs neighbours: call `refresh` first.")
        if self._cumulated is None:
            self._cumulated = np.cumsum(self._weights())
        # Cumulated weights, because torch.multinomial ends at 2^24 rows.
        total = self._cumulated[-1]
        target = _uniform(n_mixed, generator).numpy() * total
        drawn = np.searchsorted(self._cumulated, target, side="right")
        anchors = torch.from_numpy(np.minimum(drawn, len(self._labels) - 1))
        partners = self._partners_of(anchors, generator)
        if self._uniform_shares:
            lam = _uniform(n_mixed, generator)
        else:
            lam = draw_lambda(n_mixed, self.alpha, generator)
        return MixPlan(anchors=anchors, partners=partners, lam=lam.float())

    def _partners_of(
        self, anchors: Int[Tensor, " mixed"], generator: torch.Generator
    ) -> Int[Tensor, " mixed"]:
        if self._neighbours is not None:
            return draw_partners(anchors, self._neighbours, generator)
        labels = self._labels if self.same_class else np.zeros_like(self._labels)
        return draw_random_partners(anchors, labels, generator)

    def _weights(self) -> np.ndarray:
        """Weigh each row as an anchor: (N / (C n_c))^rarity_power times its loss."""
        # DIFF(paper): the figure draws an arrow from the focal loss to the choice of
        # neighbours without a formula; we let it set how often a row is an anchor.
        known = ~np.isnan(self._loss)
        mean = float(self._loss[known].mean()) if known.any() else 0.0
        if mean == 0.0:
            return self._rarity
        loss = np.where(known, self._loss, mean)
        weights: np.ndarray = self._rarity * np.maximum(loss, _LOSS_FLOOR * mean)
        return weights


def _to_codes(labels: np.ndarray | Tensor, n_classes: int) -> np.ndarray:
    array = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else labels
    codes = array.astype(np.int64)  # a copy: the caller may write into his
    if codes.ndim != 1 or len(codes) == 0:
        raise InputError(
            f"`labels` must hold one class per row, got shape {codes.shape}."
        )
    if codes.min() < 0 or codes.max() >= n_classes:
        raise InputError(
            f"`labels` must be from 0 to {n_classes - 1} (`n_classes` - 1), got "
            f"{codes.min()} to {codes.max()}."
        )
    return codes


def _uniform(n_draws: int, generator: torch.Generator) -> Float64[Tensor, " draws"]:
    return torch.rand(
        n_draws, generator=generator, device=generator.device, dtype=torch.float64
    ).cpu()
