"""Handwritten digits of 8 by 8 pixels, shipped with scikit-learn: real data without a download."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from bench.tasks.base import Labels
from bench.tasks.splits import Parts, ValidSizes, drawn, fixed_test
from mln.task import Split, Task

# A fixed scale, not one fitted to a split: every task sees a digit as the same numbers.
PIXEL_MAX, PIXEL_MEAN, PIXEL_DEVIATION = 16.0, 0.305, 0.376


@lru_cache(maxsize=1)
def examples() -> Split:
    """All 1,797 digits: x [1797, 64] at the fixed scale, read-only; y [1797]."""
    from sklearn.datasets import load_digits  # takes half a second, which `list` does without

    raw = load_digits()
    x = ((raw.data / PIXEL_MAX - PIXEL_MEAN) / PIXEL_DEVIATION).astype(np.float32)
    y = raw.target.astype(np.int64)
    x.flags.writeable = y.flags.writeable = False
    return Split(x, y)


@lru_cache(maxsize=1)
def test_and_rest() -> Parts:
    """Indices of the test split, the same for every seed, and of all other examples."""
    return fixed_test(examples().y)


@dataclass(frozen=True)
class Digits:
    """Handwritten digits, 8 by 8 pixels; the test split is the same for every seed."""

    name: str = "digits"
    features: int = 64
    classes: int = 10
    train_size: tuple[int, int] = (858, 858)
    image: tuple[int, int, int] = (1, 8, 8)
    inner_valid_size: int = 200
    outer_valid_size: int = 200
    description: str = "handwritten digits, 8 by 8 pixels; fixed test split"
    data: str = (
        "scikit-learn's load_digits, from the UCI repository (Alpaydin and Kaynak 1998), CC BY 4.0"
    )
    content: str = ""  # its version is scikit-learn's, which every key holds

    @property
    def stem(self) -> str:
        """The name: it has no path."""
        return self.name

    def indices(self, seed: SeedSequence) -> tuple[Labels, Labels, Labels]:
        """Indices into `examples()` of train, inner_valid and outer_valid at `seed`."""
        return drawn(
            self.name,
            examples().y,
            test_and_rest().rest,
            ValidSizes(self.inner_valid_size, self.outer_valid_size),
            seed,
        )

    def draw(self, seed: SeedSequence, *, test: bool) -> Task:
        """The clean task at `seed`; without `test` its test split is None."""
        train, inner_valid, outer_valid = self.indices(seed)
        return Task(
            name=self.name,
            features=self.features,
            classes=self.classes,
            train=_take(train),
            inner_valid=_take(inner_valid),
            outer_valid=_take(outer_valid),
            test=_take(test_and_rest().test) if test else None,
            image=self.image,
        )


def _take(indices: NDArray[np.int64]) -> Split:
    x, y = examples()
    return Split(x[indices], y[indices])
