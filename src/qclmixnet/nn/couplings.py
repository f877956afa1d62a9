"""What may stand in the place of the entanglement layer, to see what it brings.

Each variant takes one part away from the published layer, or adds one; all start out
close to the identity or to half of it, as the published layer does.
"""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qclmixnet.core.checks import check_choice, check_integer
from qclmixnet.nn.entanglement import EntanglementLayer
from qclmixnet.nn.initialisation import normal_parameter, own_generator
from qclmixnet.nn.shapes import check_width

__all__ = [
    "Coupling",
    "GatedScaling",
    "Scaling",
    "VectorEntanglement",
    "make_coupling",
]

Coupling = Literal["scalar", "vector", "no_sinusoid", "scaling", "none"]
"""Names of the variants; "scalar" is the published layer with one gate per row."""

_INIT_STD = 0.1  # as the published layer's angles


class VectorEntanglement(nn.Module):
    """Scale each feature by a cosine and by a gate of its own.

    A row x becomes ``x * cos(theta) * sigmoid(x @ sin(phi))``: the published layer with
    one gate per feature in place of one per row, at the price of width^2 angles more.

    Args:
        width: number of features in and out, >= 1.
        generator: source of the initial angles; None for fresh entropy.

    >>> VectorEntanglement(3)(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """

    def __init__(self, width: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.width = check_integer(width, "width", low=1)
        generator = own_generator(generator)
        self.theta = normal_parameter(width, std=_INIT_STD, generator=generator)
        self.phi = normal_parameter(width, width, std=_INIT_STD, generator=generator)

    def forward(self, x: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        """Apply cosines and gates; rows do not see each other."""
        check_width(x, self.width)
        return x * torch.cos(self.theta) * torch.sigmoid(x @ torch.sin(self.phi))


class _Scales(nn.Module):
    """One learned number per feature, close to 0 at the start."""

    def __init__(self, width: int, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.width = check_integer(width, "width", low=1)
        generator = own_generator(generator)
        self.theta = normal_parameter(width, std=_INIT_STD, generator=generator)


class GatedScaling(_Scales):
    """The published layer without its cosine and its sine.

    A row x becomes ``x * (1 + theta) * sigmoid(x . theta)``: as many parameters, one
    gate per row, and no wave.

    Args:
        width: number of features in and out, >= 1.
        generator: source of the initial parameters; None for fresh entropy.

    >>> layer = GatedScaling(2)
    >>> layer.theta = nn.Parameter(torch.tensor([1.0, 0.0]))
    >>> layer(torch.tensor([[0.0, 4.0]])).tolist()
    [[0.0, 2.0]]
    """

    def forward(self, x: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        """Apply scales and gate; rows do not see each other."""
        check_width(x, self.width)
        gate = torch.sigmoid(x @ self.theta)
        return x * (1 + self.theta) * gate.unsqueeze(1)


class Scaling(_Scales):
    """A plain linear map with as many parameters as the published layer.

    A row x becomes ``x * (1 + theta)``.

    Args:
        width: number of features in and out, >= 1.
        generator: source of the initial parameters; None for fresh entropy.

    >>> layer = Scaling(2)
    >>> layer.theta = nn.Parameter(torch.tensor([1.0, 0.0]))
    >>> layer(torch.tensor([[1.0, 4.0]])).tolist()
    [[2.0, 4.0]]
    """

    def forward(self, x: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        """Apply the scales."""
        check_width(x, self.width)
        return x * (1 + self.theta)


def make_coupling(
    kind: Coupling, width: int, *, generator: torch.Generator | None = None
) -> nn.Module:
    """Build the published layer or what shall stand in its place.

    Args:
        kind: "scalar" for `EntanglementLayer`, "vector" for `VectorEntanglement`,
            "no_sinusoid" for `GatedScaling`, "scaling" for `Scaling`, "none" for
            nothing.
        width: number of features in and out, >= 1.
        generator: source of the initial parameters; None for fresh entropy.

    Returns:
        The layer.

    Raises:
        InputError: there is no such kind, or `width` is out of range.

    >>> [sum(p.numel() for p in make_coupling(k, 5).parameters())
    ...  for k in ("scalar", "vector", "no_sinusoid", "scaling", "none")]
    [5, 30, 5, 5, 0]
    """
    check_choice(kind, "entanglement", get_args(Coupling))
    if kind == "none":
        return nn.Identity()
    builders: dict[str, Callable[..., nn.Module]] = {
        "scalar": EntanglementLayer,
        "vector": VectorEntanglement,
        "no_sinusoid": GatedScaling,
        "scaling": Scaling,
    }
    return builders[kind](width, generator=generator)
