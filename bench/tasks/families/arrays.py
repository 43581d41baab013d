"""Tasks from arrays that a function returns: the shortest way to a task of one's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from bench.errors import InputError
from bench.tasks.base import Labels
from bench.tasks.facts import FamilyFacts
from bench.tasks.splits import MIN_PER_CLASS, Parts, check_classes, drawn, fixed_test
from mln.task import Split, Task


class Arrays(NamedTuple):
    """Checked examples: features [N, D], labels [N] from 0 and how they are split."""

    x: NDArray[np.float64]
    y: Labels
    classes: tuple[str, ...]
    parts: Parts


@dataclass(frozen=True)
class ArrayFamily:
    """A task family from fixed examples; each task is scaled by its own training split.

    load: returns features [N, D] and labels [N] of any kind, and perhaps features and labels of
    an official test set; without one, a fixed stratified part is the test split.
    image: (channels, height, width) where the features are a picture's, in that order.
    """

    name: str
    load: Callable[[], Sequence[Any]]
    description: str
    data: str
    image: tuple[int, int, int] | None = None
    content: str = ""

    @property
    def stem(self) -> str:
        """The name: it has no path."""
        return self.name

    @property
    def features(self) -> int:
        """D."""
        return int(self.arrays().x.shape[1])

    @property
    def classes(self) -> int:
        """C."""
        return len(self.arrays().classes)

    @property
    def train_size(self) -> tuple[int, int]:
        """The same for every seed."""
        size = self.arrays().parts.train_size
        return size, size

    def arrays(self) -> Arrays:
        """The examples, loaded once in a process. Raises InputError where they cannot be used."""
        return _checked(self)

    def facts(self) -> FamilyFacts:
        """The names of the classes; raises as `arrays` does."""
        return FamilyFacts(classes=self.arrays().classes)

    def draw(self, seed: SeedSequence, *, test: bool) -> Task:
        """The clean task at `seed`; without `test` its test split is None.

        Raises InputError for data that cannot be used.
        """
        arrays = self.arrays()
        parts = arrays.parts
        train, inner, outer = drawn(self.stem, arrays.y, parts.rest, parts.valid_sizes, seed)
        mean, deviation = arrays.x[train].mean(0), arrays.x[train].std(0)
        deviation = np.where(deviation > 0, deviation, 1.0)

        def take(rows: Labels) -> Split:
            return Split(((arrays.x[rows] - mean) / deviation).astype(np.float32), arrays.y[rows])

        return Task(
            name=self.name,
            features=arrays.x.shape[1],
            classes=len(arrays.classes),
            train=take(train),
            inner_valid=take(inner),
            outer_valid=take(outer),
            test=take(parts.test) if test else None,
            image=self.image,
        )


@lru_cache(maxsize=32)
def _checked(family: ArrayFamily) -> Arrays:
    where = f"task '{family.name}'"
    x, labels, *official = (np.asarray(part) for part in family.load())
    if len(official) not in (0, 2):
        raise InputError(f"{where}: load() must return x, y or x, y, test_x, test_y")
    count = len(labels)
    if official:
        x, labels = np.concatenate([x, official[0]]), np.concatenate([labels, official[1]])
    try:
        x = x.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: the features must be numbers: {error}") from error
    if x.ndim != 2 or labels.ndim != 1 or len(x) != len(labels):
        raise InputError(
            f"{where}: features of shape {x.shape} and labels of shape {labels.shape}; "
            "[N, D] and [N] are needed"
        )
    if family.image is not None and int(np.prod(family.image)) != x.shape[1]:
        raise InputError(f"{where}: {x.shape[1]} features are no picture of {family.image}")
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            f"{where}: {x[row, column]} in row {row}, feature {column}: fill it in or leave it out"
        )
    names, y = np.unique(labels, return_inverse=True)
    classes = tuple(map(str, names))
    y = y.astype(np.int64)
    check_classes(where, y[: count if official else None], classes, MIN_PER_CLASS)
    numbers = np.arange(len(y))
    parts = Parts(numbers[count:], numbers[:count]) if official else fixed_test(y, minimum=1)
    return Arrays(x, y, classes, parts)
