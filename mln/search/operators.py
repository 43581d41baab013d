"""Operators of the genetic algorithm: selection, crossover, mutation."""

from math import ceil

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln.search.base import Fitness, Genomes
from mln.search.config import GeneticConfig

Slots = NDArray[np.int64]


def select(config: GeneticConfig, fitness: Fitness, pairs: int, rng: Generator) -> Slots:
    """Mothers and fathers [2, pairs], as indices into the fitness [N].

    Tournament: each is the best of `tournament` members drawn with replacement (Goldberg and Deb
    1991). Truncation: each is drawn from the best ceil(truncation * N) (Such et al. 2017).
    """
    size = len(fitness)
    if config.selection == "truncation":
        parents = np.argsort(-fitness, kind="stable")[: ceil(config.truncation * size)]
        return parents[rng.integers(len(parents), size=(2, pairs))]
    entrants = rng.integers(size, size=(2, pairs, config.tournament))
    winners = fitness[entrants].argmax(2)
    chosen: Slots = np.take_along_axis(entrants, winners[..., None], 2)[..., 0]
    return chosen


def cross(
    config: GeneticConfig, mothers: Genomes, fathers: Genomes, rng: Generator
) -> tuple[NDArray[np.bool_], Genomes]:
    """Which pairs were crossed [K], with probability `crossover_rate`, and one child each [K, G].

    A child that is not crossed is its mother.

    uniform: each gene from either parent (Syswerda 1989). blend: each gene uniform over the
    parents' interval, widened by `blend_alpha` of its length on both sides (BLX-alpha, Eshelman
    and Schaffer 1993). sbx: simulated binary crossover with index `sbx_eta` (Deb and Agrawal
    1995, equations 8 to 11); the child that lies on the mother's side.
    """
    crossed = (rng.random(len(mothers)) < config.crossover_rate)[:, None]
    u = rng.random(mothers.shape)
    if config.crossover == "uniform":
        return crossed[:, 0], np.where(crossed & (u < 0.5), fathers, mothers)
    low, high = np.minimum(mothers, fathers), np.maximum(mothers, fathers)
    if config.crossover == "blend":
        margin = config.blend_alpha * (high - low)
        children = low - margin + u * (high - low + 2 * margin)
    else:
        index = 1 / (config.sbx_eta + 1)
        beta = np.where(u <= 0.5, (2 * u) ** index, (1 / (2 * (1 - u))) ** index)
        children = 0.5 * ((1 + beta) * mothers + (1 - beta) * fathers)
    return crossed[:, 0], np.where(crossed, children, mothers).astype(np.float32)


def mutate(genomes: Genomes, sigma: float, gene_rate: float, rng: Generator) -> Genomes:
    """Add N(0, sigma^2) to each gene with probability `gene_rate`."""
    noise = rng.standard_normal(genomes.shape, dtype=np.float32) * np.float32(sigma)
    return genomes + noise * (rng.random(genomes.shape) < gene_rate)
