"""Regimes that make training labels wrong: symmetric, pair-flip and instance-dependent noise."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bench.tasks.base import Floats, Labels, random_ranks
from mln.task import Split, Task

PROJECTED = 32
"""Dimensions in which examples are compared; others are projected on as many at random."""
REFERENCES = 1000
NEIGHBOURS = 10
ROWS_PER_BLOCK = 2048


def noise(task: Task, rate: float, rng: Generator) -> Task:
    """Symmetric label noise: exactly round(rate * N) labels move to another class, uniformly."""
    y = task.train.y
    chosen = _share(y, rate, rng)
    moves = rng.integers(1, task.classes, y.size)
    return _relabel(task, np.where(chosen, (y + moves) % task.classes, y))


def pairflip(task: Task, rate: float, rng: Generator) -> Task:
    """Asymmetric label noise: exactly round(rate * N) labels move to the next class."""
    y = task.train.y
    return _relabel(task, np.where(_share(y, rate, rng), (y + 1) % task.classes, y))


def instance_noise(task: Task, rate: float, rng: Generator) -> Task:
    """Instance-dependent noise: the round(rate * N) examples that look most like another class
    get its label.

    Chen et al. 2021 ("Beyond class-conditional assumption", AAAI, algorithm 1) take the largest
    wrong probabilities of a network, averaged over its training; here they are a kernel
    estimate's (Nadaraya 1964), so that the noise needs no training and favours no loss.
    """
    y = task.train.y
    scores = _resemblance(task, rng)
    scores[np.arange(y.size), y] = -1.0
    order = np.lexsort((rng.random(y.size), -scores.max(1)))[: round(rate * y.size)]
    wrong = y.copy()
    wrong[order] = scores.argmax(1)[order]
    return _relabel(task, wrong)


def _resemblance(task: Task, rng: Generator) -> Floats:
    """How likely each training example is of each class [N, C], by its neighbours but itself."""
    y = task.train.y
    projection = None
    if task.features > PROJECTED:
        projection = rng.standard_normal((task.features, PROJECTED)).astype(np.float32)
    blocks = [_compared(task, projection, start) for start in range(0, y.size, ROWS_PER_BLOCK)]
    x = np.concatenate(blocks)
    per_class = max(REFERENCES // task.classes, 1)
    chosen = np.flatnonzero(random_ranks(y, rng) < per_class)
    one_hot = np.eye(task.classes, dtype=np.float32)[y[chosen]]
    likeness = []
    for start in range(0, y.size, ROWS_PER_BLOCK):
        part = x[start : start + ROWS_PER_BLOCK]
        distance = (part**2).sum(1)[:, None] - 2 * part @ x[chosen].T + (x[chosen] ** 2).sum(1)
        own = chosen == np.arange(start, start + len(part))[:, None]
        distance = np.where(own, np.inf, np.maximum(distance, 0))
        near = min(NEIGHBOURS, distance.shape[1] - 1)
        width = np.partition(distance, near - 1, axis=1)[:, near - 1 : near]
        weight = np.exp(-distance / np.maximum(width, 1e-12))
        likeness.append(weight @ one_hot / np.maximum(weight.sum(1, keepdims=True), 1e-30))
    return np.concatenate(likeness)


def _compared(task: Task, projection: "NDArray[np.float32] | None", start: int) -> Floats:
    x = np.asarray(task.train.x[start : start + ROWS_PER_BLOCK])
    return (x if projection is None else x @ projection).astype(np.float32)


def _share(y: Labels, rate: float, rng: Generator) -> NDArray[np.bool_]:
    """A mask [N] of exactly round(rate * N) random examples."""
    chosen = np.zeros(y.size, bool)
    chosen[rng.permutation(y.size)[: round(rate * y.size)]] = True
    return chosen


def _relabel(task: Task, y: Labels) -> Task:
    return replace(task, train=Split(task.train.x, y))
