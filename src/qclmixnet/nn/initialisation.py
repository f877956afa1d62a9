"""Initial weights drawn from a given generator, never from torch's global state."""

import math

import torch
from torch import nn

__all__ = ["normal_parameter", "own_generator", "seeded_linear", "uniform_parameter"]


def own_generator(generator: torch.Generator | None) -> torch.Generator:
    """Return ``generator``, or a fresh one seeded from the system's entropy.

    >>> g = torch.Generator()
    >>> own_generator(g) is g
    True
    """
    if generator is None:
        generator = torch.Generator()
        generator.seed()
    return generator


def uniform_parameter(
    *shape: int, bound: float, generator: torch.Generator
) -> nn.Parameter:
    """Draw a parameter uniformly from -``bound`` to ``bound``.

    It lives on the generator's device and has torch's default dtype.
    """
    values = torch.empty(shape, device=generator.device)
    return nn.Parameter(values.uniform_(-bound, bound, generator=generator))


def normal_parameter(
    *shape: int, std: float, generator: torch.Generator
) -> nn.Parameter:
    """Draw a parameter from a normal distribution around 0, placed as above."""
    values = torch.empty(shape, device=generator.device)
    return nn.Parameter(values.normal_(0.0, std, generator=generator))


def seeded_linear(
    d_in: int, d_out: int, *, bias: bool = True, generator: torch.Generator
) -> nn.Linear:
    """Build a linear map with ``nn.Linear``'s usual weights, from ``generator``.

    >>> a = seeded_linear(3, 2, generator=torch.Generator().manual_seed(0))
    >>> b = seeded_linear(3, 2, generator=torch.Generator().manual_seed(0))
    >>> torch.equal(a.weight, b.weight)
    True
    """
    # On the meta device nn.Linear draws no numbers of its own.
    linear = nn.Linear(d_in, d_out, bias=bias, device="meta")
    # nn.Linear's kaiming-uniform with a = sqrt(5) has this bound too.
    bound = 1 / math.sqrt(d_in)
    linear.weight = uniform_parameter(d_out, d_in, bound=bound, generator=generator)
    if bias:
        linear.bias = uniform_parameter(d_out, bound=bound, generator=generator)
    return linear
