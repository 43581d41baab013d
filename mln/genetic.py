"""Genetic algorithm for a noisy fitness: tournaments, crossover, mutation, re-evaluated elites.

After the simple GA of Such et al. 2017 ("Deep Neuroevolution"), with the running means that a
noisy fitness needs: an elite stays in the population, is evaluated again on each generation's
new tasks, and competes with the mean of all its evaluations.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln.config import GeneticConfig
from mln.genome import Genomes

TRUSTED_EVALUATIONS = 3
"""The best of a generation's newcomers is mostly a lucky one: it is bred from, not delivered."""


@dataclass(frozen=True)
class GeneticState:
    """population: [N, G]; mean_fitness: mean over each one's evaluations [N]; evaluations: [N].

    parents: mother and father of each as slots of the population before, int64 [2, N]; an elite
    is its own parent.
    """

    population: Genomes
    mean_fitness: NDArray[np.float64]
    evaluations: NDArray[np.int64]
    sigma: float
    parents: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 0), np.int64))

    @property
    def order(self) -> NDArray[np.int64]:
        """Members from best to worst."""
        return np.argsort(-self.mean_fitness, kind="stable")

    @property
    def best_slot(self) -> int:
        """The slot with the best mean fitness among those evaluated often enough."""
        enough = min(TRUSTED_EVALUATIONS, int(self.evaluations.max()))
        trusted = [member for member in self.order if self.evaluations[member] >= enough]
        return int(trusted[0])

    @property
    def best(self) -> Genomes:
        """The genome [G] in the best slot."""
        best: Genomes = self.population[self.best_slot]
        return best


def init(config: GeneticConfig, start: Genomes, size: int, rng: Generator) -> GeneticState:
    """A population of `size`: the start genome [G] itself and mutants of it."""
    population = np.tile(start, (size, 1))
    population[1:] = mutate(population[1:], config.mutation_sigma, config.gene_rate, rng)
    return GeneticState(
        population,
        np.zeros(size),
        np.zeros(size, np.int64),
        config.mutation_sigma,
        np.tile(np.arange(size), (2, 1)),
    )


def ask(config: GeneticConfig, state: GeneticState, rng: Generator) -> GeneticState:
    """The next generation: the elites as they are, and mutated children of tournament winners."""
    if not state.evaluations.any():
        return state
    size = len(state.population)
    elites = state.order[: config.elites]
    children = size - config.elites
    entrants = rng.integers(size, size=(2, children, config.tournament))
    mothers, fathers = (
        side[np.arange(children), state.mean_fitness[side].argmax(1)] for side in entrants
    )
    crossed = rng.random(children) < config.crossover_rate
    from_father = crossed[:, None] & (rng.random((children, state.population.shape[1])) < 0.5)
    brood = np.where(from_father, state.population[fathers], state.population[mothers])
    sigma = state.sigma * config.sigma_decay
    return GeneticState(
        np.concatenate([state.population[elites], mutate(brood, sigma, config.gene_rate, rng)]),
        np.concatenate([state.mean_fitness[elites], np.zeros(children)]),
        np.concatenate([state.evaluations[elites], np.zeros(children, np.int64)]),
        sigma,
        np.stack(
            [
                np.concatenate([elites, mothers]),
                np.concatenate([elites, np.where(crossed, fathers, mothers)]),
            ]
        ),
    )


def tell(state: GeneticState, fitness: NDArray[np.float64]) -> GeneticState:
    """Add one evaluation of each member, [N], to its running mean."""
    evaluations = state.evaluations + 1
    mean = state.mean_fitness + (fitness - state.mean_fitness) / evaluations
    return replace(state, mean_fitness=mean, evaluations=evaluations)


def elite_mean(config: GeneticConfig, state: GeneticState) -> Genomes:
    """Mean genome of the elites, [G]: what is handed over to the evolution strategy."""
    mean: Genomes = state.population[state.order[: config.elites]].mean(0, dtype=np.float32)
    return mean


def mutate(genomes: Genomes, sigma: float, gene_rate: float, rng: Generator) -> Genomes:
    """Add N(0, sigma^2) to each gene with probability `gene_rate`."""
    noise = rng.standard_normal(genomes.shape, dtype=np.float32) * np.float32(sigma)
    return genomes + noise * (rng.random(genomes.shape) < gene_rate)
