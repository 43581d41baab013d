"""Random search, the control of every search: draws around the start, the best kept.

Each generation's newcomers are drawn as the genetic algorithm's first population is; the best
stay, are evaluated again and compete with their running means, so that the delivered genome is
chosen as the genetic algorithm's is. Only inheritance is missing.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from mln.search.base import Fitness, Genomes, Start
from mln.search.config import GeneticConfig
from mln.search.genetic import Genetic, GeneticState
from mln.search.operators import mutate


@dataclass(frozen=True)
class RandomState:
    """start: [G]; kept: the last generation with its running means."""

    start: Genomes
    kept: GeneticState


@dataclass(frozen=True)
class RandomSearch:
    """Uses `elites`, `mutation_sigma` and `gene_rate` of the genetic algorithm's settings."""

    config: GeneticConfig
    population: int

    def init(self, start: Start, rng: Generator) -> RandomState:
        """The start itself and draws around it; a start's spread and sigma are not used."""
        first = Genetic(self.config, self.population).init(start, rng)
        return RandomState(start.mean.copy(), first)

    def ask(self, state: RandomState, rng: Generator) -> tuple[RandomState, Genomes]:
        """The best so far, and new draws around the start."""
        kept, config = state.kept, self.config
        if kept.evaluations.any():
            centre = np.tile(state.start, (self.population - config.elites, 1))
            draws = mutate(centre, config.mutation_sigma, config.gene_rate, rng)
            # A draw has no parents: learners that live on stay in its slot.
            slots = np.arange(config.elites, self.population)
            nobody = np.tile(slots, (2, 1))
            kept = kept.succeeded(config.elites, draws, config.mutation_sigma, nobody)
        return replace(state, kept=kept), kept.population

    def tell(self, state: RandomState, fitness: Fitness) -> RandomState:
        """Add one evaluation of each member, [N], to its running mean."""
        return replace(state, kept=state.kept.evaluated(fitness))

    def incumbent(self, state: RandomState) -> Genomes:
        """The best genome [G] that has been evaluated often enough."""
        return state.kept.best

    def sigma(self, state: RandomState) -> float:
        """Standard deviation of a draw around the start."""
        return state.kept.sigma
