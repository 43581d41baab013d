"""Genetic algorithm for a noisy fitness: selection, crossover, mutation, re-evaluated elites.

After the simple GA of Such et al. 2017 ("Deep Neuroevolution"), with the running means that a
noisy fitness needs: an elite stays in the population, is evaluated again on each generation's
new tasks, and competes with the mean of all its evaluations.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln.search.base import Fitness, Genomes, Start
from mln.search.config import GeneticConfig
from mln.search.operators import Slots, cross, mutate, select

MIN_EVALUATIONS = 3
"""The best of a generation's newcomers is mostly a lucky one: it is bred from, not delivered."""


@dataclass(frozen=True)
class GeneticState:
    """population: [N, G]; mean_fitness: mean over each one's evaluations [N]; evaluations: [N].

    parents: mother and father of each as slots of the population before, int64 [2, N]; an elite
    is its own parent, and a child that was not crossed has its mother twice.
    """

    population: Genomes
    mean_fitness: Fitness
    evaluations: NDArray[np.int64]
    sigma: float
    parents: Slots = field(default_factory=lambda: np.zeros((2, 0), np.int64))

    @property
    def order(self) -> NDArray[np.int64]:
        """Members from best to worst."""
        return np.argsort(-self.mean_fitness, kind="stable")

    @property
    def best_slot(self) -> int:
        """The slot with the best mean fitness among those evaluated often enough."""
        enough = min(MIN_EVALUATIONS, int(self.evaluations.max()))
        trusted = [member for member in self.order if self.evaluations[member] >= enough]
        return int(trusted[0])

    @property
    def best(self) -> Genomes:
        """The genome [G] in the best slot."""
        best: Genomes = self.population[self.best_slot]
        return best

    @property
    def level(self) -> float | None:
        """Mean of the running means that rest on enough evaluations; None while there is none."""
        trusted = self.mean_fitness[self.evaluations >= MIN_EVALUATIONS]
        return float(trusted.mean()) if len(trusted) else None

    def elites(self, count: int) -> Genomes:
        """The `count` best genomes [count, G]."""
        best: Genomes = self.population[self.order[:count]]
        return best

    def succeeded(
        self, elites: int, newcomers: Genomes, sigma: float, parents: Slots
    ) -> "GeneticState":
        """The next generation: the elites with their running means, then newcomers [K, G].

        parents: the newcomers' mothers and fathers, [2, K].
        """
        kept, fresh = self.order[:elites], len(newcomers)
        return GeneticState(
            np.concatenate([self.population[kept], newcomers]),
            np.concatenate([self.mean_fitness[kept], np.zeros(fresh)]),
            np.concatenate([self.evaluations[kept], np.zeros(fresh, np.int64)]),
            sigma,
            np.concatenate([np.tile(kept, (2, 1)), parents], axis=1),
        )

    def evaluated(self, fitness: Fitness) -> "GeneticState":
        """One evaluation of each member, [N], added to its running mean."""
        evaluations = self.evaluations + 1
        mean = self.mean_fitness + (fitness - self.mean_fitness) / evaluations
        return replace(self, mean_fitness=mean, evaluations=evaluations)


@dataclass(frozen=True)
class Genetic:
    """The algorithm; `config.elites` must be fewer than `population`."""

    config: GeneticConfig
    population: int

    def init(self, start: Start, rng: Generator) -> GeneticState:
        """The start's mean itself and mutants of it; a start's spread and sigma are not used."""
        config, size = self.config, self.population
        population = np.tile(start.mean, (size, 1))
        population[1:] = mutate(population[1:], config.mutation_sigma, config.gene_rate, rng)
        return GeneticState(
            population,
            np.zeros(size),
            np.zeros(size, np.int64),
            config.mutation_sigma,
            np.tile(np.arange(size), (2, 1)),
        )

    def ask(self, state: GeneticState, rng: Generator) -> tuple[GeneticState, Genomes]:
        """The elites as they are, and mutated children of selected parents."""
        if not state.evaluations.any():
            return state, state.population
        config, children = self.config, self.population - self.config.elites
        mothers, fathers = select(config, state.mean_fitness, children, rng)
        crossed, brood = cross(config, state.population[mothers], state.population[fathers], rng)
        sigma = state.sigma
        if config.sigma_schedule == "exponential":
            sigma *= config.sigma_decay
        newcomers = mutate(brood, sigma, config.gene_rate, rng)
        parents = np.stack([mothers, np.where(crossed, fathers, mothers)])
        after = state.succeeded(config.elites, newcomers, sigma, parents)
        return after, after.population

    def tell(self, state: GeneticState, fitness: Fitness) -> GeneticState:
        """Add one evaluation of each member, [N], to its running mean."""
        return state.evaluated(fitness)

    def incumbent(self, state: GeneticState) -> Genomes:
        """The best genome [G] that has been evaluated often enough."""
        return state.best

    def sigma(self, state: GeneticState) -> float:
        """Standard deviation of the mutation of a gene."""
        return state.sigma
