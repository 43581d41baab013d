"""Problems: what a rollout trains on.

A `Problem` holds K slots. A slot is one draw of (task, initial weights, minibatches); members
that share a slot are *paired*: they differ in their loss and learning rate alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from mln.augmentation import Augmentation, drawn, stacked
from mln.config import LearnerSpec, TrainingSpec
from mln.drift import Timing
from mln.examples import ONE, ZERO, Examples, Table
from mln.learners import initial_weights
from mln.random import child, generator
from mln.task import Split, Task

INITIAL_WEIGHTS, BATCHES, DRIFT, DRAWS, AUGMENTATION = 0, 1, 2, 4, 5
"""Keys below a slot's seed; 3 is that of `mln.pieces`."""


class Evaluation(NamedTuple):
    """Examples that are scored after more than `since` steps: rows of the pool [K, E] and labels,
    -1 is padding."""

    rows: NDArray[np.int64]
    y: NDArray[np.int64]
    since: int = 0


@dataclass(frozen=True)
class Problem:
    """K slots of tasks with the same number of features D and classes C.

    pool: all examples, [M, D], float32 or bytes; a learner sees pool * scale + shift (float32,
    [D] or [1]). batch_index and batch_y: rows of the pool and labels of each step's minibatch,
    int64 [K, T, B]. initial: float32 [K, W], of a module its parameters and then its buffers.
    draws: int64 [K], what a module's own random numbers come from. augmentation: of all slots.
    evaluations: for each split its phases, in the order of their `since`, the first of which is 0.
    image: the features' (channels, height, width).
    """

    features: int
    classes: int
    learner: LearnerSpec
    training: TrainingSpec
    pool: Table
    batch_index: NDArray[np.int64]
    batch_y: NDArray[np.int64]
    initial: NDArray[np.float32]
    draws: NDArray[np.int64]
    augmentation: Augmentation
    evaluations: dict[str, tuple[Evaluation, ...]]
    scale: NDArray[np.float32] = field(default_factory=lambda: ONE)
    shift: NDArray[np.float32] = field(default_factory=lambda: ZERO)
    image: tuple[int, int, int] | None = None

    def __len__(self) -> int:
        """K, the number of slots."""
        return len(self.initial)

    def phase(self, split: str, step: int) -> Evaluation:
        """What a split is after `step` steps."""
        phases = self.evaluations[split]
        return [phase for phase in phases if phase.since < step or phase.since == 0][-1]


def make_problem(
    tasks: Sequence[Task],
    seeds: Sequence[SeedSequence],
    learner: LearnerSpec,
    training: TrainingSpec,
    splits: Sequence[str],
) -> Problem:
    """One slot per task and seed; the seed gives the initial weights and the minibatches.

    Raises ValueError where the tasks' shapes differ, or cannot be augmented as the training says.
    """
    first = tasks[0]
    if any((t.features, t.classes, t.image) != _shape(first) for t in tasks):
        raise ValueError("the tasks of a problem must have the same features and classes")
    pool = _Pool([split for task in tasks for split in _splits(task, splits)])
    slots = [
        _slot(pool, task, seed, learner, training, splits)
        for task, seed in zip(tasks, seeds, strict=True)
    ]
    examples, scale, shift = pool.joined()
    return Problem(
        features=first.features,
        classes=first.classes,
        learner=learner,
        training=training,
        pool=examples,
        batch_index=np.stack([slot.rows for slot in slots]),
        batch_y=np.stack([slot.y for slot in slots]),
        initial=np.stack([slot.initial for slot in slots]),
        augmentation=stacked(
            [drawn(training, first.image, child(seed, AUGMENTATION)) for seed in seeds]
        ),
        draws=np.array([generator(seed, DRAWS).integers(2**63) for seed in seeds]),
        evaluations={name: _phases([slot.evaluations[name] for slot in slots]) for name in splits},
        scale=scale,
        shift=shift,
        image=first.image,
    )


