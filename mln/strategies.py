"""Evolution strategy: OpenAI-ES (Salimans et al. 2017, algorithm 2).

Antithetic samples around a mean, centred ranks as weights, and Adam on the mean.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln.config import StrategyConfig
from mln.genome import Genomes

ADAM_BETAS = (0.9, 0.999)
ADAM_EPS = 1e-8


@dataclass(frozen=True)
class StrategyState:
    """mean, first and second moment of the gradient: [G]; noise of the last `ask`: [N/2, G]."""

    mean: Genomes
    first: Genomes
    second: Genomes
    steps: int
    noise: Genomes


def init(start: Genomes) -> StrategyState:
    """A strategy around a start genome [G]."""
    zeros = np.zeros_like(start)
    return StrategyState(start.copy(), zeros, zeros, 0, np.zeros((0, len(start)), np.float32))


def ask(
    config: StrategyConfig, state: StrategyState, size: int, rng: Generator
) -> tuple[StrategyState, Genomes]:
    """`size` candidates [N, G]: half of them mean + sigma * noise, half with the noise negated."""
    noise = rng.standard_normal((size // 2, len(state.mean)), dtype=np.float32)
    steps = np.float32(config.sigma) * noise
    return replace(state, noise=noise), np.concatenate([state.mean + steps, state.mean - steps])


def tell(
    config: StrategyConfig, state: StrategyState, fitness: NDArray[np.float64]
) -> StrategyState:
    """Move the mean along the estimated gradient of the fitness [N] of the last candidates."""
    ranks = centred_ranks(fitness).astype(np.float32)
    half = len(ranks) // 2
    gradient = (ranks[:half] - ranks[half:]) @ state.noise / np.float32(len(ranks) * config.sigma)
    beta1, beta2 = ADAM_BETAS
    first = beta1 * state.first + (1 - beta1) * gradient
    second = beta2 * state.second + (1 - beta2) * gradient**2
    steps = state.steps + 1
    step = (first / (1 - beta1**steps)) / (np.sqrt(second / (1 - beta2**steps)) + ADAM_EPS)
    mean = state.mean + config.learning_rate * step
    return StrategyState(
        mean.astype(np.float32),
        first.astype(np.float32),
        second.astype(np.float32),
        steps,
        state.noise,
    )


def centred_ranks(fitness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks scaled to [-0.5, 0.5]; equal values share their mean rank."""
    _, inverse, counts = np.unique(fitness, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts + 1) / 2
    ranks: NDArray[np.float64] = mean_rank[inverse] / max(len(fitness) - 1, 1) - 0.5
    return ranks
