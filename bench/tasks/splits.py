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
MAX_VALID_SIZE = 2500
MIN_PER_CLASS = 5
"""One for test and for each validation split, two to train on."""


class ValidSizes(NamedTuple):
    """How many examples the validation splits get.

    minimum: examples of every class that they and the training split have at least.
    """

    inner: int
    outer: int
    minimum: int = 0


class Parts(NamedTuple):
    """Indices of the test split, and of the examples that each seed distributes in its own way."""

    test: Labels
    rest: Labels

    @property
    def valid_size(self) -> int:
        """Examples of each validation split."""
        return min(round(VALID_SHARE * len(self.rest)), MAX_VALID_SIZE)

    @property
    def valid_sizes(self) -> ValidSizes:
        """Equal validation splits, every class in each."""
        return ValidSizes(self.valid_size, self.valid_size, minimum=1)

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
    name: str, y: Labels, rest: Labels, valid: ValidSizes, seed: SeedSequence
) -> tuple[Labels, Labels, Labels]:
    """Indices of train, inner_valid and outer_valid at `seed`, stratified.

    name: the family's, a part of the seed. rest: the examples that are not the test split's.
    """
    inner, outer, minimum = valid
    rng = generator(family_seed(seed, name), Concern.TRAIN)
    order = rest[stratified_order(y[rest], rng, minimum)]
    first, others = order[:inner], order[inner:]
    if minimum:
        others = others[stratified_order(y[others], rng, minimum)]
    return rng.permutation(others[outer:]), first, others[:outer]


def check_classes(where: str, y: Labels, classes: tuple[str, ...], minimum: int) -> None:
    """Raise InputError, one line, unless every class has `minimum` examples and there are two."""
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
    few = int(counts[rarest])
    if few < minimum:
        raise InputError(
            f"{where}: class {classes[rarest]!r} has {few} example{'' if few == 1 else 's'}; "
            f"each class needs {minimum} or more, to be in all four splits"
        )
