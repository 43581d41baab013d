"""Validation: the delivered genome is chosen on tasks of families that evolution does not draw
from, and judged on others of them.

More tasks of an evolution's own families miss what does not transfer, and the last mean of an
evolution strategy is not its best. What is chosen as the best of several looks better than it is:
so the tasks that it is chosen on are not those that it is judged on.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import SeedSequence

from mln.config import EvolutionConfig
from mln.fitness import aggregate, groups_of, tuned_gain
from mln.pieces import Draw, FitnessProtocol, Map
from mln.random import child
from mln.search.base import Genomes
from mln.task import TaskSource

CHOOSE_KEY, JUDGE_KEY = 0, 1
"""Keys below the seed of a validation."""
TASK_KEY, LEARNER_KEY = 0, 1


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    generation: the one whose genome is delivered. gains: by generation, the aggregate gain over
    cross-entropy (fractions; nats for nll) on the tasks to choose on. judged, names, regimes: the
    gain of the delivered genome on each of the tasks to judge it on, and what these are.
    """

    generation: int
    gains: dict[int, float]
    judged: list[float]
    names: list[str]
    regimes: list[str]
    member_steps: int


def validate(
    config: EvolutionConfig,
    genomes: Mapping[int, Genomes],
    source: TaskSource,
    seed: SeedSequence,
    protocol: FitnessProtocol,
    map: Map | None = None,
) -> Validation:
    """Choose among genomes [G] by generation, evenly spaced ones and the last among them.

    Every loss has, on each task, its own best rate by inner_valid, cross-entropy included. Equal
    gains go to the later generation. A pure function of the first five arguments.
    """
    numbers = spaced(list(genomes), config.validation.candidates)
    tried = np.stack([genomes[number] for number in numbers])
    rates = sorted(config.learning_rates)
    choose = drawn(source, child(seed, CHOOSE_KEY), config.validation.tasks)
    first = tuned_gain(tried, choose, rates, protocol, map=map)
    values = aggregate(first.gain, groups_of(choose, config.fitness), config.fitness)
    best = len(values) - 1 - int(values[::-1].argmax())
    judge = drawn(source, child(seed, JUDGE_KEY), config.validation.tasks)
    second = tuned_gain(tried[[best]], judge, rates, protocol, map=map)
    return Validation(
        generation=numbers[best],
        gains=dict(zip(numbers, values.tolist(), strict=True)),
        judged=second.gain[0].tolist(),
        names=[draw.task.name for draw in judge],
        regimes=[draw.task.regime for draw in judge],
        member_steps=first.member_steps + second.member_steps,
    )


def spaced(numbers: list[int], most: int) -> list[int]:
    """At most `most` of some numbers, evenly spaced from the last one backwards."""
    places = np.linspace(len(numbers), 0, min(most, len(numbers)), endpoint=False)
    return [numbers[place] for place in sorted({int(np.ceil(place)) - 1 for place in places})]


def drawn(source: TaskSource, seed: SeedSequence, tasks: int) -> list[Draw]:
    """So many tasks, numbered for a source that takes turns; their rates are not used."""
    return [
        Draw(source(child(seed, TASK_KEY, k)), 0.0, child(seed, LEARNER_KEY, k))
        for k in range(tasks)
    ]
