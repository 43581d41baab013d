"""Regimes that remove training examples: few labels and imbalanced classes."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator

from bench.tasks.base import Floats, Labels, random_ranks, stratified_order
from mln.task import Task

MIN_KEPT_PER_CLASS = 2


def few(task: Task, labels: float, rng: Generator) -> Task:
    """Keep a stratified subset of `labels` training examples, at least 2 per class.

    x keeps the scale of the full training split.
    """
    order = stratified_order(task.train.y, rng, minimum=MIN_KEPT_PER_CLASS)
    return _keep(task, np.sort(order[: int(labels)]))


def imbalance(task: Task, ratio: float, rng: Generator) -> Task:
    """Long tail: class sizes fall geometrically from the largest to 1/`ratio` of it.

    Which class is large is drawn; at least 2 examples per class stay, so on a small task the
    ratio reached can be below the one asked for. Only the training split is imbalanced:
    inner_valid, outer_valid and test stay balanced.
    """
    return _shrink(task, long_tail(task.classes, ratio, rng), rng)


def step(task: Task, ratio: float, rng: Generator) -> Task:
    """Half of the classes (rounded down), drawn at random, keep 1/`ratio` of the largest size.

    At least 2 examples per class stay. Only the training split is imbalanced: inner_valid,
    outer_valid and test stay balanced.
    """
    place = rng.permutation(task.classes)
    return _shrink(task, np.where(place < task.classes // 2, 1 / ratio, 1.0), rng)


def long_tail(classes: int, ratio: float, rng: Generator) -> Floats:
    """Sizes of the classes [C] relative to the largest, which is drawn, down to 1/`ratio`."""
    place = rng.permutation(classes)
    sizes: Floats = ratio ** (-place / max(classes - 1, 1))
    return sizes


def _keep(task: Task, indices: Labels) -> Task:
    return replace(task, train=task.train.take(indices))


def _shrink(task: Task, share: Floats, rng: Generator) -> Task:
    """Keep `share` [classes] of the largest class's size of each class."""
    y = task.train.y
    largest = np.bincount(y, minlength=task.classes).max()
    sizes = np.maximum(np.round(largest * share), MIN_KEPT_PER_CLASS)
    return _keep(task, np.flatnonzero(random_ranks(y, rng) < sizes[y]))
