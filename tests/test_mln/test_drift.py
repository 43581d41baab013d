"""Drifts: minibatches and evaluations while a task turns into another."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.random import SeedSequence
from test_mln.helpers import linear_task

from mln.config import LearnerSpec, TrainingSpec
from mln.drift import Timing, label_cycle
from mln.problem import make_problem
from mln.task import Drift

TRAINING = TrainingSpec(steps=40, batch_size=8)


def test_a_gradual_drift_turns_minibatches_and_evaluations_step_by_step() -> None:
    seed = SeedSequence(4)
    task = label_cycle(linear_task(seed, train=200), 0.25, np.random.default_rng(1))
    assert task.drift is not None
    task = replace(task, drift=replace(task.drift, width=0.5))
    training = TrainingSpec(steps=400, batch_size=16)
    problem = make_problem([task], [seed], LearnerSpec(), training, ("outer_valid",))
    order = problem.batch_index[0]
    changed = problem.batch_y[0] != task.train.y[order]
    assert not changed[:100].any()
    assert changed[300:].all()
    share = changed.reshape(8, 50, 16).mean((1, 2))
    assert (np.diff(share[1:7]) > 0).all()
    np.testing.assert_allclose(share[2:6], [0.125, 0.375, 0.625, 0.875], atol=0.06)
    moved = [
        (problem.phase("outer_valid", step).y[0, :50] != task.outer_valid.y).mean()
        for step in (0, 100, 101, 200, 301, 400)
    ]
    assert moved[0] == moved[1] == 0.0
    assert 0 < moved[2] < moved[3] < 1
    assert moved[4] == moved[5] == 1.0


def test_a_drift_may_bring_new_examples() -> None:
    seed = SeedSequence(4)
    task, other = linear_task(seed, train=60), linear_task(SeedSequence(5), train=60)
    task = replace(task, drift=Drift(0.5, 0.0, other))
    problem = make_problem([task], [seed], LearnerSpec(), TRAINING, ("outer_valid",))
    x = problem.pool[problem.batch_index[0]]
    old, new = np.asarray(task.train.x), np.asarray(other.train.x)
    assert np.isin(x[:20], old).all()
    assert np.isin(x[20:], new).all()
    assert np.array_equal(
        problem.pool[problem.phase("outer_valid", 40).rows[0]], other.outer_valid.x
    )


@pytest.mark.parametrize(("start", "width"), [(0.0, 0.0), (0.5, 0.0), (0.999, 0.0), (0.9, 0.9)])
def test_a_drift_leaves_at_least_one_step_on_each_side(start: float, width: float) -> None:
    timing = Timing(start, width, 10)
    shares = timing.share(np.arange(10))
    assert shares[0] == 0
    assert shares[-1] == 1
    assert timing.phases()[-1] == (timing.last, 1.0)
