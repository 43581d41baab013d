"""Tasks by name: `family+regime=value+...`, for example `digits+noise=0.4+valid=noisy`.

A value is a number or a range, `noise=0.15:0.5`, from which each task draws its own. The order
of regimes in a name does not matter; `canonical` gives the one spelling that results carry.
"""

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from numpy.random import Generator, SeedSequence

from bench.errors import InputError
from bench.tasks.base import Concern, TaskFamily, family_seed
from bench.tasks.digits import Digits
from bench.tasks.families import FAMILIES
from bench.tasks.regimes import (
    REGIMES,
    VALID_DESCRIPTION,
    VALID_KEY,
    Regime,
    Stage,
    noisy_inner_valid,
)
from mln.random import generator
from mln.task import Task, TaskSource

_FAMILIES: dict[str, TaskFamily] = {family.name: family for family in (*FAMILIES, Digits())}


class Setting(NamedTuple):
    """A regime and the range [low, high] its value is drawn from; a fixed value has low == high."""

    key: str
    low: float
    high: float

    def __str__(self) -> str:
        low, high = _spell(self.low), _spell(self.high)
        return f"{self.key}={low}" if low == high else f"{self.key}={low}:{high}"

    def value(self, rng: Generator) -> float:
        """The value of one task."""
        if self.low == self.high:
            return self.low
        if REGIMES[self.key].whole:
            return float(rng.integers(int(self.low), int(self.high) + 1))
        return float(rng.uniform(self.low, self.high))


class TaskName(NamedTuple):
    """A parsed name; `str` of it is the canonical spelling."""

    family: str
    regimes: tuple[Setting, ...] = ()
    noisy_valid: bool = False

    def __str__(self) -> str:
        parts = [self.family, *map(str, self.regimes)]
        return "+".join([*parts, f"{VALID_KEY}=noisy"] if self.noisy_valid else parts)


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
        own_seed = family_seed(seed, self.family.name)
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
    """A mixture of families is itself a family: each task comes from a source drawn uniformly."""

    sources: tuple[TaskSource, ...]

    def __call__(self, seed: SeedSequence) -> Task:
        """The task at `seed`, named after the source it came from."""
        index = generator(seed, Concern.MIXTURE).integers(len(self.sources))
        return self.sources[index](seed)


def parse(name: str) -> TaskName:
    """Read a task's name.

    Raises:
        InputError: an unknown family or regime, or a value that makes no sense for the family.
    """
    family_name, *parts = (part.strip() for part in name.split("+"))
    family = _family(family_name, name)
    settings: list[Setting] = []
    valid: str | None = None
    for part in parts:
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key == VALID_KEY and valid is None and value in ("clean", "noisy"):
            valid = value
        elif key == VALID_KEY:
            raise InputError(f"task '{name}': give {VALID_KEY}=clean or {VALID_KEY}=noisy, once")
        elif key in REGIMES:
            settings.append(_setting(REGIMES[key], value, family, name))
        else:
            hint = _hint(key, (*REGIMES, VALID_KEY))
            raise InputError(f"task '{name}': unknown regime '{key}'; {hint}")
    return _combined(name, family_name, settings, valid == "noisy")


def canonical(name: str) -> str:
    """The one spelling of a name: regimes in order of application, neutral ones left out."""
    return str(parse(name))


def source(name: str, *, test: bool) -> TaskSource:
    """What draws tasks of this name; without `test` their test split is None and never built."""
    parsed = parse(name)
    return FamilySource(_FAMILIES[parsed.family], parsed, test)


def mixture(names: Sequence[str], *, test: bool = False) -> TaskSource:
    """What draws each task from one of `names`, all equally likely."""
    if not names:
        raise InputError("a mixture of tasks needs at least one name")
    return Mixture(tuple(source(name, test=test) for name in names))


def shape(name: str) -> tuple[int, int]:
    """The number of features and of classes of a task."""
    family = _FAMILIES[parse(name).family]
    return family.features, family.classes


def available() -> list[TaskInfo]:
    """All families: name, description, and the data's source and licence."""
    return [TaskInfo(f.name, f.description, f.data) for f in _FAMILIES.values()]


def available_regimes() -> list[str]:
    """An example of every regime and what it does, in order of application."""
    return [*(regime.description for regime in REGIMES.values()), VALID_DESCRIPTION]


def _family(word: str, name: str) -> TaskFamily:
    if word in _FAMILIES:
        return _FAMILIES[word]
    raise InputError(f"task '{name}': unknown family '{word}'; {_hint(word, _FAMILIES)}")


def _setting(regime: Regime, text: str, family: TaskFamily, name: str) -> Setting:
    numbers = [_number(piece) for piece in text.split(":")]
    low, high = regime.limits(family)
    shown = math.floor(high * 1000) / 1000  # 2/3 must not be offered as 0.667
    if len(numbers) > 2 or any(math.isnan(number) for number in numbers):
        raise InputError(
            f"task '{name}': '{regime.key}={text}' needs a number or a range such as "
            f"{regime.key}={_spell(low)}:{_spell(shown)}"
        )
    if not low <= numbers[0] <= numbers[-1] <= high:
        raise InputError(
            f"task '{name}': {regime.key} must rise within {_spell(low)} to "
            f"{_spell(shown)} on {family.name}, not '{text}'"
        )
    if regime.whole and not all(number.is_integer() for number in numbers):
        raise InputError(f"task '{name}': {regime.key} must be a whole number, not '{text}'")
    return Setting(regime.key, numbers[0], numbers[-1])


def _combined(name: str, family: str, settings: list[Setting], noisy_valid: bool) -> TaskName:
    """Sort, refuse two regimes of one stage, leave out what changes nothing."""
    ordered = sorted(settings, key=lambda setting: REGIMES[setting.key].stage)
    stages = [REGIMES[setting.key].stage for setting in ordered]
    for index in range(1, len(ordered)):
        if stages[index] == stages[index - 1]:
            clash = f"'{ordered[index - 1]}' and '{ordered[index]}'"
            raise InputError(f"task '{name}': {clash} exclude each other; keep one")
    noisy = [setting for setting in ordered if REGIMES[setting.key].stage is Stage.NOISE]
    if noisy_valid and not noisy:
        raise InputError(f"task '{name}': {VALID_KEY}=noisy needs noise=... or pairflip=...")
    kept = tuple(s for s in ordered if not s.low == s.high == REGIMES[s.key].neutral)
    return TaskName(family, kept, noisy_valid and any(s in kept for s in noisy))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _spell(number: float) -> str:
    """The shortest decimal that reads back as the same number."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def _hint(word: str, names: Iterable[str]) -> str:
    known = list(names)
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"
