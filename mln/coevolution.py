"""Co-evolution: learners that live on from one generation of losses to the next.

A task slot keeps its task, its learning rate and its learners until it is redrawn: in every
generation (`fresh`), every `lifetime` generations in staggered groups, or never (`persistent`).
Cross-entropy has its own learner on each task, as old as the candidates' and trained on the same
minibatches, so that gains stay paired. What lives on are the weights: the optimiser's state is
reset in each generation, and so are learners that have diverged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from mln.config import EvolutionConfig
from mln.fitness import Evaluated
from mln.pieces import Rows


@dataclass(frozen=True)
class Cohort:
    """All learners after a generation.

    weights: for each of K task slots [N + 1, W]: of every candidate, and in the last row
    cross-entropy's; NaN where a candidate was rejected before its first step. W is that of the
    slot's task. heir: the candidate that an ES's next candidates inherit from.
    """

    weights: list[Rows]
    heir: int


class FinalLearners(NamedTuple):
    """The learners that a co-evolution ends with: L of them, each on a task of its own.

    task_seeds: `source(seed)` is the task; weights: of the delivered loss's learners, each [W];
    ce: of cross-entropy's, after as many steps on the same minibatches.
    """

    task_seeds: list[SeedSequence]
    weights: list[Rows]
    ce: list[Rows]


def born(config: EvolutionConfig, generation: int, slot: int) -> int:
    """The generation in which the task and the learners of a slot were last drawn."""
    if config.coevolution == "fresh":
        return generation
    if config.coevolution == "persistent":
        return 0
    since = (generation - slot) % config.lifetime
    return max(generation - since, 0)


def starts(
    config: EvolutionConfig,
    cohort: Cohort | None,
    generation: int,
    parents: NDArray[np.int64] | None,
) -> list[Rows | None] | None:
    """Weights [N + 1, W] that each task slot's learners start from; None for newborn ones.

    None in all where learners are fresh. parents: mothers' and fathers' slots among the
    candidates before, [2, N]; a child has its mother's learners. The candidates of an ES all
    start alike, from the heir's learners: their fitness then differs by the losses alone.
    """
    if config.coevolution == "fresh":
        return None
    slots = range(config.tasks_per_generation)
    if cohort is None:
        return [None for _ in slots]
    mothers = np.full(config.population, cohort.heir) if parents is None else parents[0]
    rows = np.append(mothers, -1)
    return [
        None if born(config, generation, k) == generation else cohort.weights[k][rows]
        for k in slots
    ]


def after(
    config: EvolutionConfig, started: Sequence[Rows | None] | None, evaluated: Evaluated
) -> Cohort | None:
    """The cohort after a generation; None where learners are fresh.

    The heir is the candidate of median fitness: it stands for the ES's mean, which no learner
    was trained under, without the luck of the best.
    """
    if started is None or evaluated.paired.weights is None:
        return None
    rows = np.append(evaluated.accepted, True)
    weights = []
    for start, trained in zip(started, evaluated.paired.weights, strict=True):
        whole = np.full((len(rows), trained.shape[1]), np.nan, np.float32)
        if start is not None:
            whole[:] = start
        whole[rows] = trained
        weights.append(whole)
    heir = np.argsort(evaluated.fitness, kind="stable")[config.population // 2]
    return Cohort(weights, int(heir))
