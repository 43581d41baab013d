"""A task: a classification problem with four disjoint splits, which may drift."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from mln.examples import Examples
from mln.random import generator

MIXTURE_KEY = 6
"""Key below a task's seed: which source of a mixture it comes from."""


class Split(NamedTuple):
    """Examples and labels: x is float32 [N, D] or shared `Examples`, y is int64 [N]."""

    x: "NDArray[np.float32] | Examples"
    y: NDArray[np.int64]

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> "Split":
        """Some of the examples, by numbers or by a mask [N]."""
        return Split(self.x[chosen], self.y[chosen])


@dataclass(frozen=True)
class Task:
    """A classification problem.

    train: what learners see, with the regime's label noise; inner_valid: learning rates and
    early stopping; outer_valid: fitness; test: reports only, and None for every purpose but
    a benchmark run. image: (channels, height, width) where the features are a picture's, in
    that order. drift: what the task becomes while a learner is trained. regime: what was done to
    the task, "" if nothing; a fitness may be aggregated by it.
    """

    name: str
    features: int
    classes: int
    train: Split
    inner_valid: Split
    outer_valid: Split
    test: Split | None = None
    image: tuple[int, int, int] | None = None
    drift: "Drift | None" = None
    regime: str = ""

    def without_test(self) -> "Task":
        """The same task with its test split out of reach."""
        drift = self.drift and replace(self.drift, after=self.drift.after.without_test())
        return replace(self, test=None, drift=drift)


@dataclass(frozen=True)
class Drift:
    """From the fraction `start` of the training on, a task turns into `after`.

    width: the fraction of the training over which it does, evenly; 0 is abrupt. `after` has the
    same shape and as many training examples, and does not drift itself.
    """

    start: float
    width: float
    after: Task


class TaskSource(Protocol):
    """Whatever draws tasks from a seed: a pure function of it.

    The last key of the seed is the task's number among those of an evolution or a validation.
    """

    def __call__(self, seed: SeedSequence) -> Task: ...


@dataclass(frozen=True)
class Mixture:
    """Draws each task from one of several sources; their shapes may differ.

    in_turn: task number k, the last key of its seed, comes from source k (modulo their number);
    otherwise from one chosen uniformly.
    """

    sources: tuple[TaskSource, ...]
    in_turn: bool = False

    def __call__(self, seed: SeedSequence) -> Task:
        """The task at `seed`, named after the source it came from.

        Raises ValueError where sources take turns and the seed has no key.
        """
        if not self.in_turn:
            index = int(generator(seed, MIXTURE_KEY).integers(len(self.sources)))
        elif seed.spawn_key:
            index = seed.spawn_key[-1] % len(self.sources)
        else:
            raise ValueError("sources that take turns need seeds whose last key is a number")
        return self.sources[index](seed)
