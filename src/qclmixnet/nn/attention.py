"""Self-attention over the features of a row."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from qclmixnet.core.checks import check_integer
from qclmixnet.core.errors import InputError
from qclmixnet.nn.embeddings import FeatureTokens
from qclmixnet.nn.initialisation import own_generator, seeded_linear
from qclmixnet.nn.shapes import check_width

__all__ = ["FeatureAttention"]


class FeatureAttention(nn.Module):
    """Let each feature of a row look at the row's other features: ``x + o``.

    The tokens are the features of one row, so a row's output never depends on the
    other rows of its batch. ``o_j = w_o . (softmax(Q K^T / sqrt(d_k)) V)_j`` with
    ``d_k = d_token / n_heads``; heads are laid side by side before ``w_o``. None of
    the four maps has a bias, for each token has its own.

    Cost: ``width * min(width, max_keys) * d_token`` per row. With more than
    ``max_keys`` features, keys and values are averaged over ``max_keys`` groups of
    consecutive features whose sizes differ by at most one (the larger ones first), so
    the cost grows in step with the width and 2,000 columns stay feasible.

    Args:
        width: number of features in and out, >= 1.
        d_token: length of a feature's token, a multiple of ``n_heads``.
        n_heads: number of attention heads, >= 1.
        max_keys: most keys a feature looks at, >= 1.
        generator: source of the initial weights; None for fresh entropy.

    Raises:
        InputError: an argument is out of range, or the input has another width.

    References:
        Jahin, Abid, Mridha (2025). Quantum-Informed Contrastive Learning with Dynamic
        Mixup Augmentation for Class-Imbalanced Expert Systems. Framework figure.
        arXiv 2506.13987. What the tokens are is left open there.

        Gorishniy, Rubachev, Khrulkov, Babenko (2021). Revisiting Deep Learning Models
        for Tabular Data. arXiv 2106.11959. One such attention, without their layer
        norms, feed-forward blocks and class token.

        Wang, Li, Khabsa, Fang, Ma (2020). Linformer: Self-Attention with Linear
        Complexity. Equation 7. arXiv 2006.04768. Fixed means instead of their learned
        projections.

    >>> attention = FeatureAttention(3, d_token=4)
    >>> _ = nn.init.zeros_(attention.out.weight)  # nothing to add: the row itself
    >>> attention(torch.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[1.0, 2.0, 3.0]]
    """

    def __init__(
        self,
        width: int,
        *,
        d_token: int = 16,
        n_heads: int = 1,
        max_keys: int = 256,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        generator = own_generator(generator)
        self.width = check_integer(width, "width", low=1)
        self.n_heads = check_integer(n_heads, "n_heads", low=1)
        self.max_keys = check_integer(max_keys, "max_keys", low=1)
        self.tokens = FeatureTokens(width, d_token, generator=generator)
        if self.tokens.d_token % self.n_heads:
            raise InputError(
                f"`d_token` must be a multiple of `n_heads` = {self.n_heads}, "
                f"got {d_token}."
            )
        d = self.tokens.d_token
        self.query = seeded_linear(d, d, bias=False, generator=generator)
        self.key = seeded_linear(d, d, bias=False, generator=generator)
        self.value = seeded_linear(d, d, bias=False, generator=generator)
        self.out = seeded_linear(d, 1, bias=False, generator=generator)

    def forward(
        self, x: Float[Tensor, "batch features"]
    ) -> Float[Tensor, "batch features"]:
        """Add to each feature what it gathers from the others."""
        check_width(x, self.width)
        # Q, K and V are affine in x_j, but building them without the tokens gained
        # less than 5 % (batch 256, widths 50 and 300): the softmax is the cost.
        tokens = self.tokens(x)  # (batch, features, d_token)
        # DIFF(paper): all features are keys there. The maps are linear, so averaging
        # tokens is averaging keys and values, in one pass.
        sources = _average_groups(tokens, self.max_keys)  # (batch, keys, d_token)
        gathered = scaled_dot_product_attention(
            self._split_heads(self.query(tokens)),
            self._split_heads(self.key(sources)),
            self._split_heads(self.value(sources)),
        )  # (batch, heads, features, d_head)
        gathered = gathered.transpose(1, 2).flatten(2)  # (batch, features, d_token)
        change: Tensor = self.out(gathered)  # (batch, features, 1)
        return x + change.squeeze(2)

    def _split_heads(
        self, x: Float[Tensor, "batch tokens d_token"]
    ) -> Float[Tensor, "batch heads tokens d_head"]:
        batch, n_tokens, d_token = x.shape
        x = x.reshape(batch, n_tokens, self.n_heads, d_token // self.n_heads)
        return x.transpose(1, 2)  # (batch, heads, tokens, d_head)

    def extra_repr(self) -> str:
        """Show the sizes when the module is printed."""
        return f"width={self.width}, n_heads={self.n_heads}, max_keys={self.max_keys}"


def _average_groups(
    tokens: Float[Tensor, "batch features d_token"], n_groups: int
) -> Float[Tensor, "batch groups d_token"]:
    """Average consecutive features in groups cut as ``numpy.array_split`` cuts."""
    batch, width, d_token = tokens.shape
    if width <= n_groups:
        return tokens
    size, n_larger = divmod(width, n_groups)
    cut = n_larger * (size + 1)
    n_smaller = n_groups - n_larger
    larger = tokens[:, :cut].reshape(batch, n_larger, size + 1, d_token)
    smaller = tokens[:, cut:].reshape(batch, n_smaller, size, d_token)
    return torch.cat([larger.mean(dim=2), smaller.mean(dim=2)], dim=1)
