"""A task: a classification problem with four disjoint splits."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray


class Split(NamedTuple):
    """Examples and labels: x is float32 [N, D], y is int64 [N]."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


@dataclass(frozen=True)
class Task:
    """A classification problem.

    train: what learners see, with the regime's label noise; inner_valid: learning rates and
    early stopping; outer_valid: fitness; test: reports only, and None for every purpose but
    a benchmark run.
    """

    name: str
    features: int
    classes: int
    train: Split
    inner_valid: Split
    outer_valid: Split
    test: Split | None = None

    def without_test(self) -> "Task":
        """The same task with its test split out of reach."""
        return replace(self, test=None)


class TaskSource(Protocol):
    """Whatever draws tasks from a seed: a pure function of it."""

    def __call__(self, seed: SeedSequence) -> Task: ...
