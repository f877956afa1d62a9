"""What members get of the rows of a batch: inputs, and how they are mixed."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from qclmixnet.augment import DynamicMixup, mix
from qclmixnet.nn import MemberInput
from qclmixnet.training.data import MemberData, StoredData
from qclmixnet.training.member_config import CrossFitRecipe

__all__ = ["InputRows", "Inputs", "mixed_bins", "mixup_of"]

# Encoded inputs of up to this many numbers (200 MB) are made once, not in every step.
_MAX_KEPT_NUMBERS = 50_000_000
_ALL = slice(None)


Inputs = tuple[Tensor, Tensor | None]
"""Plain rows of a batch, and their bins when a column has any."""


class InputRows:
    """Inputs of rows by number, made once if they fit in memory."""

    def __init__(self, inputs: MemberInput, data: MemberData) -> None:
        self.inputs, self.data = inputs, data
        fits = inputs.numbers_per_row * data.n_rows <= _MAX_KEPT_NUMBERS
        self.kept = inputs(*data.encoded(self._all())) if fits else None

    def _all(self) -> Int[Tensor, " rows"]:
        return torch.arange(self.data.n_rows, device=self.data.labels.device)

    def in_order(
        self,
        order: Int[Tensor, " rows"],
        steps: range,
        *,
        batch_size: int,
        share: slice = _ALL,
    ) -> Iterator[tuple[Int[Tensor, " batch"], Inputs]]:
        """Return the rows of each step, on the device, with their inputs.

        Nothing in here waits for the device: the order goes there once, and rows that
        live elsewhere are read by its copy on the CPU, while a step runs.

        Args:
            order: row numbers of a whole epoch, on the CPU.
            steps: the steps that are wanted.
            batch_size: rows in a step.
            share: of a batch, whose inputs are wanted.

        Yields:
            Row numbers of a step, and inputs of its share.
        """
        data, device = self.data, self.data.labels.device
        cut = [slice(step * batch_size, (step + 1) * batch_size) for step in steps]
        there = order.to(device)
        if device.type == "cpu" or self.kept or not isinstance(data, StoredData):
            for part in cut:
                rows = there[part].long()
                yield rows, self(rows[share])
            return
        encoded = data.ahead(order[part][share] for part in cut)
        for part, taken in zip(cut, encoded, strict=True):
            yield there[part].long(), self.inputs(*taken)

    def __call__(self, rows: Int[Tensor, " batch"]) -> Inputs:
        """Return plain rows, and bins when a column has any."""
        if self.kept is None:
            made: Inputs = self.inputs(*self.data.encoded(rows))
            return made
        plain, bins = self.kept
        return plain[rows], None if bins is None else bins[rows]

    def all_plain(self) -> Float[Tensor, "rows n_plain"]:
        """Return the plain inputs of all rows."""
        plain: Tensor = (
            self.inputs.plain(*self.data.encoded(self._all()))
            if self.kept is None
            else self.kept[0]
        )
        return plain


def mixed_bins(
    at_anchors: tuple[Tensor, Tensor | None],
    at_partners: tuple[Tensor, Tensor | None],
    lam: Float[Tensor, " mixed"],
) -> Float[Tensor, "mixed columns bins"]:
    """Mix the bins of rows that have some."""
    anchors, partners = at_anchors[1], at_partners[1]
    assert anchors is not None
    assert partners is not None
    flat = mix(anchors.flatten(1), partners.flatten(1), lam)
    return flat.view(anchors.shape)


def mixup_of(
    recipe: CrossFitRecipe, labels: Tensor, n_classes: int
) -> DynamicMixup | None:
    """Return what mixes the rows by a recipe; None if it mixes none."""
    settings = recipe.mixup
    if settings.mixed_fraction == 0:
        return None
    return DynamicMixup(
        labels,
        n_classes=n_classes,
        n_neighbors=settings.n_neighbors,
        alpha=settings.alpha,
        same_class=settings.same_class,
        rarity_power=settings.rarity_power,
        partners=settings.partners,
    )
