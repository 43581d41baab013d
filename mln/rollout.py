"""Rollouts: many learners trained side by side, each under its own loss.

A `Problem` holds K slots. A slot is one draw of (task, initial weights, minibatches); members
that share a slot are *paired*: they differ in their loss and learning rate alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from mln.config import LearnerSpec, TrainingSpec
from mln.learners import initial_weights
from mln.losses.base import StackedLoss
from mln.random import generator
from mln.task import Split, Task

INITIAL_WEIGHTS, BATCHES, DRIFT = 0, 1, 2


class Evaluation(NamedTuple):
    """Examples that accuracy is measured on: rows of the pool [K, E] and labels, -1 is padding."""

    rows: NDArray[np.int64]
    y: NDArray[np.int64]


class Drift(NamedTuple):
    """From minibatch `step` (counted from 0) on, class c of a slot is called labels[slot, c].

    labels: int64 [K, C]. A curve's point at `step` itself is still measured on the old labels.
    """

    step: int
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """K slots of tasks with the same number of features D and classes C.

    pool: all examples, float32 [M, D]; batch_index and batch_y: rows of the pool and labels of
    each step's minibatch, int64 [K, T, B], with the new labels after a drift; initial: float32
    [K, W]; evaluations by split name, with the labels before a drift.
    """

    features: int
    classes: int
    learner: LearnerSpec
    training: TrainingSpec
    pool: NDArray[np.float32]
    batch_index: NDArray[np.int64]
    batch_y: NDArray[np.int64]
    initial: NDArray[np.float32]
    evaluations: dict[str, Evaluation]
    drift: Drift | None = None

    def __len__(self) -> int:
        """K, the number of slots."""
        return len(self.initial)


class Members(NamedTuple):
    """Who is trained: the slot, int64 [P], and the learning rate, float [P], of each learner.

    start: float32 [P, W], weights to train on from in place of the slots' initial ones.
    """

    slot: NDArray[np.int64]
    lr: NDArray[np.float64]
    start: NDArray[np.float32] | None = None


class Scores(NamedTuple):
    """Accuracy and mean negative log-likelihood in nats, float64 [P, points], on one split."""

    accuracy: NDArray[np.float64]
    nll: NDArray[np.float64]


class RolloutResult(NamedTuple):
    """Learning curves at `points` (steps done), by split.

    diverged_at: int64 [P], the first step whose logits were not finite, or -1; such a member's
    scores from then on are NaN. weights: float32 [P, W] after the last step, where asked for.
    """

    points: NDArray[np.int64]
    scores: dict[str, Scores]
    diverged_at: NDArray[np.int64]
    weights: NDArray[np.float32] | None = None


class Kernel(Protocol):
    """Trains the members of a problem; see mln.kernels."""

    def __call__(
        self,
        problem: Problem,
        members: Members,
        losses: StackedLoss,
        points: Sequence[int],
        *,
        device: str = "cpu",
        chunk: int | None = None,
        keep_weights: bool = False,
    ) -> RolloutResult: ...


def make_problem(
    tasks: Sequence[Task],
    seeds: Sequence[SeedSequence],
    learner: LearnerSpec,
    training: TrainingSpec,
    splits: Sequence[str],
    drift: float | None = None,
) -> Problem:
    """One slot per task and seed; the seed gives the initial weights and the minibatches.

    With `drift`, a fraction of the steps, every class of a slot changes its label at that point.
    Raises ValueError where the tasks' shapes differ.
    """
    features, classes = tasks[0].features, tasks[0].classes
    if any((task.features, task.classes) != (features, classes) for task in tasks):
        raise ValueError("the tasks of a problem must have the same features and classes")
    pool: list[NDArray[np.float32]] = []
    batch_index, batch_y, initial = [], [], []
    held_out: dict[str, list[Evaluation]] = {name: [] for name in splits}
    change = _drift(drift, training.steps, classes, seeds) if drift is not None else None
    size = 0
    for slot, (task, seed) in enumerate(zip(tasks, seeds, strict=True)):
        order = minibatches(len(task.train.y), training, generator(seed, BATCHES))
        batch_index.append(order + size)
        labels = task.train.y[order]
        if change is not None:
            labels[change.step :] = change.labels[slot][labels[change.step :]]
        batch_y.append(labels)
        pool.append(task.train.x)
        size += len(task.train.y)
        weights = initial_weights(learner, features, classes, generator(seed, INITIAL_WEIGHTS))
        initial.append(weights)
        for name in splits:
            split: Split = getattr(task, name)
            held_out[name].append(Evaluation(np.arange(len(split.y)) + size, split.y))
            pool.append(split.x)
            size += len(split.y)
    return Problem(
        features=features,
        classes=classes,
        learner=learner,
        training=training,
        pool=np.concatenate(pool),
        batch_index=np.stack(batch_index),
        batch_y=np.stack(batch_y),
        initial=np.stack(initial),
        evaluations={name: _padded(parts) for name, parts in held_out.items()},
        drift=change,
    )


def drift_step(drift: float, steps: int) -> int:
    """The first step of `steps` that sees the new labels; at least one step lies on each side."""
    return min(max(round(drift * steps), 1), steps - 1)


def _drift(drift: float, steps: int, classes: int, seeds: Sequence[SeedSequence]) -> Drift:
    """A random cycle through all classes for each slot, so that no class keeps its label."""
    labels = np.empty((len(seeds), classes), dtype=np.int64)
    for slot, seed in enumerate(seeds):
        order = generator(seed, DRIFT).permutation(classes)
        labels[slot, order] = np.roll(order, 1)
    return Drift(drift_step(drift, steps), labels)


def minibatches(examples: int, training: TrainingSpec, rng: Generator) -> NDArray[np.int64]:
    """Example numbers of each step, int64 [T, B]: shuffled epochs, one after another."""
    needed = training.steps * training.batch_size
    epochs = -(-needed // examples)
    order = np.tile(np.arange(examples), (epochs, 1))
    return rng.permuted(order, axis=1).ravel()[:needed].reshape(training.steps, -1)


def _padded(parts: Sequence[Evaluation]) -> Evaluation:
    longest = max(len(part.y) for part in parts)
    index = np.zeros((len(parts), longest), dtype=np.int64)
    y = np.full((len(parts), longest), -1, dtype=np.int64)
    for row, part in enumerate(parts):
        index[row, : len(part.y)] = part.rows
        y[row, : len(part.y)] = part.y
    return Evaluation(index, y)


def curve_points(steps: int, count: int) -> list[int]:
    """At most `count` steps, evenly spaced, that end at the last."""
    return sorted({round(steps * (i + 1) / count) for i in range(count)} - {0})
