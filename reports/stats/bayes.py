"""Bayesian signed-rank test over tasks with a region of practical equivalence.

After Benavoli, Corani, Demsar and Zaffalon (2017), section 4.2; baycomp is the oracle of the
tests.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reports.stats.types import Vector

MIN_TASKS_FOR_POSTERIOR = 8
"""With fewer the prior decides (Benavoli et al. 2017)."""

DRAWS = 5_000

PRIOR_STRENGTH = 0.5
"""Weight of the prior's pseudo-observation of no difference; every task has weight 1."""

MAX_WEIGHTS = 2**20
"""Weights that are held at a time."""


class Posterior(NamedTuple):
    """P(candidate practically better), P(equivalent), P(baseline practically better).

    `sample` (draws, 3) holds the drawn chances on a new task in the same order; the three are
    the shares of draws in which each is the largest.
    """

    better: float
    equivalent: float
    worse: float
    sample: Vector


def signed_rank(
    candidate: ArrayLike,
    baseline: ArrayLike,
    rope: float,
    *,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Posterior:
    """Posterior of the next task's difference from the scores on tasks, shape (tasks,) each.

    A higher score is better; `rope` is in the unit of the scores. Differences have a Dirichlet
    process prior with one pseudo-observation at 0, so that their weights are Dirichlet; a draw's
    chances are the weighted shares of the averages of all pairs that lie above, within and below
    the region, half for those on its edge. Draws whose largest chances are equal are shared. Takes
    memory for (tasks + 1)^2 pairs and MAX_WEIGHTS weights. Raises ValueError for fewer than 8
    tasks.
    """
    d = np.asarray(candidate, dtype=float) - np.asarray(baseline, dtype=float)
    if d.size < MIN_TASKS_FOR_POSTERIOR:
        raise ValueError(f"{d.size} tasks: at least {MIN_TASKS_FOR_POSTERIOR} are needed")
    d = np.concatenate([[0.0], d])
    concentration = np.ones(d.size)
    concentration[0] = PRIOR_STRENGTH
    sums = d[:, None] + d[None, :]
    above = np.heaviside(sums - 2 * rope, 0.5)
    below = np.heaviside(-sums - 2 * rope, 0.5)
    sample = np.empty((draws, 3))
    at_once = max(1, MAX_WEIGHTS // d.size)
    for start in range(0, draws, at_once):
        part = sample[start : start + at_once]
        weights = rng.dirichlet(concentration, len(part))
        part[:, 0] = (weights @ above * weights).sum(axis=1)
        part[:, 2] = (weights @ below * weights).sum(axis=1)
        part[:, 1] = np.maximum(1 - part[:, 0] - part[:, 2], 0.0)
    largest = sample == sample.max(axis=1, keepdims=True)
    better, equivalent, worse = (largest / largest.sum(axis=1, keepdims=True)).mean(axis=0)
    return Posterior(float(better), float(equivalent), float(worse), sample)
