"""Seeds: all randomness comes from a `numpy.random.SeedSequence` and a key, never from a state."""

import numpy as np
from numpy.random import Generator, SeedSequence


def child(seed: SeedSequence, *key: int) -> SeedSequence:
    """The seed below `seed` at `key`; unlike `SeedSequence.spawn` it keeps no counter."""
    return SeedSequence(entropy=seed.entropy, spawn_key=(*seed.spawn_key, *key))


def generator(seed: SeedSequence, *key: int) -> Generator:
    """A fresh generator for the seed below `seed` at `key`."""
    return np.random.default_rng(child(seed, *key))
