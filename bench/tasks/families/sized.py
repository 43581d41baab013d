"""Families whose number of features and classes is part of their name; mixtures of families."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from numpy.random import SeedSequence

from bench.errors import InputError
from bench.tasks.base import Concern, TaskFamily
from bench.tasks.families.prototypes import sized_prototypes
from bench.tasks.families.synthetic import SyntheticFamily, blobs, classification
from mln.random import generator
from mln.task import Task

CLASS_RANGE = (2, 10)
MAX_INFORMATIVE = 10


def sized_blobs(name: str, features: int, classes: int) -> SyntheticFamily:
    """Centres about as far apart in every number of dimensions, and of classes."""
    spread = 3.4 / (2 * features) ** 0.5 * (classes / 5) ** (1 / features)
    return SyntheticFamily(
        name, features, classes, partial(blobs, features=features, classes=classes, spread=spread)
    )


def sized_classification(name: str, features: int, classes: int) -> SyntheticFamily:
    """About 60 % informative and 25 % redundant features; two clusters a class where they fit."""
    informative = min(max(2, round(0.6 * features)), MAX_INFORMATIVE)
    if classes > 2**informative:
        raise InputError(
            f"task '{name}': {features} features have room for {2**informative} classes, "
            f"not {classes}"
        )
    geometry = partial(
        classification,
        features=features,
        informative=informative,
        redundant=min(round(0.25 * features), features - informative),
        classes=classes,
        per_class=2 if 2 * classes <= 2**informative else 1,
    )
    return SyntheticFamily(name, features, classes, geometry)


class Sized(NamedTuple):
    """A kind of family that is made in any size.

    make: from the whole name, the features and the classes; features: the fewest and the most.
    """

    make: Callable[[str, int, int], SyntheticFamily]
    features: tuple[int, int]


SIZED = {
    "blobs": Sized(sized_blobs, (2, 32)),
    "classification": Sized(sized_classification, (2, 32)),
    "prototypes": Sized(sized_prototypes, (4, 128)),
}
"""By kind."""


@dataclass(frozen=True)
class MixtureFamily:
    """A mixture of families of one shape is itself a family: each task is drawn from one of them,
    all equally likely."""

    name: str
    families: tuple[TaskFamily, ...]
    image: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        first = self.families[0]
        object.__setattr__(self, "image", first.image)
        for family in self.families:
            if (family.features, family.classes, family.image) != (
                first.features,
                first.classes,
                first.image,
            ):
                raise InputError(
                    f"task '{self.name}': {first.name} has {first.features} features and "
                    f"{first.classes} classes, {family.name} {family.features} and "
                    f"{family.classes}; a mixture needs families of one shape"
                )

    @property
    def stem(self) -> str:
        """The names without paths."""
        return "|".join(family.stem for family in self.families)

    @property
    def features(self) -> int:
        """D."""
        return self.families[0].features

    @property
    def classes(self) -> int:
        """C."""
        return self.families[0].classes

    @property
    def train_size(self) -> tuple[int, int]:
        """What any of the families may draw."""
        sizes = [family.train_size for family in self.families]
        return min(low for low, _ in sizes), max(high for _, high in sizes)

    @property
    def content(self) -> str:
        """The digests of all."""
        return "|".join(family.content for family in self.families).strip("|")

    @property
    def description(self) -> str:
        """The families."""
        return "a mixture: " + ", ".join(family.name for family in self.families)

    @property
    def data(self) -> str:
        """Where the data come from."""
        return "; ".join(dict.fromkeys(family.data for family in self.families))

    def draw(self, seed: SeedSequence, *, test: bool) -> Task:
        """The clean task at `seed`; without `test` its test split is None."""
        index = generator(seed, Concern.MIXTURE).integers(len(self.families))
        return self.families[index].draw(seed, test=test)


def resized(family: TaskFamily, low: int, high: int) -> TaskFamily | None:
    """A generated family, or a mixture of such, with `low` to `high` training examples.

    Its tasks keep their geometry and their other splits, as these draw from seeds of their own.
    None where the examples are not generated.
    """
    if isinstance(family, SyntheticFamily):
        return replace(family, train_size=(low, high))
    if isinstance(family, MixtureFamily):
        parts = [resized(part, low, high) for part in family.families]
        whole = tuple(part for part in parts if part is not None)
        return replace(family, families=whole) if len(whole) == len(parts) else None
    return None
