"""How fixed examples are split in four: the test split is the same for every seed.

Were it drawn by the seed, training examples of a tuning seed would be test examples of another.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import SeedSequence

from bench.errors import InputError
from bench.tasks.base import Concern, Labels, family_seed, stratified_order
from mln.random import generator

TEST_SEED = 2026
TEST_SHARE = 0.3
VALID_SHARE = 0.15
LARGEST_VALID = 2500
LEAST_OF_A_CLASS = 5
"""One for test and for each validation split, two to train on."""


class Parts(NamedTuple):
    """Indices of the test split, and of all examples that seeds distribute anew."""

    test: Labels
    rest: Labels

    @property
    def valid_size(self) -> int:
        """Examples of each validation split."""
        return min(round(VALID_SHARE * len(self.rest)), LARGEST_VALID)

    @property
    def train_size(self) -> int:
        """Examples of the training split."""
        return len(self.rest) - 2 * self.valid_size


def fixed_test(y: Labels, minimum: int = 0) -> Parts:
    """A test split of TEST_SHARE, stratified, with at least `minimum` examples of every class."""
    order = stratified_order(y, np.random.default_rng(TEST_SEED), minimum)
    size = round(TEST_SHARE * y.size)
    return Parts(np.sort(order[:size]), np.sort(order[size:]))


def drawn(
    name: str, y: Labels, rest: Labels, inner: int, outer: int, seed: SeedSequence, minimum: int = 0
) -> tuple[Labels, Labels, Labels]:
    """Indices of train, inner_valid and outer_valid at `seed`, stratified.

    minimum: examples of every class that each of the three has at least.
    """
    rng = generator(family_seed(seed, name), Concern.TRAIN)
    order = rest[stratified_order(y[rest], rng, minimum)]
    first, others = order[:inner], order[inner:]
    if minimum:
        others = others[stratified_order(y[others], rng, minimum)]
    return rng.permutation(others[outer:]), first, others[:outer]


def check_classes(where: str, y: Labels, classes: tuple[str, ...], least: int) -> None:
    """Raise InputError, one line, unless every class has `least` examples and there are two."""
    if y.size < max(len(classes), 2):
        raise InputError(
            f"{where}: {y.size} examples are fewer than {max(len(classes), 2)} classes"
        )
    if len(classes) < 2:
        raise InputError(
            f"{where}: all {y.size} examples are of class {classes[0]!r}; a task needs two classes"
        )
    counts = np.bincount(y, minlength=len(classes))
    rarest = int(counts.argmin())
    if counts[rarest] < least:
        raise InputError(
            f"{where}: class {classes[rarest]!r} has {counts[rarest]} examples; each class needs "
            f"{least} or more, to be in all four splits"
        )
