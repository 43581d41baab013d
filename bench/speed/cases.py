"""What is timed: learners, each under a random genome of its own, the same for all designs.

The members of a case are paired, as a generation's candidates on one task are: they share the
initial weights and the minibatches. The losses' scale is left as drawn, in every design.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from bench.tasks.resolve import resolve
from mln.config import LearnerSpec, LossSpec, TrainingSpec
from mln.layout import EXPONENTS, layout
from mln.learners import LearnerPlan, plan
from mln.problem import Problem, make_problem
from mln.random import child, generator
from mln.rollout import Members
from mln.task import Split, Task

TIMED_LOSS = LossSpec(hidden=32, features="logp,p,y", normalise=False)
"""[log p, p, y] -> 32 tanh -> 1, mean over the classes."""

STATE_LOSS = LossSpec(kind="adaptive", normalise=False)
"""Exponents that follow the state of training."""
STATE_SPREAD, STATE_CENTRE = 0.1, 0.5
"""Of its genes, and of its constants: no exponent is 0, which would spare a logarithm."""

RATES = {"sgd": 0.02, "adam": 0.002}
SPLIT = "outer_valid"
TASK_KEY, LEARNER_KEY, GENOMES_KEY = 0, 1, 2
DIGIT_SIDE, ENLARGED, BORDER = 8, 3, 2


@dataclass(frozen=True)
class Case:
    """A learner, its data, and how many members are trained for how many steps in a timed call.

    picture: the task's 8 x 8 pictures are enlarged to 28 x 28. loss: what its genomes are of.
    """

    description: str
    task: str
    learner: LearnerSpec
    members: int
    batch_size: int
    steps: int
    picture: bool = False
    loss: LossSpec = TIMED_LOSS


LENET = LearnerSpec(kind="cnn", channels=(6, 16), kernel=5, hidden=(120, 84))
CASES = {
    "a": Case("MLP 2-32-32-2, B=64, moons", "moons", LearnerSpec((32, 32)), 64, 64, 100),
    "b": Case("MLP 64-64-10, B=64, digits", "digits", LearnerSpec((64,)), 32, 64, 100),
    "c": Case(
        "MLP 784-128-10, B=128, digits enlarged", "digits", LearnerSpec((128,)), 8, 128, 50, True
    ),
    "d": Case("LeNet-5 28x28, B=64, digits enlarged", "digits", LENET, 8, 64, 25, True),
    "state_b": Case(
        "MLP 64-64-10, B=64, digits, adaptive losses",
        "digits",
        LearnerSpec((64,)),
        32,
        64,
        100,
        loss=STATE_LOSS,
    ),
    "state_b32": Case(
        "MLP 64-64-10, B=32, digits, adaptive losses",
        "digits",
        LearnerSpec((64,)),
        32,
        32,
        100,
        loss=STATE_LOSS,
    ),
    "state_s": Case(
        "MLP 16-32-3, B=32, synthetic classification, adaptive losses",
        "classification:features=16,classes=3",
        LearnerSpec((32,)),
        32,
        32,
        100,
        loss=STATE_LOSS,
    ),
}
"""Shapes of the published comparison; digits are real data, enlarged ones have MNIST's shape. And
losses that follow the state of training, on shapes that evolution trains."""


class Workload(NamedTuple):
    """P members of one slot and their genomes, float32 [P, G], of losses of one form."""

    problem: Problem
    members: Members
    genomes: NDArray[np.float32]
    loss: LossSpec = TIMED_LOSS

    @property
    def member_steps(self) -> int:
        """P * T."""
        return len(self.genomes) * self.problem.training.steps


def workload(case: Case, optimizer: str, tasks: int = 1) -> Workload:
    """The members of a case, spread evenly over `tasks` slots."""
    root = SeedSequence(0)
    drawn = [_task(case, child(root, TASK_KEY, index)) for index in range(tasks)]
    training = TrainingSpec(
        steps=case.steps,
        batch_size=case.batch_size,
        optimizer="adam" if optimizer == "adam" else "sgd",
    )
    seeds = [child(root, LEARNER_KEY, index) for index in range(tasks)]
    problem = make_problem(drawn, seeds, case.learner, training, (SPLIT,))
    slots = np.arange(case.members, dtype=np.int64) % tasks
    rates = np.full(case.members, RATES[optimizer])
    shape = (case.members, layout(case.loss).size)
    genomes = generator(root, GENOMES_KEY).standard_normal(shape)
    if case.loss.kind == "adaptive":
        genomes *= STATE_SPREAD
        genomes[:, -len(EXPONENTS) :] += STATE_CENTRE
    return Workload(problem, Members(slots, rates), genomes.astype(np.float32), case.loss)


def learner_plan(problem: Problem) -> LearnerPlan:
    """The layers of a problem's learner."""
    return plan(problem.learner, problem.features, problem.classes, problem.image)


def inputs(problem: Problem) -> NDArray[np.float32]:
    """What a learner sees of each example of the pool, [M, D]."""
    return np.asarray(problem.pool * problem.scale + problem.shift, np.float32)


def flops(problem: Problem) -> int:
    """Floating-point operations of a member-step: the learner's matrix products and convolutions.

    2 for each multiply and add; once forward, once for the weights' gradient, and once for the
    inputs' gradient except in the first layer. The meta-loss, the optimiser and all that works
    element by element are left out.
    """
    layers = learner_plan(problem)
    products = [
        layer.outputs
        * layer.fan_in
        # Each output of the convolution itself, before pooling.
        * (layer.height + 2 * layer.padding - layer.kernel + 1)
        * (layer.width + 2 * layer.padding - layer.kernel + 1)
        for layer in layers.convolutions
    ]
    products += [layer.inputs * layer.outputs for layer in layers.linear]
    return 2 * problem.training.batch_size * (3 * sum(products) - products[0])


def _task(case: Case, seed: SeedSequence) -> Task:
    task = resolve(case.task).source(test=False)(seed)
    if not case.picture:
        return task
    side = DIGIT_SIDE * ENLARGED + 2 * BORDER
    return replace(
        task,
        features=side * side,
        image=(1, side, side),
        train=_enlarged(task.train),
        inner_valid=_enlarged(task.inner_valid),
        outer_valid=_enlarged(task.outer_valid),
    )


def _enlarged(split: Split) -> Split:
    """Each pixel becomes 3 x 3, in a border of the background."""
    pictures = np.asarray(split.x).reshape(-1, DIGIT_SIDE, DIGIT_SIDE)
    large = pictures.repeat(ENLARGED, 1).repeat(ENLARGED, 2)
    border = ((0, 0), (BORDER, BORDER), (BORDER, BORDER))
    framed = np.pad(large, border, constant_values=float(pictures.min()))
    return Split(framed.reshape(len(framed), -1), split.y)
