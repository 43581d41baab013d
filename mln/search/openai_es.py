"""OpenAI-ES (Salimans et al. 2017, "Evolution strategies as a scalable alternative", section 2).

Antithetic samples around a mean, centred ranks as weights, and Adam on the mean. The step size
stays as it is. With an uneven spread the algorithm runs in coordinates divided by the spread.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from mln.search.base import Fitness, Genomes, Start, centred_ranks
from mln.search.config import StrategyConfig

ADAM_BETAS = (0.9, 0.999)
ADAM_EPS = 1e-8


@dataclass(frozen=True)
class OpenAIState:
    """mean, first and second moment of the gradient, spread: [G]; noise of `ask`: [N/2, G]."""

    mean: Genomes
    first: Genomes
    second: Genomes
    spread: Genomes
    steps: int
    sigma: float
    noise: Genomes


@dataclass(frozen=True)
class OpenAIES:
    """`population` must be even."""

    config: StrategyConfig
    population: int

    def init(self, start: Start, rng: Generator) -> OpenAIState:  # noqa: ARG002
        """A strategy around a start."""
        zeros = np.zeros_like(start.mean)
        spread = np.ones_like(zeros) if start.spread is None else start.spread.astype(np.float32)
        sigma = self.config.sigma if start.sigma is None else start.sigma
        return OpenAIState(start.mean.copy(), zeros, zeros, spread, 0, sigma, _none(len(zeros)))

    def ask(self, state: OpenAIState, rng: Generator) -> tuple[OpenAIState, Genomes]:
        """Candidates [N, G]: mean + sigma * noise, then as many with the noise negated."""
        shape = (self.population // 2, len(state.mean))
        noise = rng.standard_normal(shape, dtype=np.float32)
        steps = np.float32(state.sigma) * state.spread * noise
        return replace(state, noise=noise), np.concatenate([state.mean + steps, state.mean - steps])

    def tell(self, state: OpenAIState, fitness: Fitness) -> OpenAIState:
        """Move the mean along the estimated gradient of the fitness [N] (Adam: Kingma, Ba 2015)."""
        ranks = centred_ranks(fitness).astype(np.float32)
        half = len(ranks) // 2
        scale = np.float32(len(ranks) * state.sigma)
        gradient = (ranks[:half] - ranks[half:]) @ state.noise / scale
        beta1, beta2 = ADAM_BETAS
        first = beta1 * state.first + (1 - beta1) * gradient
        second = beta2 * state.second + (1 - beta2) * gradient**2
        steps = state.steps + 1
        step = (first / (1 - beta1**steps)) / (np.sqrt(second / (1 - beta2**steps)) + ADAM_EPS)
        mean = state.mean + self.config.learning_rate * state.spread * step
        return replace(
            state,
            mean=mean.astype(np.float32),
            first=first.astype(np.float32),
            second=second.astype(np.float32),
            steps=steps,
            noise=_none(len(mean)),
        )

    def incumbent(self, state: OpenAIState) -> Genomes:
        """The mean [G]."""
        return state.mean

    def sigma(self, state: OpenAIState) -> float:
        """The step size, which stays as it began; the spread has a root mean square of 1."""
        return state.sigma


def _none(genes: int) -> Genomes:
    return np.zeros((0, genes), np.float32)
