"""SNES, the separable natural evolution strategy.

Schaul, Glasmachers, Schmidhuber 2011, "High dimensions and heavy tails for natural evolution
strategies", algorithm 2; utilities and learning rates of Wierstra et al. 2014, "Natural evolution
strategies", table 1.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln.search.base import Fitness, Genomes, Start, by_rank
from mln.search.config import StrategyConfig

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class SNESState:
    """mean and standard deviations: [G]; standard normal samples of `ask`: [N, G]."""

    mean: Vector
    deviations: Vector
    noise: Vector


@dataclass(frozen=True)
class SNES:
    """The step `mean_rate` is 1 in the paper; a smaller one averages over a noisy fitness."""

    config: StrategyConfig
    population: int

    def init(self, start: Start, rng: Generator) -> SNESState:  # noqa: ARG002
        """A strategy around a start."""
        spread = np.ones(len(start.mean)) if start.spread is None else start.spread
        sigma = self.config.sigma if start.sigma is None else start.sigma
        return SNESState(start.mean.astype(np.float64), sigma * spread, _none(len(start.mean)))

    def ask(self, state: SNESState, rng: Generator) -> tuple[SNESState, Genomes]:
        """Candidates [N, G] = mean + deviations * noise."""
        noise = rng.standard_normal((self.population, len(state.mean)))
        candidates = state.mean + state.deviations * noise
        return replace(state, noise=noise), candidates.astype(np.float32)

    def tell(self, state: SNESState, fitness: Fitness) -> SNESState:
        """A natural-gradient step of the mean and of the logarithms of the deviations."""
        weights = by_rank(utilities(len(fitness)), fitness)
        genes = len(state.mean)
        rate = (3 + np.log(genes)) / (5 * np.sqrt(genes))
        mean = state.mean + self.config.mean_rate * state.deviations * (weights @ state.noise)
        growth = np.exp(rate / 2 * (weights @ (state.noise**2 - 1)))
        return SNESState(mean, state.deviations * growth, _none(genes))

    def incumbent(self, state: SNESState) -> Genomes:
        """The mean [G]."""
        return state.mean.astype(np.float32)

    def sigma(self, state: SNESState) -> float:
        """Root mean square of the deviations."""
        return float(np.sqrt(np.mean(state.deviations**2)))


def utilities(population: int) -> Fitness:
    """Weights of the candidates from best to worst [N], which sum to 0."""
    raw = np.maximum(0, np.log(population / 2 + 1) - np.log(np.arange(1, population + 1)))
    weights: Fitness = raw / raw.sum() - 1 / population
    return weights


def _none(genes: int) -> Vector:
    return np.zeros((0, genes))
