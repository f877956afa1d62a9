import numpy as np
import pytest

from qclmixnet.core.errors import InputError
from qclmixnet.core.seeding import spawn_seeds


def test_the_same_number_gives_the_same_seeds() -> None:
    assert spawn_seeds(3, 4) == spawn_seeds(np.int32(3), 4)
    assert spawn_seeds(3, 4) != spawn_seeds(4, 4)
    assert len(set(spawn_seeds(3, 4))) == 4


def test_none_gives_fresh_seeds() -> None:
    assert spawn_seeds(None, 2) != spawn_seeds(None, 2)


def test_a_generator_is_advanced() -> None:
    generator = np.random.default_rng(0)
    assert spawn_seeds(generator, 1) != spawn_seeds(generator, 1)
    legacy = np.random.RandomState(0)
    assert spawn_seeds(legacy, 1) != spawn_seeds(legacy, 1)


def test_seeds_fit_a_torch_generator() -> None:
    assert all(0 <= seed < 2**63 for seed in spawn_seeds(0, 1000))


@pytest.mark.parametrize("bad", [-1, "zero", 1.5])
def test_anything_else_is_refused(bad: object) -> None:
    with pytest.raises(InputError, match=r"`random_state` must be .*, got"):
        spawn_seeds(bad, 1)
