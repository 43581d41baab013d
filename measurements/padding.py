"""What it would cost to pad every task to a mixture's largest shape.

    python -m measurements.padding

Learners of two features and two classes, trained as they are, and padded to the ten features and
ten classes of the largest family of the shipped experiments. It prints member-steps per second of
processor time and their ratio, the median of several turns.
"""

import time
from statistics import median

import numpy as np
import torch
from numpy.random import SeedSequence

from mln.config import LearnerSpec, LossSpec, TrainingSpec
from mln.kernels import engine
from mln.layout import layout
from mln.losses.meta import stacked_from_genomes
from mln.problem import Problem, make_problem
from mln.rollout import Members
from mln.task import Split, Task

SHAPES = {"true": (2, 2), "padded": (10, 10)}
MEMBERS, STEPS, TURNS = 64, 300, 7
SPEC = LossSpec()


def problem_of(features: int, classes: int) -> Problem:
    """Random examples of this shape, for small perceptrons."""
    rng = np.random.default_rng(0)

    def split(size: int) -> Split:
        x = rng.standard_normal((size, features)).astype(np.float32)
        return Split(x, rng.integers(classes, size=size))

    task = Task("noise", features, classes, split(150), split(100), split(100))
    learner, training = LearnerSpec(hidden=(32, 32)), TrainingSpec(steps=STEPS, batch_size=16)
    return make_problem([task], [SeedSequence(1)], learner, training, ("outer_valid",))


def rate(problem: Problem, kernel: engine.KernelName) -> float:
    """Member-steps per second of processor time."""
    rng = np.random.default_rng(1)
    genomes = rng.standard_normal((MEMBERS, layout(SPEC).size)).astype(np.float32)
    losses = stacked_from_genomes(SPEC, torch.from_numpy(genomes), problem.classes)
    members = Members(np.zeros(MEMBERS, np.int64), np.full(MEMBERS, 0.003))
    started = time.process_time()
    engine.get(kernel)(problem, members, losses, [STEPS])
    return MEMBERS * STEPS / (time.process_time() - started)


def main() -> None:
    """Measure and print."""
    problems = {name: problem_of(*shape) for name, shape in SHAPES.items()}
    for kernel in ("fused", "analytic"):
        rates: dict[str, list[float]] = {name: [] for name in problems}
        for _ in range(TURNS):
            for name, problem in problems.items():
                rates[name].append(rate(problem, kernel))
        true, padded = (median(rates[name]) for name in SHAPES)
        print(f"{kernel}: {true:,.0f} as they are, {padded:,.0f} padded, ratio {true / padded:.1f}")


if __name__ == "__main__":
    main()
