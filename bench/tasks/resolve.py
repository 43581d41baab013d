"""Tasks by name: what draws them, their shape, and what a result's key holds of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from numpy.random import SeedSequence

from bench.errors import InputError
from bench.tasks.base import Concern, TaskFamily, family_seed
from bench.tasks.catalogue import FAMILIES, FORMS, family_of
from bench.tasks.names import Setting, TaskName, parse
from bench.tasks.regimes.register import REGIMES, VALID_DESCRIPTION, Stage, noisy_inner_valid
from mln.random import generator
from mln.task import Task, TaskSource

__all__ = [
    "Setting",
    "TaskName",
    "available",
    "available_regimes",
    "canonical",
    "identity",
    "image",
    "mixture",
    "parse",
    "shape",
    "source",
]


class TaskInfo(NamedTuple):
    """A line of `list tasks`."""

    name: str
    description: str
    data: str


@dataclass(frozen=True)
class FamilySource:
    """Draws tasks of a family under regimes. Picklable: it crosses process boundaries."""

    family: TaskFamily
    name: TaskName
    test: bool

    def __call__(self, seed: SeedSequence) -> Task:
        """The task at `seed`; the same train and validation splits with and without test."""
        task = self.family.draw(seed, test=self.test)
        own_seed = family_seed(seed, self.family.stem)
        for setting in self.name.regimes:
            regime = REGIMES[setting.key]
            value = setting.value(generator(own_seed, regime.concern, 0))
            task = regime.apply(task, value, generator(own_seed, regime.concern, 1))
            if self.name.noisy_valid and regime.stage is Stage.NOISE:
                rng = generator(own_seed, regime.concern, 2)
                task = noisy_inner_valid(task, regime, value, rng)
        return replace(task, name=str(self.name))


@dataclass(frozen=True)
class Mixture:
    """Draws each task from a source chosen uniformly; their shapes may differ."""

    sources: tuple[TaskSource, ...]

    def __call__(self, seed: SeedSequence) -> Task:
        """The task at `seed`, named after the source it came from."""
        index = generator(seed, Concern.MIXTURE).integers(len(self.sources))
        return self.sources[index](seed)


def canonical(name: str) -> str:
    """The one spelling of a name: regimes in order of application, neutral ones left out."""
    return str(parse(name))


def source(name: str, *, test: bool) -> TaskSource:
    """What draws tasks of this name; without `test` their test split is None and never built."""
    parsed = parse(name)
    return FamilySource(family_of(parsed.family, name), parsed, test)


def mixture(names: Sequence[str], *, test: bool = False) -> TaskSource:
    """What draws each task from one of `names`, all equally likely."""
    if not names:
        raise InputError("a mixture of tasks needs at least one name")
    return Mixture(tuple(source(name, test=test) for name in names))


def shape(name: str) -> tuple[int, int]:
    """The number of features and of classes of a task."""
    family = family_of(parse(name).family, name)
    return family.features, family.classes


def image(name: str) -> tuple[int, int, int] | None:
    """(channels, height, width) of a task of pictures, None of any other."""
    return family_of(parse(name).family, name).image


def identity(name: str) -> list[str]:
    """What a result's key holds of a task: its name, with the data's digest in place of a path."""
    parsed = parse(name)
    family = family_of(parsed.family, name)
    own = [FAMILIES.digest(part) for part in parsed.family.split("|")]
    return [str(parsed._replace(family=family.stem)), family.content, *filter(None, own)]


def available() -> list[TaskInfo]:
    """All families, then examples of those made from their name: description, data, licence."""
    named = [TaskInfo(f.name, f.description, f.data) for f in FAMILIES.entries()]
    return named + [TaskInfo(form, *about) for form, about in FORMS.items()]


def available_regimes() -> list[str]:
    """An example of every regime and what it does, in order of application."""
    return [*(regime.description for regime in REGIMES.values()), VALID_DESCRIPTION]
