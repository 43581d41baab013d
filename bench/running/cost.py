"""What an experiment costs: member-steps, counted, and minutes, from a moment's training here."""

import time
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np

from bench.cells.loss_ref import LossRef
from bench.cells.seeds import Purpose, seed_for
from bench.cells.training import LEARNER, TASK, class_counts
from bench.cells.tuning import configurations
from bench.experiment.model import Experiment
from bench.running.status import planned_losses
from bench.tasks.resolve import TaskRef, resolve
from bench.workers.devices import default_workers
from mln.config import LearnerSpec, TrainingSpec
from mln.kernels import engine
from mln.random import child

LEARNERS, STEPS, RATE = 16, 100, 0.001
"""What is timed: so many learners for so many steps at this rate."""


class Cost(NamedTuple):
    """One part of an experiment. minutes: on the `workers` that a run has here by default, None
    where it was not timed; it leaves out drawing tasks and measuring learners."""

    part: str
    learners: int | None
    member_steps: int
    minutes: float | None
    workers: int


class _Timed(NamedTuple):
    """What decides how long a member-step takes."""

    task: TaskRef
    learner: LearnerSpec
    training: TrainingSpec
    loss: LossRef


def costs(experiment: Experiment, judged: int | None = None, *, timed: bool = True) -> list[Cost]:
    """The parts of an experiment in the order in which they run.

    judged: member-steps of the evolutions of its study, at most. timed: train a few learners to
    estimate the minutes. Raises InputError for data that cannot be read.
    """
    found = []
    if experiment.study is not None and judged is not None:
        found.append(_evolving(experiment, "study", judged, timed))
    if experiment.evolution is not None:
        section = experiment.evolution
        found.append(_evolving(experiment, "evolve", section.runs * section.settings.budget, timed))
    if experiment.benchmark is not None:
        found.append(_benchmarking(experiment, timed))
    return found


def _benchmarking(experiment: Experiment, timed: bool) -> Cost:
    benchmark = experiment.benchmark
    assert benchmark is not None
    steps, seconds, learners = benchmark.training.steps, 0.0, 0
    known: dict[object, float] = {}
    for task, loss in product(map(resolve, benchmark.tasks), planned_losses(experiment)):
        number = benchmark.seeds * len(configurations(experiment.tuning, loss))
        learner = benchmark.learner_of(task.image is not None)
        alike = task.shape, learner, loss.form if loss.spec else "hand-made"
        if timed and alike not in known:
            known[alike] = _seconds_of_a_step(
                experiment, _Timed(task, learner, benchmark.training, loss)
            )
        learners += number
        seconds += number * steps * known.get(alike, 0.0)
    return _cost(experiment, "benchmark", learners, learners * steps, seconds if timed else None)


def _evolving(experiment: Experiment, part: str, member_steps: int, timed: bool) -> Cost:
    section = experiment.evolution
    assert section is not None
    settings = section.settings
    if not timed:
        return _cost(experiment, part, None, member_steps, None)
    shapes = {(ref := resolve(name)).shape: ref for name in section.families}
    loss = LossRef("evolved", "mln", spec=section.loss)
    each = [
        _seconds_of_a_step(experiment, _Timed(ref, settings.learner, settings.training, loss))
        for ref in shapes.values()
    ]
    return _cost(experiment, part, None, member_steps, member_steps * float(np.mean(each)))


def _cost(
    experiment: Experiment,
    part: str,
    learners: int | None,
    member_steps: int,
    seconds: float | None,
) -> Cost:
    workers = default_workers(experiment.device)
    minutes = seconds / workers / 60 if seconds else None
    return Cost(part, learners, member_steps, minutes, workers)


def _seconds_of_a_step(experiment: Experiment, timed: _Timed) -> float:
    """Of one member-step, on one thread, once all is compiled; the test split is not drawn."""
    from mln.problem import make_problem
    from mln.rollout import Members, RolloutOptions

    seeds = [seed_for(experiment.seed, Purpose.PROBE, index) for index in range(LEARNERS)]
    draw = timed.task.source(test=False)
    tasks = [draw(child(seed, TASK)) for seed in seeds]
    training = replace(timed.training, steps=min(STEPS, timed.training.steps))
    problem = make_problem(
        tasks, [child(seed, LEARNER) for seed in seeds], timed.learner, training, ("inner_valid",)
    )
    kernel = engine.choose(timed.learner, timed.loss.form, experiment.device, experiment.kernel)
    counts = class_counts(tasks) if timed.loss.needs_class_counts else None
    members = Members(np.arange(LEARNERS), np.full(LEARNERS, RATE))
    seconds = []
    for _ in range(3):  # the first one compiles
        loss = timed.loss.stacked(LEARNERS, problem.classes, experiment.device, counts)
        started = time.perf_counter()
        options = RolloutOptions(experiment.device)
        engine.rollout(problem, members, loss, [training.steps], options, kernel)
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:]) / (LEARNERS * training.steps)
