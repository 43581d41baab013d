"""A task whose name has been read: its family and its regimes, what draws it, what its key holds.

`bench.tasks.resolve.resolve` makes one from a name.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from numpy.random import Generator, SeedSequence

from bench.tasks.base import TaskFamily, family_seed
from bench.tasks.catalogue import FAMILIES
from bench.tasks.regimes.catalogue import (
    REGIMES,
    TRAIN_KEY,
    VALID_KEY,
    Stage,
    noisy_inner_valid,
)
from mln.random import generator
from mln.task import Task, TaskSource


class Setting(NamedTuple):
    """A regime and the range [low, high] its value is drawn from; a fixed value has low == high."""

    key: str
    low: float
    high: float

    def __str__(self) -> str:
        regime = REGIMES.get(self.key)
        if regime is not None and regime.names:
            return f"{self.key}={regime.names[int(self.low)]}"
        low, high = spelled(self.low), spelled(self.high)
        return f"{self.key}={low}" if low == high else f"{self.key}={low}:{high}"

    def value(self, rng: Generator) -> float:
        """The value of one task."""
        if self.low == self.high:
            return self.low
        if REGIMES[self.key].whole:
            return float(rng.integers(int(self.low), int(self.high) + 1))
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class TaskRef:
    """A family under regimes, in order of application; picklable, and equal by name.

    noisy_valid: whether inner_valid carries the training noise. resized: whether the name sets
    the family's number of training examples. name: the one spelling of it, which results carry.
    """

    family: TaskFamily = field(compare=False, repr=False)
    regimes: tuple[Setting, ...] = ()
    noisy_valid: bool = False
    resized: bool = False
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self._named_after(self.family.name))

    @property
    def regime(self) -> str:
        """The regimes alone, as they are spelled in the name; "" of a clean task."""
        parts = list(map(str, self.regimes))
        return "+".join([*parts, f"{VALID_KEY}=noisy"] if self.noisy_valid else parts)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of features and of classes."""
        return self.family.features, self.family.classes

    @property
    def image(self) -> tuple[int, int, int] | None:
        """(channels, height, width) of a task of pictures, None of any other."""
        return self.family.image

    @property
    def drifts(self) -> bool:
        """Whether a regime is a drift."""
        return any(REGIMES[setting.key].stage is Stage.DRIFT for setting in self.regimes)

    @property
    def reads_files(self) -> bool:
        """Whether the examples lie in files. Raises InputError where they cannot be read."""
        return bool(self.family.content)

    def identity(self) -> list[str]:
        """What a result's key holds of the task: its name, with the data's digest in place of a
        path, and the digests of plug-ins that it needs and of files that its regimes read.

        Raises InputError for data that cannot be read.
        """
        plugins = [FAMILIES.digest(part) for part in self.family.name.split("|")]
        stem = self._named_after(self.family.stem)
        reading = (REGIMES[setting.key].content for setting in self.regimes)
        files = [content() for content in reading if content is not None]
        return [stem, self.family.content, *filter(None, plugins), *files]

    def source(self, *, test: bool) -> TaskSource:
        """What draws tasks; without `test` their test split is None and never built."""
        return RegimeSource(self, test)

    def _named_after(self, family: str) -> str:
        sizes = [str(Setting(TRAIN_KEY, *self.family.train_size))] if self.resized else []
        return "+".join([family, *sizes, *filter(None, [self.regime])])


@dataclass(frozen=True)
class RegimeSource:
    """Draws tasks of a family under regimes. Picklable: it crosses process boundaries."""

    task: TaskRef
    test: bool

    def __call__(self, seed: SeedSequence) -> Task:
        """The task at `seed`; the same train and validation splits with and without test."""
        ref = self.task
        task = ref.family.draw(seed, test=self.test)
        own_seed = family_seed(seed, ref.family.stem)
        for setting in ref.regimes:
            regime = REGIMES[setting.key]
            value = setting.value(generator(own_seed, regime.concern, 0))
            task = regime.apply(task, value, generator(own_seed, regime.concern, 1))
            if ref.noisy_valid and regime.stage is Stage.NOISE:
                rng = generator(own_seed, regime.concern, 2)
                task = noisy_inner_valid(task, regime, value, rng)
        return replace(task, name=ref.name, regime=ref.regime)


def spelled(number: float) -> str:
    """The shortest decimal that reads back as the same number."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))
