"""Kernels against torch's own modules, optimisers and schedulers, one learner after another."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.random import SeedSequence
from test_mln.helpers import linear_task, some_losses
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR

from mln.config import LearnerSpec, TrainingSpec
from mln.kernels import analytic, reference
from mln.learners import plan
from mln.problem import Problem, make_problem
from mln.rollout import Kernel, Members, RolloutOptions
from mln.task import Split, Task

PICTURES = LearnerSpec(kind="cnn", channels=(3, 4), kernel=3, padding=1, per_block=2, hidden=(5,))
KEEP = RolloutOptions(keep_weights=True)
MEMBERS = Members(np.array([1, 0, 1]), np.array([0.01, 0.03, 0.003]))
RECIPES = {
    "sgd": TrainingSpec(optimizer="sgd", momentum=0.0),
    "momentum": TrainingSpec(optimizer="sgd", weight_decay=0.1),
    "nesterov": TrainingSpec(optimizer="sgd", nesterov=True, schedule="cosine"),
    "adam": TrainingSpec(weight_decay=0.05, schedule="step", milestones=(0.3, 0.6)),
    "adamw": TrainingSpec(optimizer="adamw", weight_decay=0.1, schedule="cosine"),
}


def picture_task(seed: SeedSequence, image: tuple[int, int, int] = (2, 9, 8)) -> Task:
    """Random pictures of three classes that differ in one corner."""
    rng = np.random.default_rng(seed)

    def draw(count: int) -> Split:
        y = rng.integers(3, size=count)
        x = rng.standard_normal((count, *image))
        x[:, 0, :4, :4] += y[:, None, None]
        return Split(x.reshape(count, -1).astype(np.float32), y)

    return Task("pictures", int(np.prod(image)), 3, draw(40), draw(30), draw(50), image=image)


def problem_of(learner: LearnerSpec, training: TrainingSpec) -> Problem:
    seeds = [SeedSequence([9, k]) for k in range(2)]
    draw = picture_task if learner.kind == "cnn" else linear_task
    return make_problem([draw(seed) for seed in seeds], seeds, learner, training, ("outer_valid",))


def module_of(problem: Problem, slot: int) -> nn.Module:
    """The learner as an nn.Sequential, in double precision, at a slot's initial weights."""
    layers = plan(problem.learner, problem.features, problem.classes, problem.image)
    parts: list[nn.Module] = []
    if problem.image is not None and layers.convolutions:
        parts.append(nn.Unflatten(1, problem.image))
    for c in layers.convolutions:
        parts += [nn.Conv2d(c.inputs, c.outputs, c.kernel, padding=c.padding), nn.ReLU()]
        parts += [nn.MaxPool2d(2)] if c.pool else []
    parts.append(nn.Flatten())
    for inputs, outputs in pairwise([layers.linear[0].inputs, *(f.outputs for f in layers.linear)]):
        parts += [nn.Linear(inputs, outputs), nn.ReLU()]
    module = nn.Sequential(*parts[:-1]).double()
    start = torch.from_numpy(problem.initial[slot]).double()
    nn.utils.vector_to_parameters(start, module.parameters())
    return module


def optimizer_of(
    spec: TrainingSpec, module: nn.Module, lr: float
) -> tuple[torch.optim.Optimizer, LRScheduler | None]:
    weights, decay = module.parameters(), spec.weight_decay
    optimizer: torch.optim.Optimizer
    if spec.optimizer == "sgd":
        optimizer = torch.optim.SGD(
            weights, lr, spec.momentum, weight_decay=decay, nesterov=spec.nesterov
        )
    elif spec.optimizer == "adam":
        optimizer = torch.optim.Adam(weights, lr, weight_decay=decay)
    else:
        optimizer = torch.optim.AdamW(weights, lr, weight_decay=decay)
    if spec.schedule == "cosine":
        return optimizer, CosineAnnealingLR(optimizer, spec.steps)
    if spec.schedule == "step":
        falls = [round(place * spec.steps) for place in spec.milestones]
        return optimizer, MultiStepLR(optimizer, falls, spec.gamma)
    return optimizer, None


def naive(problem: Problem, slot: int, lr: float) -> tuple[float, float, np.ndarray]:
    """Accuracy and nll on outer_valid, and weights, of one module trained under CE by torch."""
    module = module_of(problem, slot)
    optimizer, schedule = optimizer_of(problem.training, module, lr)
    pool = torch.from_numpy(problem.pool).double()
    for index, labels in zip(problem.batch_index[slot], problem.batch_y[slot], strict=True):
        optimizer.zero_grad()
        z = module(pool[torch.from_numpy(index)])
        nn.functional.cross_entropy(z, torch.from_numpy(labels)).backward()
        optimizer.step()
        if schedule is not None:
            schedule.step()
    split = problem.phase("outer_valid", 0)
    y = torch.from_numpy(split.y[slot])
    with torch.no_grad():
        z = module(pool[torch.from_numpy(split.rows[slot])])
    weights = nn.utils.parameters_to_vector(module.parameters()).detach().numpy()
    accuracy = float((z.argmax(1) == y).double().mean())
    return accuracy, float(nn.functional.cross_entropy(z, y)), weights


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("kernel", "learner"),
    [
        (analytic.rollout, LearnerSpec(hidden=(7, 5))),
        (reference.rollout, LearnerSpec(hidden=())),
        (reference.rollout, PICTURES),
    ],
)
def test_a_learner_trains_as_a_module_under_torch_optim(
    kernel: Kernel, learner: LearnerSpec, recipe: str
) -> None:
    training = TrainingSpec(**{**vars(RECIPES[recipe]), "steps": 15, "batch_size": 7})
    problem = problem_of(learner, training)
    result = kernel(
        problem,
        MEMBERS,
        some_losses("ce", 3, 3),
        [15],
        KEEP._replace(dtype=torch.float64),
    )
    scores = result.scores["outer_valid"]
    assert result.weights is not None
    for row, (slot, lr) in enumerate(zip(MEMBERS.slot, MEMBERS.lr, strict=True)):
        accuracy, nll, weights = naive(problem, int(slot), float(lr))
        assert scores.accuracy[row, 0] == pytest.approx(accuracy)
        assert scores.nll[row, 0] == pytest.approx(nll, rel=1e-6)
        np.testing.assert_allclose(result.weights[row], weights, rtol=1e-4, atol=1e-6)


def test_bits_of_convolutions_do_not_depend_on_neighbours_or_order() -> None:
    problem = problem_of(PICTURES, TrainingSpec(steps=5, batch_size=6))
    members = Members(np.arange(11) % 2, np.linspace(0.001, 0.02, 11))
    losses = some_losses("mln", 11, 3)
    whole = reference.rollout(problem, members, losses, [5], KEEP)
    order = np.random.default_rng(5).permutation(11)[:7]
    some = reference.rollout(
        problem,
        Members(members.slot[order], members.lr[order]),
        losses.take(torch.from_numpy(order)),
        [5],
        KEEP,
    )
    assert whole.weights is not None
    assert some.weights is not None
    assert np.array_equal(some.weights, whole.weights[order])