def minibatches(examples: int, training: TrainingSpec, rng: Generator) -> NDArray[np.int64]:
    """Example numbers of each step, int64 [T, B]: shuffled epochs, one after another."""
    needed = training.steps * training.batch_size
    epochs = -(-needed // examples)
    order = np.tile(np.arange(examples), (epochs, 1))
    return rng.permuted(order, axis=1).ravel()[:needed].reshape(training.steps, -1)


class _Slot(NamedTuple):
    rows: NDArray[np.int64]
    y: NDArray[np.int64]
    initial: NDArray[np.float32]
    evaluations: dict[str, list[Evaluation]]


def _slot(
    pool: "_Pool",
    task: Task,
    seed: SeedSequence,
    learner: LearnerSpec,
    training: TrainingSpec,
    splits: Sequence[str],
) -> _Slot:
    order = minibatches(len(task.train.y), training, generator(seed, BATCHES))
    index, y = pool.add(task.train)[order], task.train.y[order]
    held_out = {name: _split(task, name) for name in splits}
    evaluations = {name: [Evaluation(pool.add(split), split.y)] for name, split in held_out.items()}
    if task.drift is not None:
        timing = Timing(task.drift.start, task.drift.width, training.steps)
        after, rng = task.drift.after, generator(seed, DRIFT)
        shares = timing.share(np.arange(training.steps))
        changed = rng.random(order.shape) < shares[:, None]
        index = np.where(changed, pool.add(after.train)[order], index)
        y = np.where(changed, after.train.y[order], y)
        for name, phases in evaluations.items():
            split, old = _split(after, name), phases[0]
            rows, turns = pool.add(split), generator(seed, DRIFT, 1).random(len(split.y))
            for since, share in timing.phases()[1:]:
                new = turns < share
                phases.append(
                    Evaluation(np.where(new, rows, old.rows), np.where(new, split.y, old.y), since)
                )
    weights = initial_weights(
        learner, task.features, task.classes, generator(seed, INITIAL_WEIGHTS), task.image
    )
    return _Slot(index, y, weights, evaluations)


class _Pool:
    """Gathers the examples of all slots; where all are rows of one table, none is copied."""

    def __init__(self, splits: Sequence[Split]) -> None:
        first = splits[0].x
        one_table = isinstance(first, Examples) and all(
            isinstance(split.x, Examples) and first.same_table(split.x) for split in splits
        )
        self.shared = first if isinstance(first, Examples) and one_table else None
        self.parts: list[NDArray[np.float32]] = []
        self.places: dict[int, NDArray[np.int64]] = {}
        self.size = 0

    def add(self, split: Split) -> NDArray[np.int64]:
        """Rows of the pool at which a split's examples lie, [N]."""
        if isinstance(split.x, Examples) and self.shared is not None:
            return split.x.rows
        # A split that only changes its labels has the same examples: they lie there already.
        if id(split.x) not in self.places:
            self.places[id(split.x)] = np.arange(len(split.y)) + self.size
            self.parts.append(np.asarray(split.x))
            self.size += len(split.y)
        return self.places[id(split.x)]

    def joined(self) -> tuple[Table, NDArray[np.float32], NDArray[np.float32]]:
        """The pool, its scale and its shift."""
        if self.shared is not None:
            return self.shared.table, self.shared.scale, self.shared.shift
        return np.concatenate(self.parts), ONE, ZERO


def _splits(task: Task, names: Sequence[str]) -> list[Split]:
    """All splits that a slot of a task needs, those after a drift included."""
    splits = [task.train, *(_split(task, name) for name in names)]
    return splits if task.drift is None else splits + _splits(task.drift.after, names)


def _shape(task: Task) -> tuple[int, int, tuple[int, int, int] | None]:
    return task.features, task.classes, task.image


def _split(task: Task, name: str) -> Split:
    split: Split = getattr(task, name)
    return split


def _phases(slots: Sequence[Sequence[Evaluation]]) -> tuple[Evaluation, ...]:
    """The phases of all slots: a new one wherever any slot's evaluation set changes."""
    moments = sorted({phase.since for slot in slots for phase in slot})
    current = [[[p for p in slot if p.since <= since][-1] for slot in slots] for since in moments]
    return tuple(_padded(parts, since) for parts, since in zip(current, moments, strict=True))


def _padded(parts: Sequence[Evaluation], since: int) -> Evaluation:
    longest = max(len(part.y) for part in parts)
    index = np.zeros((len(parts), longest), dtype=np.int64)
    y = np.full((len(parts), longest), -1, dtype=np.int64)
    for row, part in enumerate(parts):
        index[row, : len(part.y)] = part.rows
        y[row, : len(part.y)] = part.y
    return Evaluation(index, y, since)
