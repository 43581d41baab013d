"""Typical trainings under an adaptive loss: what its exponents do while a learner learns, and
which hand-made loss it is nearest to.

Real rollouts on scikit-learn's digits, whose loss is asked for its exponents in every step.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.random import SeedSequence
from numpy.typing import NDArray
from torch import Tensor

from bench.explanation.fits import IN_TRAINING, Fit, Points, fit_family, fit_values, nearest
from bench.tasks.resolve import resolve
from mln.config import LearnerSpec, LossSpec, TrainingSpec
from mln.files import SavedLoss
from mln.kernels import analytic
from mln.layout import EXPONENTS
from mln.losses.adaptive import AdaptiveLoss
from mln.losses.probe import probe
from mln.losses.state import MEASURED, TrainingState
from mln.problem import make_problem
from mln.random import child
from mln.rollout import Members, RolloutOptions
from mln.search.base import Genomes

TRAININGS = {
    "clean": "digits",
    "noisy": "digits+noise=0.4",
    "imbalanced": "digits+imbalance=20",
    "drifting": "digits+label_drift=0.5",
}
LEARNER = LearnerSpec(hidden=(64,))
TRAINING = TrainingSpec(steps=400, batch_size=32)
RATE, SEEDS = 0.003, 4

MOMENTS = (0.1, 0.5, 0.6, 1.0)
"""Shares of a training; a drift comes at one half."""
EVERY = 4
"""Steps from one point of a drawn course to the next."""
COUNTED = 10**6
"""Labels that running frequencies are written as counts of."""

TASK_KEY, LEARNER_KEY = 0, 1


class Course(NamedTuple):
    """What the loss saw and did in each of T steps, means over SEEDS learners.

    exponents: q, eps, gamma and tau, [T, 4]; accuracy: the running one, [T]; memory: of the state
    of training, [T, 5 + C].
    """

    training: str
    task: str
    classes: int
    exponents: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    memory: NDArray[np.float64]


@dataclass
class _Observed:
    """An adaptive loss that notes its exponents and its state whenever a gradient is taken."""

    loss: AdaptiveLoss
    exponents: list[Tensor]
    memory: list[Tensor]

    kind = "adaptive"

    @property
    def state(self) -> TrainingState:
        """That of the loss, which the rollout keeps."""
        return self.loss.state

    def __len__(self) -> int:
        return len(self.loss)

    def take(self, members: Tensor) -> Self:
        """The losses of some members."""
        return type(self)(self.loss.take(members), self.exponents, self.memory)

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        return self.loss.value(z, y)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        self.exponents.append(torch.cat(self.loss.exponents(), dim=1)[..., 0])
        self.memory.append(self.loss.state.memory)
        return self.loss.gradient(p, y)


def courses(spec: LossSpec, genome: Genomes) -> list[Course]:
    """The course of each of TRAININGS under an adaptive loss with this genome [G]."""
    return [_course(name, task, spec, genome) for name, task in TRAININGS.items()]


def _course(name: str, task: str, spec: LossSpec, genome: Genomes) -> Course:
    root = SeedSequence(0)
    source = resolve(task).source(test=False)
    tasks = [source(child(root, TASK_KEY, index)) for index in range(SEEDS)]
    seeds = [child(root, LEARNER_KEY, index) for index in range(SEEDS)]
    problem = make_problem(tasks, seeds, LEARNER, TRAINING, ())
    theta = torch.tensor(np.asarray(genome, np.float32)).expand(SEEDS, -1)
    observed = _Observed(AdaptiveLoss(spec, theta, problem.classes), [], [])
    members = Members(np.arange(SEEDS), np.full(SEEDS, RATE))
    analytic.rollout(problem, members, observed, (), RolloutOptions(chunk=SEEDS))
    memory = torch.stack(observed.memory).double().mean(1).numpy()
    return Course(
        training=name,
        task=task,
        classes=problem.classes,
        exponents=torch.stack(observed.exponents).double().mean(1).numpy(),
        accuracy=memory[:, MEASURED.index("accuracy")],
        memory=memory,
    )


def training_values(course: Course, saved: SavedLoss) -> dict[str, Any]:
    """A training as JSON values: training, task, and by step progress, accuracy and exponents.

    moments: at each of MOMENTS the progress, the running accuracy, the exponents and the nearest
    hand-made loss, by the gradients of all classes on `mln.losses.probe.probe`, with the class
    frequencies of that moment.
    """
    steps = len(course.accuracy)
    kept = [*range(0, steps - 1, EVERY), steps - 1]

    def at(step: int) -> dict[str, Any]:
        exponents = dict(zip(EXPONENTS, course.exponents[step].tolist(), strict=True))
        return {
            "progress": step / steps,
            "accuracy": float(course.accuracy[step]),
            "exponents": exponents,
            "nearest": fit_values(nearest_at(course, step, saved)),
        }

    return {
        "training": course.training,
        "task": course.task,
        "progress": [step / steps for step in kept],
        "accuracy": course.accuracy[kept].tolist(),
        "exponents": {
            name: course.exponents[kept, place].tolist() for place, name in enumerate(EXPONENTS)
        },
        "moments": [at(max(round(share * steps) - 1, 0)) for share in MOMENTS],
    }


def nearest_at(course: Course, step: int, saved: SavedLoss) -> Fit:
    """The hand-made loss, of IN_TRAINING, that an adaptive loss is nearest to in a step."""
    theta = torch.from_numpy(np.asarray(saved.genome, np.float64))[None]
    loss = AdaptiveLoss(saved.spec, theta, course.classes, normalise=False)
    memory = torch.from_numpy(course.memory[step])[None]
    loss.state.read(memory, step / len(course.memory))
    z, y = probe(course.classes)
    counts = torch.exp(loss.state.log_prior[0, :, 0]) * COUNTED
    where = Points(z.softmax(0)[None], y[None], class_counts=counts)
    target = where.of(loss.gradient(where.p, where.y))[0]
    return nearest([fit_family(family, target, where) for family in IN_TRAINING])


def training_table(explanation: dict[str, Any]) -> list[dict[str, Any]]:
    """One row for each training and moment of an adaptive loss."""
    return [
        {
            "training": part["training"],
            "done": f"{100 * moment['progress']:.0f} %",
            "accuracy": moment["accuracy"],
            **moment["exponents"],
            "nearest hand-made loss": moment["nearest"]["label"],
            "R2": moment["nearest"]["r2"],
        }
        for part in explanation["trainings"]
        for moment in part["moments"]
    ]
