"""Bayesian signed-rank test over tasks with a region of practical equivalence."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reports.stats.types import Vector

FEWEST_TASKS = 8
"""With fewer the prior decides (Benavoli et al. 2017)."""

SAMPLES = 5_000


class Posterior(NamedTuple):
    """P(candidate practically better), P(equivalent), P(baseline practically better).

    `sample` (draws, 3) holds the drawn probabilities in the same order.
    """

    better: float
    equivalent: float
    worse: float
    sample: Vector


def signed_rank(
    candidate: ArrayLike, baseline: ArrayLike, rope: float, *, seed: int = 0
) -> Posterior:
    """Posterior of the next task's difference from the scores on tasks, shape (tasks,) each.

    A higher score is better. Raises ValueError for fewer than 8 tasks.
    """
    import baycomp

    a, b = np.asarray(candidate, dtype=float), np.asarray(baseline, dtype=float)
    if a.size < FEWEST_TASKS:
        raise ValueError(f"{a.size} tasks: at least {FEWEST_TASKS} are needed")
    drawn = baycomp.SignedRankTest(a, b, rope, nsamples=SAMPLES, random_state=seed)
    better, equivalent, worse = (float(p) for p in drawn.probs())
    return Posterior(better, equivalent, worse, np.asarray(drawn.sample))
