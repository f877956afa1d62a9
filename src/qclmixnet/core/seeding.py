"""One seed in, independent streams of random numbers out."""

import numpy as np

from qclmixnet.core.errors import InputError

__all__ = ["RandomState", "spawn_seeds"]

RandomState = int | np.random.RandomState | np.random.Generator | None


def spawn_seeds(random_state: object, n_seeds: int) -> list[int]:
    """Derive ``n_seeds`` independent seeds of 63 bits from one random state.

    Args:
        random_state: None for fresh entropy, a whole number >= 0 for a repeatable
            result, or a NumPy generator (which is advanced).
        n_seeds: how many seeds are wanted.

    Returns:
        Seeds fit for ``numpy.random.default_rng`` and ``torch.Generator``.

    Raises:
        InputError: `random_state` is none of these.

    >>> spawn_seeds(0, 2) == spawn_seeds(0, 2)
    True
    """
    entropy: int | None
    if random_state is None:
        entropy = None
    elif isinstance(random_state, int | np.integer):
        entropy = int(random_state)
        if entropy < 0:
            raise InputError(f"`random_state` must be at least 0, got {entropy}.")
    elif isinstance(random_state, np.random.Generator):
        entropy = int(random_state.integers(2**63))
    elif isinstance(random_state, np.random.RandomState):
        entropy = int(random_state.randint(2**31 - 1))
    else:
        raise InputError(
            "`random_state` must be None, a whole number or a NumPy generator, "
            f"got {random_state!r}."
        )
    sequence = np.random.SeedSequence(entropy)
    return [int(s) >> 1 for s in sequence.generate_state(n_seeds, dtype=np.uint64)]
