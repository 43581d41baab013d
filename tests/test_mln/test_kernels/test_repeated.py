"""The steps of a device, done on the CPU: the same training as that of the CPU's own loop."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.random import SeedSequence
from test_mln.helpers import SPECS, linear_task, some_genomes
from torch.utils._python_dispatch import TorchDispatchMode

from mln.config import LearnerSpec, TrainingSpec
from mln.drift import label_cycle
from mln.kernels import analytic, reference
from mln.kernels.repeated import WARM_UP, GraphMemory, train_on_device
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


MADE_ANEW = ("state.memory", "state.features", "state.log_prior")
"""By each step before it reads them; `train_on_device` keeps the memory in one place."""


class NothingFromTheHost(TorchDispatchMode):
    """Fails on what no CUDA graph can repeat: numbers that are copied to the device, or read.

    On a CPU nothing is copied, but the same operations are called. A whole tensor can be filled
    with a number of the host's, since then it travels as an argument.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hosts: list[torch.Tensor] = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        name = operation.name()
        used = [value for value in args if any(value is host for host in self.hosts)]
        assert not used or name == "aten::fill_.Tensor", f"{name} of a number of the host's"
        assert name not in ("aten::_local_scalar_dense", "aten::nonzero"), f"{name} reads a number"
        result = operation(*args, **(kwargs or {}))
        if name == "aten::lift_fresh":
            self.hosts.append(result)
        return result


def tensors_of(value: Any, path: str = "") -> dict[str, int]:
    """Where each tensor among an object's attributes lies, by its path."""
    if isinstance(value, torch.Tensor):
        return {path: value.data_ptr()}
    parts: dict[str, Any] = {}
    if isinstance(value, list | tuple):
        parts = {str(number): part for number, part in enumerate(value)}
    elif type(value).__module__.startswith("mln."):
        parts = vars(value)
    return {
        where: place
        for name, part in parts.items()
        for where, place in tensors_of(part, f"{path}.{name}".strip(".")).items()
    }


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("loss", ["adaptive", "gate", "residual"])
@pytest.mark.parametrize("module", [analytic, reference])
def test_a_step_can_be_captured(module: Any, loss: str, optimizer: str) -> None:
    """What a CUDA graph reads and writes stays where it is, and nothing comes from the host."""
    chunks: list[Any] = []

    def loop(chunk: Any, recorder: Any) -> None:
        def step(at: torch.Tensor) -> None:
            if int(at) < WARM_UP:
                module._step_on_device(chunk, at)
                return
            before = tensors_of(chunk)
            with NothingFromTheHost():
                module._step_on_device(chunk, at)
            after = tensors_of(chunk)
            rebound = [path for path in before if before[path] != after.get(path)]
            assert all(path.endswith(MADE_ANEW) for path in rebound), rebound
            assert len(before) > 8
            chunks.append(chunk)

        device = torch.device("cpu")
        train_on_device(chunk, step, recorder, device, GraphMemory(device))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_train_in_cache" if module is analytic else "_train_on_cpu", loop)
        seeds = [SeedSequence([5, 0])]
        training = TrainingSpec(WARM_UP + 2, 8, optimizer=optimizer, weight_decay=0.01)  # type: ignore[arg-type]
        task = linear_task(seeds[0], 6, 4)
        problem = make_problem([task], seeds, LearnerSpec((9,)), training, ("outer_valid",))
        theta = torch.from_numpy(some_genomes(SPECS[loss], 3).astype(np.float32))
        losses = stacked_from_genomes(SPECS[loss], theta, 4)
        module.rollout(problem, Members(np.zeros(3, int), np.full(3, 0.02)), losses, [3])
    assert len(chunks) == 2


def test_a_number_assigned_to_an_element_cannot_be_captured() -> None:
    values = torch.zeros(3)
    with NothingFromTheHost():
        values[1].fill_(1.0)
        values[1:] = 2.0
        with pytest.raises(AssertionError, match="copy_"):
            values[1] = 1.0
        with pytest.raises(AssertionError, match="reads"):
            values.sum().item()
