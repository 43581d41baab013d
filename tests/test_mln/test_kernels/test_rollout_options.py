"""Rollouts that go on from given weights, return them, and change labels on the way."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.random import SeedSequence
from test_mln.helpers import linear_task, small_problem, some_losses

from mln.config import LearnerSpec, TrainingSpec
from mln.drift import label_cycle
from mln.kernels import analytic, fused, reference
from mln.kernels.reference import score
from mln.problem import Problem, make_problem
from mln.random import generator
from mln.rollout import Kernel, Members, RolloutOptions
from mln.task import Task

KERNELS = pytest.mark.parametrize("kernel", [fused.rollout, analytic.rollout, reference.rollout])
KEEP = RolloutOptions(keep_weights=True)
MEMBERS = Members(np.array([0, 1, 2, 1, 0]), np.full(5, 0.05))


def first_half(problem: Problem, steps: int) -> Problem:
    training = replace(problem.training, steps=steps)
    return replace(
        problem,
        training=training,
        batch_index=problem.batch_index[:, :steps],
        batch_y=problem.batch_y[:, :steps],
    )


@KERNELS
@pytest.mark.parametrize("hidden", [(7, 5), ()])
def test_given_weights_are_trained_on_and_final_ones_returned(kernel: Kernel, hidden) -> None:
    # Without momentum SGD has no state: two halves are the whole.
    training = TrainingSpec(steps=12, batch_size=8, optimizer="sgd", momentum=0.0)
    problem = small_problem(learner=LearnerSpec(hidden=hidden), training=training)
    losses = some_losses("mln", 5, 3)
    whole = kernel(problem, MEMBERS, losses, [12], KEEP)
    half = kernel(first_half(problem, 6), MEMBERS, losses, [6], KEEP)
    rest = replace(
        first_half(problem, 6),
        batch_index=problem.batch_index[:, 6:],
        batch_y=problem.batch_y[:, 6:],
    )
    started = MEMBERS._replace(start=half.weights)
    again = kernel(rest, started, losses, [6], KEEP._replace(chunk=2))
    assert np.array_equal(again.weights, whole.weights)
    assert np.array_equal(
        again.scores["outer_valid"].accuracy, whole.scores["outer_valid"].accuracy
    )
    measured = score(problem, MEMBERS._replace(start=whole.weights), "outer_valid")
    np.testing.assert_allclose(measured.nll, whole.scores["outer_valid"].nll, rtol=1e-6)
    assert kernel(problem, MEMBERS, losses, [12]).weights is None


def drifting_task(seed: SeedSequence, drift: float | None, classes: int) -> Task:
    task = linear_task(seed, classes=classes, train=200)
    return task if drift is None else label_cycle(task, drift, generator(seed, 3))


def drifting(drift: float | None, classes: int = 3) -> Problem:
    seeds = [SeedSequence([4, k]) for k in range(3)]
    return make_problem(
        [drifting_task(seed, drift, classes) for seed in seeds],
        seeds,
        LearnerSpec(hidden=(8,)),
        TrainingSpec(steps=120, batch_size=16),
        ("outer_valid",),
    )


@KERNELS
def test_labels_change_for_training_and_evaluation_at_the_drift(kernel: Kernel) -> None:
    plain, changed = drifting(None), drifting(0.5)
    before, after = changed.evaluations["outer_valid"]
    assert (before.since, after.since) == (0, 60)
    for slot in range(3):
        labels = np.array([after.y[slot][before.y[slot] == label][0] for label in range(3)])
        assert np.array_equal(labels[before.y[slot]], after.y[slot])
        assert sorted(labels) == [0, 1, 2]
        assert (labels != np.arange(3)).all()
        assert np.array_equal(labels[plain.batch_y[slot, 60:]], changed.batch_y[slot, 60:])
    assert np.array_equal(plain.batch_y[:, :60], changed.batch_y[:, :60])
    members = Members(np.arange(3), np.full(3, 0.03))
    points = [30, 60, 61, 120]
    still, moved = (
        kernel(problem, members, some_losses("ce", 3, 3), points).scores["outer_valid"].accuracy
        for problem in (plain, changed)
    )
    assert np.array_equal(still[:, :2], moved[:, :2])
    # What was learnt is wrong for every class at first; then the new labels are learnt.
    assert (moved[:, 2] < still[:, 2] - 0.4).all()
    assert (moved[:, 3] > moved[:, 2] + 0.3).all()
