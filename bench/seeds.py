"""Disjoint seeds by construction: (root seed, purpose, index)."""

from enum import IntEnum

from numpy.random import SeedSequence

from mln.random import child


class Purpose(IntEnum):
    """What a seed is for. Two purposes never share a seed."""

    EVOLVE = 0
    TUNE = 1
    STUDY = 2
    TEST = 3


def seed_for(root: int, purpose: Purpose, *index: int) -> SeedSequence:
    """The seed of the `index`-th draw for a purpose under the experiment's root seed."""
    return child(SeedSequence(root), int(purpose), *index)
