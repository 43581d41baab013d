"""Evolution of a meta-loss: the algorithm, on one screen."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import SeedSequence

from mln import checkpoint as checkpoints
from mln import coevolution
from mln.ahead import Ahead
from mln.coevolution import Cohort, FinalLearners
from mln.config import EvolutionConfig, LossSpec
from mln.files import SavedLoss
from mln.fitness import Evaluated, evaluate
from mln.genome import start_genome
from mln.kernels.engine import KernelChoice
from mln.pieces import Draw, FitnessProtocol, Map
from mln.random import child, generator
from mln.search import hybrid
from mln.search.base import Genomes
from mln.search.hybrid import Handover
from mln.task import Mixture, TaskSource
from mln.validation import Validation, validate

START_KEY, GENERATION_KEY, VALIDATION_KEY = 0, 1, 2
"""Keys below a run's seed."""
SEARCH_KEY, TASK_KEY, LEARNER_KEY, RATE_KEY = 0, 1, 2, 3
"""Keys below a generation's."""


@dataclass(frozen=True)
class Generation:
    """What happened in one generation.

    Fitness is the metric's aggregate gain over cross-entropy (accuracies as fractions, nll in
    nats); diversity is the candidates' standard deviation, averaged over genes; member_steps
    counts from the start of the run; diverged is a share of the learners trained, rejected of the
    candidates. genome is the digest of the genome delivered after this generation; parents, while
    a GA is at work, its mother's and father's slots in the population before (one for an elite
    or a child of one parent). validated: that genome's gain on the tasks of the validation that
    the delivered one is chosen on, None where it was no candidate.
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
    rejected: float
    genome: str
    parents: list[int]
    validated: float | None = None


@dataclass(frozen=True)
class EvolutionResult:
    """The evolved genome [G], its start, every generation, what a GA left to an ES, the learners
    that a co-evolution ends with (None where learners are fresh), and the validation if any."""

    spec: LossSpec
    genome: Genomes
    start: Genomes
    history: list[Generation]
    member_steps: int
    handover: Handover | None = None
    learners: FinalLearners | None = None
    validation: Validation | None = None


class Execution(NamedTuple):
    """How an evolution is carried out.

    callback: called with each generation and the genome that would be delivered after it.
    checkpoint: a file that the state is saved in after each generation; a run that finds it there
    continues from it to the same result. The caller removes it when the result is safe.
    device, kernel: what learners are trained on and by. map: spreads a generation's learners over
    workers, as an executor's map does; no result depends on it.
    """

    callback: Callable[[Generation, Genomes], None] | None = None
    checkpoint: Path | None = None
    device: str = "cpu"
    kernel: KernelChoice = "auto"
    map: Map | None = None


DEFAULT_EXECUTION = Execution()


def evolve(
    loss: LossSpec | SavedLoss,
    config: EvolutionConfig,
    source: TaskSource,
    seed: SeedSequence,
    execution: Execution = DEFAULT_EXECUTION,
    validation: TaskSource | None = None,
) -> EvolutionResult:
    """Evolve a meta-loss on tasks drawn from `source`: a pure function of the first four
    arguments, `validation` and the kernel.

    loss: the form of the loss, or a loss from a file, which evolution then starts from.
    validation: draws tasks from families that `source` does not draw from, on which the delivered
    genome is chosen; without it that is the last one. Raises ValueError where the kernel cannot
    train the learners or the budget has no room for a generation and the validation, and OSError
    where the checkpoint cannot be written.
    """
    callback, checkpoint, device, kernel, map = execution
    budget = config.budget - _validation_cost(config, validation)
    spec, start = beginning(loss, seed)
    identity = checkpoints.identity(loss, config, seed)
    saved = checkpoints.read(checkpoint, identity) if checkpoint else None
    if saved and len(saved.delivered) != (len(saved.history) if validation else 0):
        saved = None  # of a run that was to end without a validation, or with one
    state = saved.state if saved else hybrid.init(config, start, generator(seed, START_KEY, 1))
    history = [Generation(**row) for row in saved.history] if saved else []
    cohort = saved.cohort if saved else None
    delivered = list(saved.delivered) if saved else []
    spent = history[-1].member_steps if history else 0
    protocol = FitnessProtocol.of(config, spec, device, kernel)

    draw = partial(draw_tasks, config, source, seed)
    with Ahead(draw, ahead=device != "cpu") as tasks:
        while spent + config.generation_cost <= budget:
            number = len(history)
            state = hybrid.hand_over_if_due(config, state, spent, number)
            asked = hybrid.ask(config, state, generator(seed, GENERATION_KEY, number, SEARCH_KEY))
            more = spent + 2 * config.generation_cost <= budget
            draws = tasks.get(number, more=more)
            starts = coevolution.starts(config, cohort, number, asked.parents)
            evaluated = evaluate(asked.candidates, draws, protocol, starts, map)
            state = hybrid.tell(config, asked, evaluated.fitness)
            cohort = coevolution.after(config, starts, evaluated)
            spent += evaluated.paired.member_steps
            generation = describe(number, config, state, asked.candidates, spent, evaluated)
            history.append(generation)
            genome = hybrid.incumbent(config, state)
            if validation:
                delivered.append(genome)
            if checkpoint:
                rows = [asdict(row) for row in history]
                checkpoints.write(checkpoint, identity, state, rows, cohort, delivered)
            if callback:
                callback(generation, genome)

    learners = final_learners(config, state, cohort, seed, len(history))
    genome = hybrid.incumbent(config, state)
    result = EvolutionResult(spec, genome, start, history, spent, state.handover, learners)
    if validation is None:
        return result
    found = chosen(config, history, delivered, validation, seed, protocol, map)
    return replace(
        result,
        genome=delivered[found.generation],
        history=[replace(row, validated=found.gains.get(row.number)) for row in history],
        member_steps=spent + found.member_steps,
        validation=found,
    )


def beginning(loss: LossSpec | SavedLoss, seed: SeedSequence) -> tuple[LossSpec, Genomes]:
    """The form of what is evolved, and the genome [G] that evolution starts from."""
    if isinstance(loss, LossSpec):
        return loss, start_genome(loss, generator(seed, START_KEY, 0))
    return loss.spec, np.asarray(loss.genome, np.float32)


def chosen(
    config: EvolutionConfig,
    history: Sequence[Generation],
    genomes: Sequence[Genomes],
    validation: TaskSource,
    seed: SeedSequence,
    protocol: FitnessProtocol,
    map: Map | None = None,
) -> Validation:
    """What a run with this seed delivers if it ends after this history, as `validate` finds.

    genomes: those delivered after each generation; it is chosen among those of the last phase.
    """
    last = {k: genomes[k] for k, row in enumerate(history) if row.phase == history[-1].phase}
    turns = in_turn(validation, strata=True)
    return validate(config, last, turns, child(seed, VALIDATION_KEY), protocol, map)


def _validation_cost(config: EvolutionConfig, validation: TaskSource | None) -> int:
    """What the validation may cost; ValueError where there is no room for it."""
    if validation is None:
        return 0
    cost = config.validation_cost
    if config.coevolution != "fresh":
        raise ValueError(f"a validation needs coevolution fresh, not {config.coevolution}")
    if config.generation_cost + cost > config.budget:
        raise ValueError(
            f"budget ({config.budget}) is less than one generation ({config.generation_cost}) and "
            f"the validation ({cost})"
        )
    return cost


def in_turn(source: TaskSource, *, strata: bool) -> TaskSource:
    """The source, whose parts take turns or not where it is a mixture."""
    return replace(source, in_turn=strata) if isinstance(source, Mixture) else source


def draw_tasks(
    config: EvolutionConfig, source: TaskSource, seed: SeedSequence, number: int
) -> list[Draw]:
    """The tasks of a generation, each with its own learning rate, weights and minibatches.

    A task that lives on keeps its learning rate; its minibatches are new ones.
    """
    draws = []
    source = in_turn(source, strata=config.strata)
    for k in range(config.tasks_per_generation):
        born = child(seed, GENERATION_KEY, coevolution.born(config, number, k))
        rates = generator(born, RATE_KEY).choice(config.learning_rates, config.tasks_per_generation)
        learner = child(seed, GENERATION_KEY, number, LEARNER_KEY, k)
        draws.append(Draw(source(task_seed(config, seed, number, k)), float(rates[k]), learner))
    return draws


def task_seed(config: EvolutionConfig, seed: SeedSequence, number: int, slot: int) -> SeedSequence:
    """The seed of a slot's task in a generation; its last key counts the run's tasks."""
    born = coevolution.born(config, number, slot)
    turn = born * config.tasks_per_generation + slot
    return child(seed, GENERATION_KEY, born, TASK_KEY, turn)


def describe(
    number: int,
    config: EvolutionConfig,
    state: hybrid.SearchState,
    candidates: Genomes,
    spent: int,
    evaluated: Evaluated,
) -> Generation:
    """The record of a generation after `spent` member-steps in all."""
    fitness, accepted, paired = evaluated
    slot, parents = hybrid.delivered_slot(state), hybrid.parents_of(state)
    born_of = [] if slot is None or parents is None else parents[:, slot].tolist()
    return Generation(
        number=number,
        phase=hybrid.phase_of(state),
        member_steps=spent,
        best=float(fitness.max()),
        median=float(np.median(fitness)),
        mean=float(fitness.mean()),
        diversity=float(candidates.std(0).mean()),
        sigma=float(hybrid.sigma_of(config, state)),
        diverged=paired.diverged / max(paired.gain.size, 1),
        rejected=float(1 - accepted.mean()),
        genome=hashlib.sha256(hybrid.incumbent(config, state).tobytes()).hexdigest()[:16],
        parents=list(dict.fromkeys(born_of)),
    )


def final_learners(
    config: EvolutionConfig,
    state: hybrid.SearchState,
    cohort: Cohort | None,
    seed: SeedSequence,
    generations: int,
) -> FinalLearners | None:
    """The delivered loss's learners, one per task, after the last of so many generations."""
    if cohort is None:
        return None
    slot = hybrid.delivered_slot(state)
    return FinalLearners(
        [task_seed(config, seed, generations - 1, k) for k in range(config.tasks_per_generation)],
        [rows[cohort.heir if slot is None else slot] for rows in cohort.weights],
        [rows[-1] for rows in cohort.weights],
    )
