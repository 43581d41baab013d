"""What an experiment costs: member-steps, counted, and minutes, from a moment's training here."""

import time
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import numpy as np

from bench.cells.loss_ref import LossRef
from bench.cells.seeds import Purpose, seed_for
from bench.cells.training import LEARNER, TASK, class_counts, test_size
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
FEW_LEARNERS, FEW_STEPS, SLOW_STEP = 2, 3, 0.005
"""What is timed of learners whose step takes more seconds than the last."""


class Cost(NamedTuple):
    """One part of an experiment. minutes: on the `workers` that a run has here by default, None
    where it was not timed; it leaves out drawing tasks. measuring, augmenting: the shares of that
    time that learners are measured and minibatches augmented, None where they were not timed."""

    part: str
    learners: int | None
    member_steps: int
    minutes: float | None
    workers: int
    measuring: float | None = None
    augmenting: float | None = None


class _Seconds(NamedTuple):
    """Of one member-step, of what augmentation takes of it, and of one measured example."""

    step: float
    augmenting: float
    measured: float


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
    steps, learners, training, measuring, augmenting = benchmark.training.steps, 0, 0.0, 0.0, 0.0
    known: dict[object, _Seconds] = {}
    measured: dict[str, int] = {}
    for task, loss in product(map(resolve, benchmark.tasks), planned_losses(experiment)):
        number = benchmark.seeds * len(configurations(experiment.tuning, loss))
        learners += number
        if not timed:
            continue
        learner = benchmark.learner_of(task.image is not None)
        alike = task.shape, learner, loss.form if loss.spec else "hand-made"
        if alike not in known:
            known[alike] = _seconds(experiment, _Timed(task, learner, benchmark.training, loss))
        if task.name not in measured:
            measured[task.name] = _measured_examples(experiment, task) * benchmark.curve_points
        each = known[alike]
        training += number * steps * each.step
        augmenting += number * steps * each.augmenting
        measuring += number * measured[task.name] * each.measured
    workers = default_workers(experiment.device)
    cost = Cost("benchmark", learners, learners * steps, None, workers)
    if not timed:
        return cost
    total = training + measuring
    return cost._replace(
        minutes=total / workers / 60, measuring=measuring / total, augmenting=augmenting / total
    )


def _measured_examples(experiment: Experiment, task: TaskRef) -> int:
    """Of inner_valid and of test, of which nothing but their number is looked at."""
    drawn = task.source(test=True)(child(seed_for(experiment.seed, Purpose.PROBE, 0), TASK))
    return len(drawn.inner_valid.y) + test_size(drawn)


def _evolving(experiment: Experiment, part: str, member_steps: int, timed: bool) -> Cost:
    section = experiment.evolution
    assert section is not None
    settings, workers = section.settings, default_workers(experiment.device)
    cost = Cost(part, None, member_steps, None, workers)
    if not timed:
        return cost
    shapes = {(ref := resolve(name)).shape: ref for name in section.families}
    loss = LossRef("evolved", "mln", spec=section.loss)
    each = [
        _seconds(experiment, _Timed(ref, settings.learner, settings.training, loss)).step
        for ref in shapes.values()
    ]
    return cost._replace(minutes=member_steps * float(np.mean(each)) / workers / 60)


def _seconds(experiment: Experiment, timed: _Timed) -> _Seconds:
    """What a training here takes, on one thread, once all is compiled; test is not drawn."""
    few = _timed_training(experiment, timed, FEW_LEARNERS, FEW_STEPS)
    return few if few.step > SLOW_STEP else _timed_training(experiment, timed, LEARNERS, STEPS)


def _timed_training(
    experiment: Experiment, timed: _Timed, learners: int, most_steps: int
) -> _Seconds:
    from mln.kernels.data import augmenting_seconds
    from mln.problem import make_problem
    from mln.rollout import Members, RolloutOptions

    seeds = [seed_for(experiment.seed, Purpose.PROBE, index) for index in range(learners)]
    draw = timed.task.source(test=False)
    tasks = [draw(child(seed, TASK)) for seed in seeds]
    training = replace(timed.training, steps=min(most_steps, timed.training.steps))
    problem = make_problem(
        tasks, [child(seed, LEARNER) for seed in seeds], timed.learner, training, ("inner_valid",)
    )
    kernel = engine.choose(
        timed.learner,
        timed.loss.form,
        experiment.device,
        experiment.kernel,
        training.augmentation.changes,
    )
    counts = class_counts(tasks) if timed.loss.needs_class_counts else None
    members = Members(np.arange(learners), np.full(learners, RATE))

    def seconds(points: list[int]) -> float:
        loss = timed.loss.stacked(learners, problem.classes, experiment.device, counts)
        started = time.perf_counter()
        options = RolloutOptions(experiment.device)
        engine.rollout(problem, members, loss, points, options, kernel)
        return time.perf_counter() - started

    seconds([training.steps])  # compiles
    alone = min(seconds([]), seconds([]))
    measured = max(seconds([training.steps]) - alone, 0.0)
    steps, examples = learners * training.steps, sum(len(task.inner_valid.y) for task in tasks)
    augmenting = augmenting_seconds(problem, experiment.device) / steps
    return _Seconds(alone / steps, min(augmenting, alone / steps), measured / examples)
