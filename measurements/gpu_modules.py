"""Modules on a GPU: members as one under vmap beside one after another, and beside the CPU.

    python -m measurements.gpu_modules --device cuda

prints for each network member-steps per second both ways, and how far the test-free scores of a
short training lie from the CPU's. It needs torch and numpy alone.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.random import SeedSequence

from mln.config import AugmentationSpec, LearnerSpec, TrainingSpec
from mln.kernels import reference
from mln.kernels.modules import Modules
from mln.losses.formulas import CrossEntropy
from mln.problem import Problem, make_problem
from mln.rollout import Members, RolloutOptions, RolloutResult
from mln.task import Split, Task

NETWORKS = ("resnet8", "resnet20", "all_cnn_c", "wide_mlp")
IMAGE = (3, 32, 32)
TRAINING = TrainingSpec(
    12, 128, optimizer="sgd", weight_decay=1e-4, augmentation=AugmentationSpec(crop=4, flip=True)
)


def problem_of(name: str, training: TrainingSpec, image: tuple[int, int, int] = IMAGE) -> Problem:
    """One slot of random pictures whose class is their brightest colour."""
    rng = np.random.default_rng(1)
    features = int(np.prod(image))

    def split(count: int) -> Split:
        x = rng.standard_normal((count, features)).astype(np.float32)
        return Split(x, x.reshape(count, 3, -1)[:, :, ::7].mean(2).argmax(1))

    task = Task("pictures", features, 10, split(2000), split(500), split(500), image=image)
    spec = LearnerSpec((), "module", module=f"mln.published:{name}")
    return make_problem([task], [SeedSequence(2)], spec, training, ("outer_valid",))


def trained(problem: Problem, members: int, device: str) -> RolloutResult:
    """Members of one slot under cross-entropy at rates from 0.01 to 0.05."""
    rates = np.linspace(0.01, 0.05, members)
    points = [problem.training.steps]
    slots = np.zeros(members, np.int64)
    loss = CrossEntropy(members)
    return reference.rollout(problem, Members(slots, rates), loss, points, RolloutOptions(device))


def together(size: int) -> Callable[[Problem, str, torch.dtype], Modules]:
    """What makes networks whose members train so many at a time."""
    return lambda problem, device, dtype: Modules(problem, device, dtype, together=size)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--members", type=int, default=16)
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    own = reference.network_of
    for name in NETWORKS:
        problem, rates = problem_of(name, TRAINING), {}
        for size in (1, 4, options.members):
            reference.network_of = together(size)  # type: ignore[assignment]
            trained(replace(problem), max(size, 2), options.device)
            started = time.perf_counter()
            trained(problem, options.members, options.device)
            seconds = time.perf_counter() - started
            rates[f"{size} at a time"] = round(options.members * TRAINING.steps / seconds, 1)
        small = problem_of(name, replace(TRAINING, steps=6, batch_size=16), (3, 16, 16))
        reference.network_of = together(1)  # type: ignore[assignment]
        alone, cpu = (trained(small, 4, device) for device in (options.device, "cpu"))
        reference.network_of = own
        vmapped = trained(small, 4, options.device)
        for label, result in (("alone", alone), ("as one", vmapped)):
            gap = result.scores["outer_valid"].nll - cpu.scores["outer_valid"].nll
            rates[f"nll, {label} - cpu"] = float(np.abs(gap).max())
        found[name] = rates
        print(json.dumps({name: rates}), flush=True)
    reference.network_of = own


if __name__ == "__main__":
    main()
