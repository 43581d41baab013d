"""Regimes in which a task changes at a fraction of the training: labels, rotation, class prior.

Training and every evaluation follow the drift (mln.drift).
"""

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bench.tasks.families.pictures import Image, doubled
from bench.tasks.regimes.inputs import moved_splits
from bench.tasks.regimes.sizes import long_tail
from mln.drift import label_cycle
from mln.examples import Examples, Table
from mln.task import Drift, Split, Task

PRIOR_RATIO = 10.0


def label_drift(task: Task, start: float, rng: Generator) -> Task:
    """The classes change their labels along a random cycle of all of them."""
    return label_cycle(task, start, rng)


def rotation_drift(task: Task, start: float, _rng: Generator) -> Task:
    """Pictures, or points of the plane, turn by a quarter."""
    x = task.train.x
    if isinstance(x, Examples) and task.image is not None:
        order = quarter_turn(task.image)
        both = doubled(x, "turned", lambda block, _: _reordered(block, order))
        if both is not None:
            after = moved_splits(task, both.changed)
            return replace(moved_splits(task, both.plain), drift=Drift(start, 0.0, after))
    return replace(task, drift=Drift(start, 0.0, _turned(task)))


def prior_drift(task: Task, start: float, rng: Generator) -> Task:
    """Class frequencies become a long tail of 1/10, in an order that is drawn.

    All splits follow it: their examples are drawn again, with replacement, as many as before.
    """
    share = long_tail(task.classes, PRIOR_RATIO, rng)

    def redrawn(split: Split) -> Split:
        counts = np.bincount(split.y, minlength=task.classes)
        weight = (share / np.maximum(counts, 1))[split.y]
        return split.take(rng.choice(len(split.y), len(split.y), p=weight / weight.sum()))

    after = replace(
        task,
        train=redrawn(task.train),
        inner_valid=redrawn(task.inner_valid),
        outer_valid=redrawn(task.outer_valid),
        # Last, so that the others are the same without it.
        test=None if task.test is None else redrawn(task.test),
    )
    return replace(task, drift=Drift(start, 0.0, after))


def over(task: Task, width: float, _rng: Generator) -> Task:
    """The drift of a task takes this fraction of the training."""
    assert task.drift is not None
    return replace(task, drift=replace(task.drift, width=width))


def quarter_turn(image: Image) -> NDArray[np.intp]:
    """The order [D] in which a square picture's pixels are those of the turned one."""
    order = np.arange(int(np.prod(image))).reshape(image)
    return np.rot90(order, axes=(1, 2)).ravel()


def _reordered(block: Table, order: NDArray[np.intp]) -> Table:
    return block[:, order]


def _turned(task: Task) -> Task:
    """The task with all examples turned by a quarter."""

    def turned(split: Split) -> Split:
        x = np.asarray(split.x)
        if task.image is None:
            return Split(np.column_stack([-x[:, 1], x[:, 0]]), split.y)
        return Split(x[:, quarter_turn(task.image)], split.y)

    return replace(
        task,
        train=turned(task.train),
        inner_valid=turned(task.inner_valid),
        outer_valid=turned(task.outer_valid),
        test=None if task.test is None else turned(task.test),
    )
