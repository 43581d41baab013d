"""Learning curves of an evolved loss beside cross-entropy's, for the picture of a trial."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bench.experiment.model import Experiment
from bench.experiment.study import StudyBase
from mln.kernels import engine
from mln.losses.base import StackedLoss
from mln.losses.formulas import CrossEntropy
from mln.losses.meta import stacked_from_genomes
from mln.problem import Problem, make_problem
from mln.rollout import Members, RolloutOptions, curve_points
from studies.judging import frozen_draws
from studies.outcome import Run
from studies.seeds import JUDGE

LEARNING_CURVE_TASKS = 4
LEARNING_CURVE_POINTS = 15


class LearningCurves(NamedTuple):
    """Mean accuracy on outer_valid over a few tasks of one family after so many steps, [points];
    the losses' learning rates were each the best on inner_valid."""

    family: str
    steps: NDArray[np.int64]
    loss: NDArray[np.float64]
    ce: NDArray[np.float64]


def learning_curves(experiment: Experiment, study: StudyBase, run: Run) -> LearningCurves:
    """Train learners once more under a run's loss and under cross-entropy, and watch them.

    A drift that the fitness declares is left out.

    Raises:
        ValueError: the experiment has no section [evolution].
    """
    if experiment.evolution is None:
        raise ValueError("learning curves need the section [evolution]")
    settings, family = experiment.evolution.settings, study.families[0]
    draws = frozen_draws(experiment.seed, study.families, study.tasks, JUDGE[study.kind])
    draws = draws[:: len(study.families)][:LEARNING_CURVE_TASKS]
    problem = make_problem(
        [draw.task for draw in draws],
        [draw.seed for draw in draws],
        settings.learner,
        settings.training,
        ("inner_valid", "outer_valid"),
    )
    rates = np.asarray(experiment.tuning.rates)
    count = len(draws) * len(rates)
    genome = torch.from_numpy(run.genome[None]).to(experiment.device)
    evolved = stacked_from_genomes(run.spec, genome, problem.classes).take(
        torch.zeros(count, dtype=torch.int64, device=experiment.device)
    )
    points = curve_points(settings.training.steps, LEARNING_CURVE_POINTS)
    return LearningCurves(
        family,
        np.array(points),
        _best(problem, evolved, rates, points, experiment.device),
        _best(problem, CrossEntropy(count), rates, points, experiment.device),
    )


def _best(
    problem: Problem,
    losses: StackedLoss,
    rates: NDArray[np.float64],
    points: list[int],
    device: str,
) -> NDArray[np.float64]:
    """Mean accuracy on outer_valid at each point, at the best rate."""
    slots = np.arange(len(problem))
    members = Members(np.tile(slots, len(rates)), np.repeat(rates, len(slots)))
    scores = engine.rollout(problem, members, losses, points, RolloutOptions(device)).scores
    shape = (len(rates), len(slots), len(points))
    inner, outer = (
        np.nan_to_num(scores[split].accuracy).reshape(shape).mean(1)
        for split in ("inner_valid", "outer_valid")
    )
    best: NDArray[np.float64] = outer[inner[:, -1].argmax()]
    return best
