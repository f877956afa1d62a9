"""The sinusoidal entanglement layer."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from qclmixnet.core.checks import check_integer, check_real
from qclmixnet.nn.initialisation import normal_parameter, own_generator
from qclmixnet.nn.shapes import check_width

__all__ = ["EntanglementLayer"]


class EntanglementLayer(nn.Module):
    """Scale each feature by a learned cosine, and each row by one learned gate.

    A row x becomes ``(x * cos(theta)) * sigmoid(x . sin(theta))``. The gate is a
    single number per row that looks at all features; that is what couples them.
    "Quantum" and "entanglement" are the paper's words for these cosines and sines of
    learned angles: it is classical arithmetic, with no qubits in it.

    Args:
        width: number of features in and out, >= 1.
        init_std: spread of the initial angles, >= 0. At exactly 0 every gate is one
            half and no feature is preferred, so a small spread is better.
        generator: source of the initial angles; None for fresh entropy.

    References:
        Jahin, Abid, Mridha (2025). Quantum-Informed Contrastive Learning with Dynamic
        Mixup Augmentation for Class-Imbalanced Expert Systems. Framework figure.
        arXiv 2506.13987. The initial angles are not stated there.

    >>> layer = EntanglementLayer(2)
    >>> _ = nn.init.zeros_(layer.theta)  # cosines 1, gate one half
    >>> layer(torch.tensor([[2.0, 4.0]])).tolist()
    [[1.0, 2.0]]
    """

    def __init__(
        self,
        width: int,
        *,
        init_std: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.width = check_integer(width, "width", low=1)
        # DIFF(paper): the start of theta is open there; see `init_std`.
        self.theta = normal_parameter(
            self.width,
            std=check_real(init_std, "init_std", low=0),
            generator=own_generator(generator),
        )

    def forward(self, x: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        """Apply cosines and gate; rows do not see each other."""
        check_width(x, self.width)
        gate = torch.sigmoid(x @ torch.sin(self.theta))  # (batch,)
        return (x * torch.cos(self.theta)) * gate.unsqueeze(1)

    def extra_repr(self) -> str:
        """Show the width when the module is printed."""
        return f"width={self.width}"
