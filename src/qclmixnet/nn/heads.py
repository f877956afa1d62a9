"""What is read off a representation: class logits and a projection for the losses."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from qclmixnet.core.checks import check_integer
from qclmixnet.nn.initialisation import own_generator, seeded_linear

__all__ = ["ClassifierHead", "ProjectionHead"]


class ClassifierHead(nn.Module):
    """Map a representation to one logit per class by a linear map.

    Args:
        d_repr: width of the representation, >= 1.
        n_classes: number of classes, >= 2.
        generator: source of the initial weights; None for fresh entropy.

    References:
        Jahin, Abid, Mridha (2025), arXiv 2506.13987. Framework figure, FC3.

    >>> ClassifierHead(32, 5)(torch.zeros(2, 32)).shape
    torch.Size([2, 5])
    """

    def __init__(
        self, d_repr: int, n_classes: int, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        d_repr = check_integer(d_repr, "d_repr", low=1)
        n_classes = check_integer(n_classes, "n_classes", low=2)
        self.linear = seeded_linear(
            d_repr, n_classes, generator=own_generator(generator)
        )

    def forward(
        self, representation: Float[Tensor, "batch d_repr"]
    ) -> Float[Tensor, "batch classes"]:
        """Return logits; a softmax over classes makes them probabilities."""
        logits: Tensor = self.linear(representation)
        return logits


class ProjectionHead(nn.Module):
    """Map a representation to the space in which the contrastive losses compare rows.

    Args:
        d_repr: width of the representation, >= 1; also the hidden width.
        d_projection: width of the projection, >= 1.
        generator: source of the initial weights; None for fresh entropy.

    References:
        Jahin, Abid, Mridha (2025), arXiv 2506.13987. Framework figure, projection
        head. Its hidden layer is open there; ours has the width of the representation.

    >>> ProjectionHead(32)(torch.zeros(2, 32)).shape
    torch.Size([2, 8])
    """

    def __init__(
        self,
        d_repr: int,
        d_projection: int = 8,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        d_repr = check_integer(d_repr, "d_repr", low=1)
        d_projection = check_integer(d_projection, "d_projection", low=1)
        generator = own_generator(generator)
        # DIFF(paper): depth and hidden width of the MLP are open there.
        self.hidden = seeded_linear(d_repr, d_repr, generator=generator)
        self.out = seeded_linear(d_repr, d_projection, generator=generator)

    def forward(
        self, representation: Float[Tensor, "batch d_repr"]
    ) -> Float[Tensor, "batch d_projection"]:
        """Return raw projections: each loss normalises them as it needs."""
        projection: Tensor = self.out(F.relu(self.hidden(representation)))
        return projection
