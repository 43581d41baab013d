"""A published recipe in a plain torch loop beside our rollout: same network, pictures and draws.

    python -m measurements.plain_torch --data-root DATA --epochs 3 --seeds 3

trains ResNet-20 by he2016's recipe under cross-entropy, shortened to so many epochs, and prints the
test accuracies of both, seed by seed, as JSON. The loop knows nothing of ours but what was drawn:
initial weights, the order of the pictures, and where each is cut and mirrored.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.random import SeedSequence
from torch import Tensor, nn

from bench.catalogue.learners import learner
from bench.catalogue.trainings import TRAININGS
from bench.tasks.data_root import use_data_root
from bench.tasks.resolve import resolve
from mln.config import LearnerSpec
from mln.kernels import reference
from mln.learners import build_module
from mln.losses.formulas import CrossEntropy
from mln.problem import Problem, make_problem
from mln.random import child
from mln.rollout import Members, RolloutOptions

BATCH = 1000


def pictures(problem: Problem, rows: np.ndarray) -> np.ndarray:
    """What a learner sees of some rows of the pool, float32 [N, D]."""
    return problem.pool[rows].astype(np.float32) * problem.scale + problem.shift


def minibatch(problem: Problem, slot: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """The pictures [B, D] and labels [B] of a step, cut and mirrored one after another."""
    spec, drawn = problem.training.augmentation, problem.augmentation
    made = pictures(problem, problem.batch_index[slot, step])
    if problem.image is None or not spec.of_pictures:
        return made, problem.batch_y[slot, step]
    _, height, width = problem.image
    for place, row in enumerate(made):
        picture = row.reshape(problem.image)
        if drawn.shift is not None:
            top, left = drawn.shift[slot, step, place]
            border = ((0, 0), (spec.crop, spec.crop), (spec.crop, spec.crop))
            picture = np.pad(picture, border)[:, top : top + height, left : left + width]
        if drawn.flip is not None and drawn.flip[slot, step, place]:
            picture = picture[:, :, ::-1]
        made[place] = picture.ravel()
    return made, problem.batch_y[slot, step]


def start(
    problem: Problem, slot: int, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> nn.Module:
    """The slot's network before its training."""
    module = build_module(problem.learner, problem.features, problem.classes, problem.image)
    count = sum(part.numel() for part in module.parameters())
    weights = torch.from_numpy(problem.initial[slot, :count])
    nn.utils.vector_to_parameters(weights, module.parameters())
    return module.to(device, dtype)


def plain_loop(problem: Problem, module: nn.Module, slot: int, lr: float) -> Iterator[Tensor]:
    """Train by SGD as torch does it; the loss of each step."""
    spec = problem.training
    optimizer = torch.optim.SGD(
        module.parameters(),
        lr,
        spec.momentum,
        weight_decay=spec.weight_decay,
        nesterov=spec.nesterov,
    )
    falls = [round(place * spec.steps) for place in spec.milestones]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, falls, spec.gamma)
    criterion = nn.CrossEntropyLoss()
    like = next(module.parameters())
    module.train()
    for step in range(spec.steps):
        x, y = minibatch(problem, slot, step)
        optimizer.zero_grad()
        loss = criterion(module(torch.from_numpy(x).to(like)), torch.from_numpy(y).to(like.device))
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss.detach()


@torch.no_grad()
def accuracy(problem: Problem, module: nn.Module, slot: int) -> float:
    """On the split called test."""
    held_out = problem.phase("test", problem.training.steps)
    rows, y, right = held_out.rows[slot], held_out.y[slot], 0
    like = next(module.parameters())
    module.eval()
    for at in range(0, len(y), BATCH):
        x = torch.from_numpy(pictures(problem, rows[at : at + BATCH])).to(like)
        right += int((module(x).argmax(1).cpu().numpy() == y[at : at + BATCH]).sum())
    return right / len(y)


def compared(problem: Problem, lr: float, device: str) -> dict[str, list[float]]:
    """Test accuracies by the loop and by our rollout, slot by slot."""
    slots = np.arange(len(problem))
    plain = []
    for slot in slots:
        module = start(problem, int(slot), device)
        for _ in plain_loop(problem, module, int(slot), lr):
            pass
        plain.append(accuracy(problem, module, int(slot)))
    result = reference.rollout(
        problem,
        Members(slots, np.full(len(slots), lr)),
        CrossEntropy(len(slots)),
        [problem.training.steps],
        RolloutOptions(device),
    )
    return {"plain torch": plain, "rollout": result.scores["test"].accuracy[:, -1].tolist()}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--data-root", type=Path, default=None)
    parser.add_argument("--task", default="cifar10_jpeg")
    parser.add_argument("--learner", default="resnet20")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    use_data_root(options.data_root)
    source = resolve(options.task).source(test=True)
    seeds = [SeedSequence(41, spawn_key=(k,)) for k in range(options.seeds)]
    tasks = [source(child(seed, 0)) for seed in seeds]
    recipe = TRAININGS.get("he2016")
    steps = round(options.epochs * len(tasks[0].train.y) / recipe.spec.batch_size)
    spec: LearnerSpec = learner(options.learner)
    training = replace(recipe.spec, steps=steps)
    problem = make_problem(tasks, [child(seed, 1) for seed in seeds], spec, training, ("test",))
    found = compared(problem, recipe.rate, options.device)
    difference = np.subtract(found["rollout"], found["plain torch"])
    summary = {
        "steps": steps,
        "train": len(tasks[0].train.y),
        **found,
        "mean difference": float(difference.mean()),
        "standard error": float(difference.std(ddof=1) / len(difference) ** 0.5),
    }
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
