"""From a dense row to its representation."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from qclmixnet.core.checks import check_integer
from qclmixnet.nn.attention import FeatureAttention
from qclmixnet.nn.couplings import Coupling, make_coupling
from qclmixnet.nn.initialisation import own_generator, seeded_linear

__all__ = ["Encoder"]


class Encoder(nn.Module):
    """Map rows to representations that the heads and the losses share.

    Entanglement, attention over features with its residual, then linear map, batch
    norm and leaky ReLU; entanglement again, then linear map, batch norm and leaky
    ReLU. In evaluation a row's representation does not depend on its batch; in
    training it does, through batch norm alone. A training batch of one row has no
    variance: it is normalised by the running statistics, which it leaves as they are.

    Args:
        n_features: width of the rows, >= 1.
        d_hidden: width between the two blocks, >= 1.
        d_repr: width of the representation, >= 1.
        d_token: length of a feature's token, a multiple of ``n_heads``.
        n_heads: number of attention heads, >= 1.
        max_keys: most keys a feature looks at; see ``FeatureAttention``.
        entanglement: what stands in the place of the entanglement layers; "scalar" is
            the published layer, see ``make_coupling``.
        generator: source of the initial weights; None for fresh entropy.

    References:
        Jahin, Abid, Mridha (2025). Quantum-Informed Contrastive Learning with Dynamic
        Mixup Augmentation for Class-Imbalanced Expert Systems. Framework figure.
        arXiv 2506.13987. The sizes but the last are ours.

    >>> encoder = Encoder(5).eval()
    >>> encoder(torch.zeros(2, 5)).shape
    torch.Size([2, 32])
    """

    def __init__(
        self,
        n_features: int,
        *,
        d_hidden: int = 64,
        d_repr: int = 32,
        d_token: int = 16,
        n_heads: int = 1,
        max_keys: int = 256,
        entanglement: Coupling = "scalar",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        n_features = check_integer(n_features, "n_features", low=1)
        d_hidden = check_integer(d_hidden, "d_hidden", low=1)
        d_repr = check_integer(d_repr, "d_repr", low=1)
        generator = own_generator(generator)
        self.entanglement_1 = make_coupling(
            entanglement, n_features, generator=generator
        )
        self.attention = FeatureAttention(
            n_features,
            d_token=d_token,
            n_heads=n_heads,
            max_keys=max_keys,
            generator=generator,
        )
        # DIFF(paper): width of FC1, token length, heads and key limit are open there.
        self.linear_1 = seeded_linear(n_features, d_hidden, generator=generator)
        self.norm_1 = _BatchNorm(d_hidden, device=generator.device)
        self.entanglement_2 = make_coupling(entanglement, d_hidden, generator=generator)
        self.linear_2 = seeded_linear(d_hidden, d_repr, generator=generator)
        self.norm_2 = _BatchNorm(d_repr, device=generator.device)

    def forward(
        self, x: Float[Tensor, "batch features"]
    ) -> Float[Tensor, "batch d_repr"]:
        """Return the representation of each row."""
        x = self.attention(self.entanglement_1(x))
        x = F.leaky_relu(self.norm_1(self.linear_1(x)))  # (batch, d_hidden)
        x = self.entanglement_2(x)
        return F.leaky_relu(self.norm_2(self.linear_2(x)))  # (batch, d_repr)


class _BatchNorm(nn.BatchNorm1d):
    """Batch norm that falls back on its running statistics for a batch of one row."""

    # torch calls its argument `input`, which would shadow the builtin here.
    def forward(self, x: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
        if len(x) > 1 or not self.training:
            return super().forward(x)
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=False,
            eps=self.eps,
        )
