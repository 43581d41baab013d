"""What a rollout says of a member that diverged."""

from dataclasses import replace

import numpy as np
from numpy.random import SeedSequence
from test_mln.helpers import linear_task, some_losses

from mln.config import LearnerSpec, TrainingSpec
from mln.kernels import analytic
from mln.problem import make_problem
from mln.rollout import LOGITS, WEIGHTS, Members


def test_why_a_member_diverged() -> None:
    task = linear_task(SeedSequence(1))
    training = TrainingSpec(steps=30, batch_size=8, optimizer="sgd")
    problem = make_problem([task], [SeedSequence(1)], LearnerSpec(), training, ("outer_valid",))
    members = Members(np.zeros(3, np.int64), np.array([0.01, 1e30, 0.01]))
    result = analytic.rollout(problem, members, some_losses("ce", 3, 3), [30])
    assert result.reasons == ["", LOGITS, ""]
    once = replace(problem, training=replace(training, steps=1))
    last = analytic.rollout(
        once, members._replace(lr=np.array([0.01, 0.01, 3e38])), some_losses("mse", 3, 3), [1]
    )
    assert last.diverged_at.tolist()[:2] == [-1, -1]
    lost = analytic.rollout(
        once, members._replace(lr=np.array([0.01, np.inf, 0.01])), some_losses("ce", 3, 3), [1]
    )
    assert lost.reasons == ["", WEIGHTS, ""]
    assert lost.diverged_at.tolist() == [-1, 1, -1]
