"""The objective: evolve with a trial's settings, judge the incumbents on frozen tasks."""

import numpy as np

from bench.experiment import Experiment
from bench.judging import judging_draws
from bench.seeds import Purpose, seed_for
from bench.tasks.register import mixture
from mln.evolution import Generation, evolve
from mln.fitness import Protocol, tuned_gain
from mln.genome import Genomes
from studies.outcome import Params, TrialOutcome
from studies.space import apply

EVOLVE = 0
"""What a study's seeds are for besides judging (bench.judging); the sampler's are at 2."""


def run_trial(experiment: Experiment, params: Params, slot: int) -> TrialOutcome:
    """Evaluate one trial: a pure function of the experiment, the parameters and the slot.

    The evolution has `study.budget` member-steps whatever its population, and a seed of its own
    slot. The incumbents at the rungs are judged together on tasks that are the same for every
    trial, so that trials are paired. No test split is built.

    Raises:
        ValueError: the parameters do not fit the experiment's settings.
    """
    study, evolution = experiment.study, experiment.evolution
    if study is None or evolution is None:
        raise ValueError("a trial needs the sections [study] and [evolution]")
    config = apply(params, evolution.settings, budget=study.budget)
    steps = rung_steps(study.budget, study.rungs)
    incumbents: list[Genomes] = []

    def keep(generation: Generation, genome: Genomes) -> None:
        while len(incumbents) < len(steps) and generation.member_steps >= steps[len(incumbents)]:
            incumbents.append(genome.copy())

    result = evolve(
        evolution.loss,
        config,
        mixture(evolution.families, test=False),
        seed_for(experiment.seed, Purpose.STUDY, EVOLVE, slot),
        callback=keep,
        device=experiment.device,
        kernel=experiment.kernel,
    )
    # The last generation ends short of the budget unless its cost divides it.
    incumbents += [result.genome] * (len(steps) - len(incumbents))
    gains = tuned_gain(
        np.stack(incumbents),
        judging_draws(experiment.seed, study.families, study.tasks),
        experiment.tuning.rates,
        Protocol(
            evolution.loss,
            config.learner,
            config.training,
            experiment.device,
            evolution.settings.fitness,
            experiment.kernel,
        ),
    ).gain.mean(1)
    values = tuple(float(gain) for gain in gains)
    return TrialOutcome(values[-1], steps, values, result.member_steps)


def rung_steps(budget: int, rungs: int) -> tuple[int, ...]:
    """Evenly spaced points of the budget, in member-steps; the last is the whole budget."""
    return tuple(budget * (rung + 1) // rungs for rung in range(rungs))
