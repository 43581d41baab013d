"""Evolution of a meta-loss: the algorithm, on one screen."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.random import SeedSequence

from mln import checkpoint as checkpoints
from mln import hybrid
from mln.config import EvolutionConfig, LossSpec
from mln.fitness import Draw, Protocol, paired_gain
from mln.genome import Genomes, start_genome
from mln.hybrid import Handover
from mln.random import child, generator
from mln.task import TaskSource

START, GENERATION = 0, 1
SEARCH, TASK, LEARNER, RATE = 0, 1, 2, 3


@dataclass(frozen=True)
class Generation:
    """What happened in one generation.

    Gains are mean accuracies over the generation's tasks minus cross-entropy's, as fractions;
    diversity is the candidates' standard deviation, averaged over genes; member_steps counts from
    the start of the run.
    """

    number: int
    phase: str
    member_steps: int
    best: float
    median: float
    mean: float
    diversity: float
    sigma: float
    diverged: float


@dataclass(frozen=True)
class EvolutionResult:
    """The evolved genome [G], its start, every generation, and what a GA left to an ES."""

    spec: LossSpec
    genome: Genomes
    start: Genomes
    history: list[Generation]
    member_steps: int
    handover: Handover | None = None


def evolve(
    spec: LossSpec,
    config: EvolutionConfig,
    source: TaskSource,
    seed: SeedSequence,
    *,
    callback: Callable[[Generation, Genomes], None] | None = None,
    checkpoint: Path | None = None,
    device: str = "cpu",
) -> EvolutionResult:
    """Evolve a meta-loss on tasks drawn from `source`.

    `callback` is told of each generation and the genome that would be delivered after it. With
    `checkpoint`, a file, the state is saved after each generation, and a run that finds it there
    continues from it to the same result; the caller removes it when the result is safe.
    """
    identity = checkpoints.identity(spec, config, seed)
    start = start_genome(spec, generator(seed, START, 0))
    saved = checkpoints.read(checkpoint, identity) if checkpoint else None
    if saved:
        state, history = saved.state, [Generation(**row) for row in saved.history]
    else:
        state, history = hybrid.init(config, start, generator(seed, START, 1)), []
    protocol = Protocol(spec, config.learner, config.training, device)
    spent = history[-1].member_steps if history else 0

    while spent + config.generation_cost <= config.budget:
        number = len(history)
        state = hybrid.hand_over_if_due(config, state, spent, number)
        asked = hybrid.ask(config, state, generator(seed, GENERATION, number, SEARCH))
        draws = draw_tasks(config, source, child(seed, GENERATION, number))
        found = paired_gain(asked.candidates, draws, protocol)
        fitness = found.gain.mean(1)
        state = hybrid.tell(config, asked, fitness)
        spent += found.member_steps
        generation = Generation(
            number=number,
            phase=hybrid.phase_of(state),
            member_steps=spent,
            best=float(fitness.max()),
            median=float(np.median(fitness)),
            mean=float(fitness.mean()),
            diversity=float(asked.candidates.std(0).mean()),
            sigma=float(hybrid.sigma_of(config, state)),
            diverged=found.diverged / found.gain.size,
        )
        history.append(generation)
        if checkpoint:
            checkpoints.write(checkpoint, identity, state, [asdict(row) for row in history])
        if callback:
            callback(generation, hybrid.incumbent(config, state))

    genome = hybrid.incumbent(config, state)
    return EvolutionResult(spec, genome, start, history, spent, state.handover)


def draw_tasks(config: EvolutionConfig, source: TaskSource, seed: SeedSequence) -> list[Draw]:
    """The tasks of one generation, each with its own learning rate, weights and minibatches."""
    rates = generator(seed, RATE).choice(config.learning_rates, config.tasks_per_generation)
    return [
        Draw(source(child(seed, TASK, k)), float(rate), child(seed, LEARNER, k))
        for k, rate in enumerate(rates)
    ]
