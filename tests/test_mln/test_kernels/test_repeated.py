"""The steps of a device, done on the CPU: the same training as that of the CPU's own loop."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.random import SeedSequence
from test_mln.helpers import SPECS, linear_task, some_genomes

from mln.config import LearnerSpec, TrainingSpec
from mln.drift import label_cycle
from mln.kernels import analytic, reference
from mln.kernels.repeated import GraphMemory, train_on_device
from mln.losses.meta import stacked_from_genomes
from mln.problem import make_problem
from mln.random import generator
from mln.rollout import Members, RolloutOptions

OPTIONS = RolloutOptions(keep_weights=True, dtype=torch.float64)


def as_on_a_device(module: Any) -> Any:
    """A kernel's loop on the CPU, replaced by that of its steps on a device."""
    device = torch.device("cpu")

    def loop(chunk: Any, recorder: Any) -> None:
        step = partial(module._step_on_device, chunk)
        train_on_device(chunk, step, recorder, device, GraphMemory(device))

    return loop


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("loss", ["adaptive", "gate", "residual"])
@pytest.mark.parametrize(
    ("module", "loop"), [(analytic, "_train_in_cache"), (reference, "_train_on_cpu")]
)
def test_a_devices_steps_train_the_same(
    module: Any, loop: str, loss: str, optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = [SeedSequence([5, k]) for k in range(2)]
    tasks = [label_cycle(linear_task(s, 6, 4), 0.6, generator(s, 3)) for s in seeds]
    training = TrainingSpec(12, 13, optimizer=optimizer, weight_decay=0.01)  # type: ignore[arg-type]
    problem = make_problem(tasks, seeds, LearnerSpec(hidden=(9,)), training, ("outer_valid",))
    members = Members(np.array([0, 1, 0]), np.array([0.02, 0.05, 0.1]))
    theta = torch.tensor(some_genomes(SPECS[loss], 3), dtype=torch.float64)
    losses = stacked_from_genomes(SPECS[loss], theta, 4)
    there = module.rollout(problem, members, losses, [5, 12], OPTIONS)
    monkeypatch.setattr(module, loop, as_on_a_device(module))
    here = module.rollout(problem, members, losses, [5, 12], OPTIONS)
    np.testing.assert_array_equal(here.weights, there.weights)
    for ours, theirs in zip(here.scores["outer_valid"], there.scores["outer_valid"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
