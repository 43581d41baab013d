"""Names of tasks: `family+regime=value+...`, for example `digits+noise=0.4+valid=noisy`.

A value is a number or a range, `noise=0.15:0.5`, from which each task draws its own. The order
of regimes in a name does not matter. `train=300:1500` sets the number of training examples of a
generated family. A name is read once, and the reference is handed on.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from bench.errors import InputError, nearest
from bench.tasks.base import TaskFamily
from bench.tasks.catalogue import family_of
from bench.tasks.families.pictures import PictureFamily
from bench.tasks.families.sized import resized
from bench.tasks.families.tables import TableFile
from bench.tasks.regimes.catalogue import (
    REGIMES,
    TRAIN_KEY,
    TRAIN_LIMIT,
    VALID_KEY,
    Regime,
    Stage,
)
from bench.tasks.regimes.sizes import MIN_KEPT_PER_CLASS
from bench.tasks.task_ref import Setting, TaskRef, spelled
from mln.task import Mixture

OF_FILES = (TableFile, PictureFamily)
"""Families whose size and number of classes are known when their files are read."""

__all__ = ["Mixture", "TaskRef", "mixture", "resolve"]


def mixture(names: Sequence[str], *, test: bool = False, in_turn: bool = False) -> Mixture:
    """What draws each task from one of `names`: all equally likely, or one after the other.

    An evolution decides this for itself. Raises InputError for no names, and as `resolve` does.
    """
    if not names:
        raise InputError("a mixture of tasks needs at least one name")
    return Mixture(tuple(resolve(name).source(test=test) for name in names), in_turn)


def resolve(name: str, *, read_data: bool = True) -> TaskRef:
    """The task of this name.

    read_data: look at data in files where it takes them to say whether a regime fits. Without,
    the reference is for its name alone: a report needs no data.

    Raises:
        InputError: an unknown family or regime, or a value that makes no sense for the family.
    """
    family_name, *parts = (part.strip() for part in name.split("+"))
    named = family_of(family_name, name)
    pairs = [tuple(piece.strip() for piece in part.partition("=")) for part in parts]
    # Before all regimes, whose limits depend on it.
    sizes = [value for key, _, value in pairs if key == TRAIN_KEY]
    family = _with_train_size(named, sizes, name)
    fits = read_data or not isinstance(named, OF_FILES)
    settings: list[Setting] = []
    valid: str | None = None
    for key, _, value in pairs:
        if key == TRAIN_KEY:
            continue
        if key == VALID_KEY and valid is None and value in ("clean", "noisy"):
            valid = value
        elif key == VALID_KEY:
            raise InputError(f"task '{name}': give {VALID_KEY}=clean or {VALID_KEY}=noisy, once")
        elif key in REGIMES:
            settings.append(_setting(REGIMES[key], value, family if fits else None, name))
        else:
            hint = nearest(key, (*REGIMES, TRAIN_KEY, VALID_KEY))
            raise InputError(f"task '{name}': unknown regime '{key}'{hint}")
    reference = _combined(name, family, settings, valid == "noisy")
    return replace(reference, resized=bool(sizes) and family.train_size != named.train_size)


def _with_train_size(family: TaskFamily, texts: Sequence[str], name: str) -> TaskFamily:
    """The family with the training sizes that its task's name asks for."""
    if not texts:
        return family
    fewest = MIN_KEPT_PER_CLASS * family.classes
    pieces = texts[0].split(":")
    sizes = [int(piece) for piece in pieces if piece.strip().isdecimal()]
    if len(texts) > 1 or len(sizes) != len(pieces) or len(sizes) > 2:
        raise InputError(
            f"task '{name}': give {TRAIN_KEY} once, as a whole number or a range such as "
            f"{TRAIN_KEY}=300:1500"
        )
    if not fewest <= sizes[0] <= sizes[-1] <= TRAIN_LIMIT:
        raise InputError(
            f"task '{name}': {TRAIN_KEY} must rise within {fewest} to {TRAIN_LIMIT} on "
            f"{family.name}, not '{texts[0]}'"
        )
    other = resized(family, sizes[0], sizes[-1])
    if other is None:
        raise InputError(
            f"task '{name}': {TRAIN_KEY}=... is for generated families; of {family.name} take a "
            "part by few=..."
        )
    return other


def _setting(regime: Regime, text: str, family: TaskFamily | None, name: str) -> Setting:
    """A regime with its value; whether it fits is not known without a family."""
    if regime.names:
        return _named_setting(regime, text, family, name)
    numbers = [_number(piece) for piece in text.split(":")]
    if family is None:
        if len(numbers) > 2 or any(map(math.isnan, numbers)):
            raise InputError(f"task '{name}': '{regime.key}={text}' needs a number or a range")
        return Setting(regime.key, numbers[0], numbers[-1])
    obstacle = regime.obstacle(family)
    if obstacle is not None:
        raise InputError(f"task '{name}': {regime.key} {obstacle}")
    low, high = regime.limits(family)
    shown = math.floor(high * 1000) / 1000  # 2/3 must not be offered as 0.667
    if len(numbers) > 2 or any(math.isnan(number) for number in numbers):
        raise InputError(
            f"task '{name}': '{regime.key}={text}' needs a number or a range such as "
            f"{regime.key}={spelled(low)}:{spelled(shown)}"
        )
    if not low <= numbers[0] <= numbers[-1] <= high:
        raise InputError(
            f"task '{name}': {regime.key} must rise within {spelled(low)} to "
            f"{spelled(shown)} on {family.name}, not '{text}'"
        )
    if regime.whole and not all(number.is_integer() for number in numbers):
        raise InputError(f"task '{name}': {regime.key} must be a whole number, not '{text}'")
    if regime.stage is Stage.INPUTS and _from_files(family) and numbers[0] != numbers[-1]:
        raise InputError(
            f"task '{name}': give {regime.key} one value: pictures from files are damaged once "
            "for each, not for each task"
        )
    return Setting(regime.key, numbers[0], numbers[-1])


def _named_setting(regime: Regime, text: str, family: TaskFamily | None, name: str) -> Setting:
    """A regime whose values have names."""
    obstacle = regime.obstacle(family) if family is not None else None
    if obstacle is not None:
        raise InputError(f"task '{name}': {regime.key} {obstacle}")
    if text not in regime.names:
        hint = nearest(text, regime.names)
        raise InputError(f"task '{name}': {regime.key}='{text}' is unknown{hint}")
    number = regime.names.index(text)
    return Setting(regime.key, number, number)


def _from_files(family: TaskFamily) -> bool:
    """Whether the examples are pictures from files."""
    return family.image is not None and bool(family.content)


def _combined(name: str, family: TaskFamily, settings: list[Setting], noisy_valid: bool) -> TaskRef:
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
    if Stage.OVER in stages and Stage.DRIFT not in stages:
        raise InputError(f"task '{name}': over=... needs a drift, such as label_drift=0.5")
    kept = tuple(s for s in ordered if not s.low == s.high == REGIMES[s.key].neutral)
    return TaskRef(family, kept, noisy_valid and any(s in kept for s in noisy))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
