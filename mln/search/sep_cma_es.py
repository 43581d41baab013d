"""sep-CMA-ES: covariance matrix adaptation restricted to a diagonal, linear in time and memory.

Ros and Hansen 2008, "A simple modification in CMA-ES achieving linear time and space complexity".
Names and equations are those of Hansen 2016, "The CMA evolution strategy: a tutorial"
(arXiv:1604.00772), negative weights included (active CMA). A diagonal has G numbers to learn
instead of G (G + 1) / 2: its rates and its path's horizon are those of cma 4.5 with the option
CMA_diagonal, which learn faster than Ros and Hansen's in many dimensions.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln.search.base import Fitness, Genomes, Start, by_rank
from mln.search.config import StrategyConfig

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class SepCMAState:
    """mean, variances, both evolution paths: [G]; steps (x - mean) / sigma of `ask`: [N, G].

    shift: the last step of the mean, [G], which two candidates test where the step size is
    adapted by two points; trend: how much better the one further on has been lately.
    """

    mean: Vector
    variances: Vector
    path_sigma: Vector
    path_variances: Vector
    step_size: float
    generations: int
    steps: Vector
    shift: Vector
    trend: float


class Constants(NamedTuple):
    """Weights [N] from best to worst, of sum 1 over the positive ones, and the rates, under the
    tutorial's names."""

    weights: Fitness
    mu_eff: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    expected_norm: float


TWO_POINTS_FROM = 300
"""Genes from which on the step size is adapted by two points, as cma does: there the path
remembers as many generations as there are genes, too many to follow."""

TREND_RATE = 0.3
"""Share of the newest comparison in the trend."""

MIN_SHARE = 0.1
"""Of a variance that one generation leaves at least: negative weights must not take all of it."""


@lru_cache
def constants(population: int, genes: int) -> Constants:
    """The default constants for N candidates of G genes."""
    n = genes
    raw = np.log((population + 1) / 2) - np.log(np.arange(1, population + 1))
    better, worse = raw.clip(min=0), raw.clip(max=0)
    mu_eff, mu_eff_minus = (float(part.sum() ** 2 / np.sum(part**2)) for part in (better, worse))
    c_sigma = (mu_eff + 2) / (n + mu_eff + 5)
    c_1 = 1 / (n + 2 * np.sqrt(n) + mu_eff / n)
    c_mu = (mu_eff - 1.75 + 1 / mu_eff) / (n + 4 * np.sqrt(n) + mu_eff / 2)
    c_mu = min(1 - c_1, c_mu)
    # Equations 50 and 51; 52 is for full matrices, here MIN_SHARE takes its place.
    negative = min(1 + c_1 / c_mu, 1 + 2 * mu_eff_minus / (mu_eff + 2))
    weights = better / better.sum() - negative * worse / worse.sum()
    weights.setflags(write=False)
    return Constants(
        weights=weights,
        mu_eff=mu_eff,
        c_sigma=c_sigma,
        d_sigma=1 + 2 * max(0.0, np.sqrt((mu_eff - 1) / (n + 1)) - 1) + c_sigma,
        c_c=(1 + 1 / n + mu_eff / n) / (np.sqrt(n) + 1 / n + 2 * mu_eff / n),
        c_1=c_1,
        c_mu=c_mu,
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
        return SepCMAState(mean, spread**2, zeros, zeros, sigma, 0, _none(len(mean)), zeros, 0.0)

    def ask(self, state: SepCMAState, rng: Generator) -> tuple[SepCMAState, Genomes]:
        """Candidates [N, G] = mean + sigma * sqrt(variances) * noise.

        Where the step size is adapted by two points, the first two lie on and against the way
        that the mean last went, as far off as a random one would.
        """
        noise = rng.standard_normal((self.population, len(state.mean)))
        deviations = np.sqrt(state.variances)
        length = np.linalg.norm(state.shift / deviations)
        if len(state.mean) >= TWO_POINTS_FROM and length > 0:
            ahead = state.shift / deviations * (np.linalg.norm(noise[0]) / length)
            noise[0], noise[1] = ahead, -ahead
        steps = deviations * noise
        candidates = state.mean + state.step_size * steps
        return replace(state, steps=steps), candidates.astype(np.float32)

    def tell(self, state: SepCMAState, fitness: Fitness) -> SepCMAState:
        """Update mean, paths, step size and variances (tutorial, equations 39 to 47)."""
        genes, generations = len(state.mean), state.generations + 1
        k = constants(len(fitness), genes)
        weights = by_rank(k.weights, fitness)
        step = weights.clip(min=0) @ state.steps
        path_sigma = (1 - k.c_sigma) * state.path_sigma + np.sqrt(
            k.c_sigma * (2 - k.c_sigma) * k.mu_eff
        ) * step / np.sqrt(state.variances)
        norm = float(np.linalg.norm(path_sigma))
        settled = norm / np.sqrt(1 - (1 - k.c_sigma) ** (2 * generations))
        moves = float(settled < (1.4 + 2 / (genes + 1)) * k.expected_norm)
        path = (1 - k.c_c) * state.path_variances + moves * np.sqrt(
            k.c_c * (2 - k.c_c) * k.mu_eff
        ) * step
        squares = state.steps**2
        # A bad step counts by its direction alone, not by its length (equation 46).
        lengths = (squares / state.variances).sum(1).clip(min=np.finfo(float).tiny)
        scaled = np.where(weights < 0, weights * genes / lengths, weights)
        kept = 1 - k.c_1 - k.c_mu * weights.sum() + (1 - moves) * k.c_1 * k.c_c * (2 - k.c_c)
        variances = kept * state.variances + k.c_1 * path**2 + k.c_mu * (scaled @ squares)
        variances = np.maximum(variances, MIN_SHARE * state.variances)
        trend, growth = 0.0, np.exp(min(1.0, k.c_sigma / k.d_sigma * (norm / k.expected_norm - 1)))
        if genes >= TWO_POINTS_FROM:
            trend = two_point_trend(state, fitness)
            growth = np.exp(trend / (0.7 + 2 * np.log(genes)))
        return SepCMAState(
            state.mean + self.config.mean_rate * state.step_size * step,
            variances,
            path_sigma,
            path,
            float(state.step_size * growth),
            generations,
            _none(genes),
            step,
            trend,
        )

    def incumbent(self, state: SepCMAState) -> Genomes:
        """The mean [G]."""
        return state.mean.astype(np.float32)

    def sigma(self, state: SepCMAState) -> float:
        """Root mean square of the standard deviations."""
        return float(state.step_size * np.sqrt(np.mean(state.variances)))


def two_point_trend(state: SepCMAState, fitness: Fitness) -> float:
    """The trend after a generation, in [-1, 1] (two-point adaptation, Hansen 2008, with the
    constants of cma 4.5): positive where the candidate further on the mean's way ranked higher."""
    if not state.shift.any():
        return 0.0
    worse_than = [int((fitness > value).sum()) for value in fitness[:2]]
    z = (worse_than[1] - worse_than[0]) / (len(fitness) - 1)
    return (1 - TREND_RATE) * state.trend + TREND_RATE * float(np.sign(z) * np.sqrt(abs(z)))


def _none(genes: int) -> Vector:
    return np.zeros((0, genes))
