"""Regimes: what is done to a task. Each is a pure function of the task, a value and a generator.

They change the training split alone: validation and test splits stay balanced and clean, with
one declared exception, `valid=noisy`, which gives inner_valid the training noise. Examples are
removed or relabelled, never redrawn or rescaled: a regime shares x and the clean labels with
the task under it, and for one seed a stronger value changes a superset of what a weaker one
changes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bench.tasks.base import Concern, Floats, Labels, TaskFamily, random_ranks, stratified_order
from mln.task import Split, Task

LEAST_PER_CLASS = 2


class Stage(IntEnum):
    """The order in which regimes apply; a task takes at most one of each."""

    LABELS = 0
    SIZES = 1
    NOISE = 2


@dataclass(frozen=True)
class Regime:
    """One kind of change.

    limits: the smallest and the largest value that make sense for a family.
    neutral: the value that changes nothing, if there is one.
    whole: whether values are whole numbers.
    """

    key: str
    stage: Stage
    concern: Concern
    description: str
    apply: Callable[[Task, float, Generator], Task]
    limits: Callable[[TaskFamily], tuple[float, float]]
    neutral: float | None
    whole: bool = False


def few(task: Task, labels: float, rng: Generator) -> Task:
    """Keep a stratified subset of `labels` training examples, at least 2 per class.

    x keeps the scale of the full training split.
    """
    order = stratified_order(task.train.y, rng, minimum=LEAST_PER_CLASS)
    return _keep(task, np.sort(order[: int(labels)]))


def imbalance(task: Task, ratio: float, rng: Generator) -> Task:
    """Long tail: class sizes fall geometrically from the largest to 1/`ratio` of it.

    Which class is large is drawn; at least 2 examples per class stay, so on a small task the
    ratio reached can be below the one asked for. Only the training split is imbalanced:
    inner_valid, outer_valid and test stay balanced.
    """
    place = rng.permutation(task.classes)
    return _shrink(task, ratio ** (-place / max(task.classes - 1, 1)), rng)


def step(task: Task, ratio: float, rng: Generator) -> Task:
    """Half of the classes (rounded down), drawn at random, keep 1/`ratio` of the largest size.

    At least 2 examples per class stay. Only the training split is imbalanced: inner_valid,
    outer_valid and test stay balanced.
    """
    place = rng.permutation(task.classes)
    return _shrink(task, np.where(place < task.classes // 2, 1 / ratio, 1.0), rng)


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


def noisy_inner_valid(task: Task, regime: Regime, rate: float, rng: Generator) -> Task:
    """`valid=noisy`: the labels of inner_valid under the same kind and rate of noise."""
    noisy = regime.apply(replace(task, train=task.inner_valid), rate, rng).train
    return replace(task, inner_valid=noisy)


def _keep(task: Task, indices: Labels) -> Task:
    return replace(task, train=Split(task.train.x[indices], task.train.y[indices]))


def _shrink(task: Task, share: Floats, rng: Generator) -> Task:
    """Keep `share` [classes] of the largest class's size of each class."""
    y = task.train.y
    largest = np.bincount(y, minlength=task.classes).max()
    sizes = np.maximum(np.round(largest * share), LEAST_PER_CLASS)
    return _keep(task, np.flatnonzero(random_ranks(y, rng) < sizes[y]))


def _share(y: Labels, rate: float, rng: Generator) -> NDArray[np.bool_]:
    """A mask [N] of exactly round(rate * N) random examples."""
    chosen = np.zeros(y.size, bool)
    chosen[rng.permutation(y.size)[: round(rate * y.size)]] = True
    return chosen


def _relabel(task: Task, y: Labels) -> Task:
    return replace(task, train=Split(task.train.x, y))


def _label_counts(family: TaskFamily) -> tuple[float, float]:
    return LEAST_PER_CLASS * family.classes, family.train_size[0]


def _ratios(family: TaskFamily) -> tuple[float, float]:
    return 1, family.train_size[1]


def _symmetric_rates(family: TaskFamily) -> tuple[float, float]:
    """Beyond (C - 1) / C the true class is the least likely label."""
    return 0, (family.classes - 1) / family.classes


def _pair_rates(_family: TaskFamily) -> tuple[float, float]:
    return 0, 0.5


REGIMES = {
    regime.key: regime
    for regime in (
        Regime(
            "few",
            Stage.LABELS,
            Concern.FEW,
            "few=50: a stratified subset of 50 training examples",
            few,
            _label_counts,
            neutral=None,
            whole=True,
        ),
        Regime(
            "imbalance",
            Stage.SIZES,
            Concern.IMBALANCE,
            "imbalance=20: class sizes fall geometrically to 1/20 of the largest",
            imbalance,
            _ratios,
            neutral=1,
        ),
        Regime(
            "step",
            Stage.SIZES,
            Concern.STEP,
            "step=20: half of the classes have 1/20 of the examples of the others",
            step,
            _ratios,
            neutral=1,
        ),
        Regime(
            "noise",
            Stage.NOISE,
            Concern.NOISE,
            "noise=0.4: 40 % of the training labels move to another class, uniformly",
            noise,
            _symmetric_rates,
            neutral=0,
        ),
        Regime(
            "pairflip",
            Stage.NOISE,
            Concern.PAIRFLIP,
            "pairflip=0.3: 30 % of the training labels move to the next class",
            pairflip,
            _pair_rates,
            neutral=0,
        ),
    )
}
VALID_KEY = "valid"
VALID_DESCRIPTION = "valid=noisy: inner_valid carries the training noise (valid=clean otherwise)"
