"""Drift: how a task turns into another while its learners are trained."""

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln.task import Drift, Split, Task

PHASES = 8
"""Steps in which the evaluation sets follow a gradual drift; minibatches follow it smoothly."""


class Timing:
    """When a drift happens in a training of `steps` steps.

    first: the first step (counted from 0) whose minibatch may hold changed examples; last: the
    first whose minibatch holds no others. At least one step lies before `first`, and one from it.
    """

    def __init__(self, start: float, width: float, steps: int) -> None:
        self.first = drift_step(start, steps)
        self.last = min(self.first + round(width * steps), steps - 1)

    def share(self, steps: NDArray[np.int64]) -> NDArray[np.float64]:
        """The expected share of changed examples in the minibatches of some steps."""
        length = self.last - self.first + 1
        shares: NDArray[np.float64] = np.clip((steps - self.first + 1) / length, 0.0, 1.0)
        return shares

    def phases(self) -> list[tuple[int, float]]:
        """(since, share): after more than `since` steps this share of an evaluation set is the
        changed one's; the first is (0, 0.0)."""
        if self.first == self.last:
            return [(0, 0.0), (self.first, 1.0)]
        length = self.last - self.first
        shares = {0: 0.0}
        for phase in range(PHASES):
            shares[self.first + phase * length // PHASES] = (phase + 0.5) / PHASES
        shares[self.last] = 1.0
        return sorted(shares.items())


def drift_step(start: float, steps: int) -> int:
    """The first step of `steps` that sees a drift; at least one step lies on each side."""
    return min(max(round(start * steps), 1), steps - 1)


def relabelled(task: Task, labels: NDArray[np.int64]) -> Task:
    """The task with class c called labels[c]."""

    def split(old: Split) -> Split:
        return Split(old.x, labels[old.y])

    return replace(
        task,
        train=split(task.train),
        inner_valid=split(task.inner_valid),
        outer_valid=split(task.outer_valid),
        test=None if task.test is None else split(task.test),
    )


def label_cycle(task: Task, start: float, rng: Generator) -> Task:
    """The task with a drift in which the labels change places along a random cycle of all."""
    order = rng.permutation(task.classes)
    labels = np.empty(task.classes, np.int64)
    labels[order] = np.roll(order, 1)
    return replace(task, drift=Drift(start, 0.0, relabelled(task, labels)))
