"""Problems made to probe interactions, and small networks of about equal size."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from qclmixnet.nn import EntanglementLayer, StackedEntanglement

__all__ = ["MODELS", "N_FEATURES", "PROBLEMS", "draw"]

N_FEATURES = 8

Rule = Callable[[np.ndarray], np.ndarray]


def _sine(periods: float) -> Rule:
    """Sign of a sinusoid of one linear form of all features, a normal number."""
    w = np.random.default_rng(7).normal(size=N_FEATURES)
    w /= np.linalg.norm(w)
    return lambda x: np.sin(2 * math.pi * periods * (x @ w))


def _parity(n_bits: int) -> Rule:
    return lambda x: np.sign(x[:, :n_bits]).prod(axis=1)


PROBLEMS: Mapping[str, tuple[str, Rule, bool, float]] = {
    # title, rule, whether features are bits, share of labels that are wrong
    "linear": ("linear form (control)", lambda x: x @ np.ones(N_FEATURES), False, 0.0),
    "products": (
        "sum of two products",
        lambda x: x[:, 0] * x[:, 1] + x[:, 2] * x[:, 3],
        False,
        0.0,
    ),
    "parity2": ("parity of 2 bits", _parity(2), True, 0.0),
    "parity3": ("parity of 3 bits", _parity(3), True, 0.0),
    "parity4": ("parity of 4 bits", _parity(4), True, 0.0),
    "sine": ("slow sinusoid", _sine(0.5), False, 0.0),
    "fast_sine": ("fast sinusoid", _sine(1.0), False, 0.0),
    "noisy_xor": ("XOR, 20 % of labels wrong", _parity(2), False, 0.2),
}


def draw(problem: str, n_rows: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw rows and their classes; labels are wrong in the stated share of the rows."""
    _, rule, bits, noise = PROBLEMS[problem]
    rng = np.random.default_rng([seed, n_rows, list(PROBLEMS).index(problem)])
    x = rng.normal(size=(n_rows, N_FEATURES))
    x = np.sign(x) if bits else x
    y = (rule(x) > 0).astype(np.float32)
    wrong = rng.random(n_rows) < noise
    return x.astype(np.float32), np.where(wrong, 1 - y, y)


class _Waves(nn.Module):
    """The layer of the default preset's search, for one member."""

    def __init__(self, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.layer = StackedEntanglement(width, generators=[generator])

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(x.unsqueeze(0))
        return out.squeeze(0)


class _Sine(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x)


def _linear(d_in: int, d_out: int, generator: torch.Generator) -> nn.Linear:
    layer = nn.Linear(d_in, d_out)
    nn.init.normal_(layer.weight, std=1 / math.sqrt(d_in), generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def _mlp(
    width: int, activation: type[nn.Module], *, gated: bool = False
) -> Callable[[torch.Generator], nn.Module]:
    def build(generator: torch.Generator) -> nn.Module:
        gate = [EntanglementLayer(width, generator=generator)] if gated else []
        return nn.Sequential(
            _linear(N_FEATURES, width, generator),
            *gate,
            activation(),
            _linear(width, width, generator),
            activation(),
            _linear(width, 1, generator),
        )

    return build


MODELS: Mapping[str, tuple[str, Callable[[torch.Generator], nn.Module]]] = {
    "linear": ("linear", lambda g: _linear(N_FEATURES, 1, g)),
    "layer": (
        "published layer, linear",
        lambda g: nn.Sequential(
            EntanglementLayer(N_FEATURES, generator=g), _linear(N_FEATURES, 1, g)
        ),
    ),
    "linear_layer": (
        "linear, published layer, linear",
        lambda g: nn.Sequential(
            _linear(N_FEATURES, 91, g),
            EntanglementLayer(91, generator=g),
            _linear(91, 1, g),
        ),
    ),
    "mlp": ("MLP", _mlp(27, nn.SiLU)),
    "mlp_layer": ("MLP with the published layer", _mlp(26, nn.SiLU, gated=True)),
    "sine_mlp": ("MLP of sines", _mlp(27, _Sine)),
    "waves": (
        "linear, gated waves, linear",
        lambda g: nn.Sequential(
            _linear(N_FEATURES, 11, g), _Waves(11, g), _linear(11, 1, g)
        ),
    ),
}
"""About 1,000 parameters each, other than the first two, which cannot have more."""
