"""How the step size changes while learning."""

import math

__all__ = ["warm_cosine"]


def warm_cosine(
    step: int, n_steps: int, *, peak: float, final_rate: float, warmup_steps: int
) -> float:
    """Return the step size of a step: a linear rise, then a cosine.

    Args:
        step: counted from 0.
        n_steps: steps of the whole fit.
        peak: highest step size, reached after the rise.
        final_rate: share of it left at the end.
        warmup_steps: steps of the rise; at most a tenth of all steps are.

    Returns:
        The step size.

    >>> [warm_cosine(s, 30, peak=1, final_rate=0.5, warmup_steps=1) for s in (0, 1, 30)]
    [0.5, 1.0, 0.5]
    """
    # A fit of a few steps must not spend them all on warming up.
    warmup = min(warmup_steps, n_steps // 10)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    done = min((step - warmup) / max(n_steps - warmup, 1), 1.0)
    wave = 0.5 * (1 + math.cos(math.pi * done))
    return peak * (final_rate + (1 - final_rate) * wave)
