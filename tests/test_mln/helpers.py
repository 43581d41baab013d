"""Small tasks and problems for the tests of the core."""

import numpy as np
import torch
from numpy.random import SeedSequence

from bench.catalogue.losses import LOSSES
from mln.config import STATE_FEATURES, LearnerSpec, LossSpec, TrainingSpec
from mln.layout import layout
from mln.losses.base import StackedLoss
from mln.losses.meta import stacked_from_genomes
from mln.problem import Problem, make_problem
from mln.rollout import Members, RolloutResult
from mln.task import Split, Task

START = np.full(8, 2.0, dtype=np.float32)


def sphere(x: np.ndarray) -> np.ndarray:
    """Points [N, D] to fitness [N]; the optimum is 0 at 0."""
    return -np.square(x, dtype=np.float64).sum(1)


def rotated_ellipsoid(x: np.ndarray) -> np.ndarray:
    """Condition number 1,000, axes turned by a fixed rotation."""
    dimension = x.shape[1]
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    return -(np.logspace(0, 3, dimension) * (x @ rotation) ** 2).sum(1)


SPECS = {
    "adaptive": LossSpec(kind="adaptive", max_q=0.9, max_eps=0.5),
    "adaptive_nine": LossSpec(kind="adaptive", state=STATE_FEATURES),
    "adaptive_constant": LossSpec(kind="adaptive", state=()),
    "taylor": LossSpec(kind="taylor"),
    "gate": LossSpec(head="gate", state=STATE_FEATURES),
    "gate_constant": LossSpec(head="gate", hidden=5),
    "residual": LossSpec(head="residual", features="logp,p,y", activation="silu", hidden=5),
    "deep": LossSpec(head="softplus", features="logit,y", depth=2, hidden=3, state=("progress",)),
    "deep_residual": LossSpec(head="residual", depth=2, activation="relu", state=("accuracy",)),
}
"""One specification of each kind and head, with and without state."""

HAND_MADE = {entry.name: entry for entry in LOSSES.entries() if entry.formula}
PLAIN = tuple(name for name, entry in HAND_MADE.items() if entry.parameter is None)
CLASS_COUNTS = tuple(name for name, entry in HAND_MADE.items() if entry.needs_class_counts)
ONE_PARAMETER = tuple(name for name in HAND_MADE if name not in (*PLAIN, *CLASS_COUNTS))
LOSS_KINDS = (*PLAIN, *ONE_PARAMETER, *CLASS_COUNTS, "mln", *SPECS)

VECTOR = LossSpec(scope="vector", classes=3, features="logp,p,y", depth=2, head="gate")


def some_genomes(spec: LossSpec, members: int, seed: int = 3) -> np.ndarray:
    """Random genomes [P, G]; exponents of an adaptive loss away from the ends."""
    genomes = np.random.default_rng(seed).standard_normal((members, layout(spec).size))
    if spec.kind == "adaptive":
        genomes *= 0.2
        genomes[:, -4:] = [0.5, 0.2, 0.3, 0.4]
    return genomes


def linear_task(seed: SeedSequence, features: int = 2, classes: int = 3, train: int = 40) -> Task:
    """Noisy linear classes: any learner can do better than chance."""
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((features, classes))

    def draw(count: int) -> Split:
        x = rng.standard_normal((count, features))
        y = (x @ weights + 0.5 * rng.standard_normal((count, classes))).argmax(1)
        return Split(x.astype(np.float32), y)

    return Task("linear", features, classes, draw(train), draw(30), draw(50))


def small_problem(
    slots: int = 3,
    learner: LearnerSpec | None = None,
    training: TrainingSpec | None = None,
    features: int = 2,
    classes: int = 3,
) -> Problem:
    """A problem of linear tasks of different training sizes."""
    seeds = [SeedSequence([9, k]) for k in range(slots)]
    tasks = [linear_task(seed, features, classes, train=40 + 7 * k) for k, seed in enumerate(seeds)]
    return make_problem(
        tasks,
        seeds,
        learner or LearnerSpec(hidden=(7, 5)),
        training or TrainingSpec(steps=12, batch_size=8),
        ("inner_valid", "outer_valid"),
    )


def some_losses(
    kind: str, members: int, classes: int, dtype: torch.dtype = torch.float32, seed: int = 3
) -> StackedLoss:
    """Losses of a kind, a different one for each member."""
    rng = np.random.default_rng(seed)
    if kind in PLAIN:
        return HAND_MADE[kind].built_in(members, None, None)
    if kind in HAND_MADE:
        parameter = torch.from_numpy(rng.uniform(0.1, 0.9, members)).to(dtype)
        counts = torch.from_numpy(rng.integers(1, 50, (members, classes)))
        return HAND_MADE[kind].built_in(members, parameter, counts)
    spec = SPECS.get(kind, LossSpec())
    genomes = torch.from_numpy(some_genomes(spec, members, seed)).to(dtype)
    return stacked_from_genomes(spec, genomes, classes)


def members_of(problem: Problem, count: int) -> Members:
    rng = np.random.default_rng(4)
    slot = rng.integers(len(problem), size=count)
    return Members(slot, rng.choice([0.003, 0.01, 0.05], count))


def same_bits(a: RolloutResult, b: RolloutResult) -> bool:
    return np.array_equal(a.diverged_at, b.diverged_at) and all(
        np.array_equal(x, y, equal_nan=True)
        for name in a.scores
        for x, y in zip(a.scores[name], b.scores[name], strict=True)
    )
