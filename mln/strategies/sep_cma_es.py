"""sep-CMA-ES: covariance matrix adaptation restricted to a diagonal, linear in time and memory.

Ros and Hansen 2008, "A simple modification in CMA-ES achieving linear time and space complexity";
its learning rate of the covariance is (G + 2) / 3 times that of the full CMA-ES. The other
constants are those of Hansen 2016, "The CMA evolution strategy: a tutorial" (arXiv:1604.00772),
table 1, with positive weights alone.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln.config import StrategyConfig
from mln.strategies.base import Fitness, Genomes, Start, by_rank

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class SepCMAState:
    """mean, variances, both evolution paths: [G]; steps (x - mean) / sigma of `ask`: [N, G]."""

    mean: Vector
    variances: Vector
    path_sigma: Vector
    path_variances: Vector
    step_size: float
    generations: int
    steps: Vector


class Constants(NamedTuple):
    """Weights [N] from best to worst and the rates of table 1, under the tutorial's names."""

    weights: Fitness
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    expected_norm: float


@lru_cache
def constants(population: int, genes: int) -> Constants:
    """The default constants for N candidates of G genes."""
    n = genes
    ranks = np.arange(1, population + 1)
    raw = np.where(ranks <= population // 2, np.log((population + 1) / 2) - np.log(ranks), 0.0)
    weights = raw / raw.sum()
    weights.setflags(write=False)
    mu_eff = 1 / float(np.sum(weights**2))
    c_sigma = (mu_eff + 2) / (n + mu_eff + 5)
    separable = (n + 2) / 3
    c_1 = min(1.0, separable * 2 / ((n + 1.3) ** 2 + mu_eff))
    c_mu = separable * 2 * (mu_eff - 2 + 1 / mu_eff) / ((n + 2) ** 2 + mu_eff)
    return Constants(
        weights=weights,
        mu_eff=mu_eff,
        c_sigma=c_sigma,
        d_sigma=1 + 2 * max(0.0, np.sqrt((mu_eff - 1) / (n + 1)) - 1) + c_sigma,
        c_c=(4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n),
        c_1=c_1,
        c_mu=min(1 - c_1, c_mu),
        expected_norm=np.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n**2)),
    )


@dataclass(frozen=True)
class SepCMAES:
    """`mean_rate` is the tutorial's c_m."""

    config: StrategyConfig
    population: int

    def init(self, start: Start, rng: Generator) -> SepCMAState:  # noqa: ARG002
        """A strategy around a start."""
        zeros = np.zeros(len(start.mean))
        spread = np.ones_like(zeros) if start.spread is None else start.spread
        sigma = self.config.sigma if start.sigma is None else start.sigma
        mean = start.mean.astype(np.float64)
        return SepCMAState(mean, spread**2, zeros, zeros, sigma, 0, _none(len(mean)))

    def ask(self, state: SepCMAState, rng: Generator) -> tuple[SepCMAState, Genomes]:
        """Candidates [N, G] = mean + sigma * sqrt(variances) * noise."""
        noise = rng.standard_normal((self.population, len(state.mean)))
        steps = np.sqrt(state.variances) * noise
        candidates = state.mean + state.step_size * steps
        return replace(state, steps=steps), candidates.astype(np.float32)

    def tell(self, state: SepCMAState, fitness: Fitness) -> SepCMAState:
        """Update mean, paths, step size and variances (tutorial, equations 39 to 47)."""
        genes, generations = len(state.mean), state.generations + 1
        k = constants(len(fitness), genes)
        weights = by_rank(k.weights, fitness)
        step = weights @ state.steps
        path_sigma = (1 - k.c_sigma) * state.path_sigma + np.sqrt(
            k.c_sigma * (2 - k.c_sigma) * k.mu_eff
        ) * step / np.sqrt(state.variances)
        norm = float(np.linalg.norm(path_sigma))
        settled = norm / np.sqrt(1 - (1 - k.c_sigma) ** (2 * generations))
        moves = float(settled < (1.4 + 2 / (genes + 1)) * k.expected_norm)
        path = (1 - k.c_c) * state.path_variances + moves * np.sqrt(
            k.c_c * (2 - k.c_c) * k.mu_eff
        ) * step
        kept = 1 - k.c_1 - k.c_mu + (1 - moves) * k.c_1 * k.c_c * (2 - k.c_c)
        variances = kept * state.variances + k.c_1 * path**2 + k.c_mu * (weights @ state.steps**2)
        growth = np.exp(min(1.0, k.c_sigma / k.d_sigma * (norm / k.expected_norm - 1)))
        return SepCMAState(
            state.mean + self.config.mean_rate * state.step_size * step,
            variances,
            path_sigma,
            path,
            float(state.step_size * growth),
            generations,
            _none(genes),
        )

    def incumbent(self, state: SepCMAState) -> Genomes:
        """The mean [G]."""
        return state.mean.astype(np.float32)

    def sigma(self, state: SepCMAState) -> float:
        """Root mean square of the standard deviations."""
        return float(state.step_size * np.sqrt(np.mean(state.variances)))


def _none(genes: int) -> Vector:
    return np.zeros((0, genes))
