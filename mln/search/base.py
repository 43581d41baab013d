"""What all search algorithms share: the interface init / ask / tell, and rank-based weights.

An algorithm is a frozen dataclass of settings, its state another one of numpy arrays and
scalars; randomness comes only from the generator that is passed. Fitness is maximised.
"""

from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Genomes = NDArray[np.float32]
Fitness = NDArray[np.float64]
StateT = TypeVar("StateT")


class Start(NamedTuple):
    """Where a strategy begins: candidates are drawn from N(mean, (sigma * spread)^2).

    mean: [G]; spread: relative standard deviation of each gene [G], ones if None; sigma: the
    common step size, that of the configuration if None.
    """

    mean: Genomes
    spread: NDArray[np.float64] | None = None
    sigma: float | None = None


class Algorithm(Protocol[StateT]):
    """A search over genomes of G genes, N candidates at a time."""

    def init(self, start: Start, rng: Generator) -> StateT:
        """The first state."""

    def ask(self, state: StateT, rng: Generator) -> tuple[StateT, Genomes]:
        """N candidates [N, G], and the state that waits for their fitness."""

    def tell(self, state: StateT, fitness: Fitness) -> StateT:
        """The state after the fitness [N] of the candidates asked for last is known."""

    def incumbent(self, state: StateT) -> Genomes:
        """The genome [G] that the search would deliver now."""

    def sigma(self, state: StateT) -> float:
        """The current mutation strength: root mean square over genes."""


def centred_ranks(fitness: Fitness) -> Fitness:
    """Ranks scaled to [-0.5, 0.5]; equal values share their mean rank."""
    _, inverse, counts = np.unique(fitness, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts + 1) / 2
    ranks: Fitness = mean_rank[inverse] / max(len(fitness) - 1, 1) - 0.5
    return ranks


def by_rank(weights: Fitness, fitness: Fitness) -> Fitness:
    """The weight of each candidate [N], `weights[0]` for the best; ties share their mean weight."""
    _, inverse, counts = np.unique(-fitness, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    shared: Fitness = ((sums[ends] - sums[ends - counts]) / counts)[inverse]
    return shared
