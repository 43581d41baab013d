"""Disjoint seeds by construction: (root seed, purpose, index)."""

from enum import IntEnum

from numpy.random import SeedSequence

from mln.random import child


class Purpose(IntEnum):
    """What a seed is for. Two purposes never share a seed."""

    EVOLVE = 0
    STUDY = 2
    TEST = 3
    PROBE = 4


def seed_for(root: int, purpose: Purpose, *index: int) -> SeedSequence:
    """The seed of the `index`-th draw for a purpose under the experiment's root seed."""
    return child(SeedSequence(root), int(purpose), *index)


def drawn(root: int, counts: dict[Purpose, int]) -> dict[str, list[str]]:
    """The seeds that an experiment draws for each purpose, as 128 bits in hexadecimal: what a
    report checks to be disjoint."""
    return {
        purpose.name.lower(): [
            seed_for(root, purpose, index).generate_state(4).tobytes().hex()
            for index in range(count)
        ]
        for purpose, count in counts.items()
    }
