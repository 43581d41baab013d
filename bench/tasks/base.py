"""What every task family has, and the stratified draws that families and regimes share."""

import zlib
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from mln.random import child
from mln.task import Task

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


class Concern(IntEnum):
    """Seed keys: each concern draws from a generator of its own, so none disturbs another.

    A number, once published, is never given to something else: stored results depend on it.
    """

    SIZE = 0
    GEOMETRY = 1
    TRAIN = 2
    INNER_VALID = 3
    OUTER_VALID = 4
    TEST = 5
    MIXTURE = 6
    FEW = 10
    IMBALANCE = 11
    STEP = 12
    NOISE = 13
    PAIRFLIP = 14
    INSTANCE_NOISE = 15
    INPUT_NOISE = 16
    BLUR = 17
    OCCLUSION = 18
    MISSING = 19
    LABEL_DRIFT = 20
    ROTATION_DRIFT = 21
    PRIOR_DRIFT = 22
    OVER = 23
    HUMAN = 24


class TaskFamily(Protocol):
    """A seeded distribution of tasks.

    name: as a task's name begins. stem: the name without a path, which seeds and keys are made
    of. train_size: the smallest and the largest number of training examples. image: (channels,
    height, width) where the examples are pictures. description: one line. data: where the data
    come from, and under which licence. content: a digest of the files that are read, "" without.
    """

    @property
    def name(self) -> str: ...
    @property
    def stem(self) -> str: ...
    @property
    def features(self) -> int: ...
    @property
    def classes(self) -> int: ...
    @property
    def train_size(self) -> tuple[int, int]: ...
    @property
    def image(self) -> tuple[int, int, int] | None: ...
    @property
    def content(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def data(self) -> str: ...

    def draw(self, seed: SeedSequence, *, test: bool) -> Task:
        """The clean task at `seed`; without `test` its test split is None and never built.

        Raises InputError for data that cannot be read.
        """
        ...


def family_seed(seed: SeedSequence, family: str) -> SeedSequence:
    """The seed of one family: the same outer seed gives two families unrelated tasks."""
    return child(seed, zlib.crc32(family.encode()))


def balanced_labels(size: int, classes: int, rng: Generator) -> Labels:
    """Shuffled labels [size] whose class counts differ by at most one."""
    offset = rng.integers(classes)
    return rng.permutation((np.arange(size, dtype=np.int64) + offset) % classes)


def random_ranks(y: Labels, rng: Generator) -> Labels:
    """Each example's place [N] in a random order of its own class, from 0.

    Keeping the ranks below k keeps k random examples per class, and a smaller k keeps a
    subset of what a larger one keeps.
    """
    counts = np.bincount(y)
    by_class = np.lexsort((rng.random(y.size), y))
    ranks = np.empty(y.size, np.int64)
    ranks[by_class] = np.arange(y.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return ranks


def stratified_order(y: Labels, rng: Generator, minimum: int = 0) -> Labels:
    """A random order [N] of which every prefix has the class proportions of the whole.

    Places go to the classes by the method of Sainte-Laguë; `minimum` examples of every class
    come first.
    """
    ranks = random_ranks(y, rng)
    places = (ranks + 0.5) / np.bincount(y)[y] - (ranks < minimum)
    return np.lexsort((rng.random(y.size), places)).astype(np.int64)
