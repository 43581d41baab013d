"""Describe a task: draw it once, and say what was read and what its regimes changed."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import SeedSequence

from bench.describing.model import (
    SPLITS,
    ClassDescription,
    Counts,
    FeatureDescription,
    PictureDescription,
    TaskDescription,
)
from bench.describing.regimes import changes
from bench.describing.suspects import suspects
from bench.tasks.base import TaskFamily
from bench.tasks.facts import FamilyFacts, FeatureFacts, HasFacts, PictureFacts
from bench.tasks.families.tables import TableFamily
from bench.tasks.resolve import TaskRef
from mln.task import Split, Task

MIN_EXAMPLES = 5
"""A class with fewer is warned of."""
MAX_LEVELS = 50
"""Words of a category that are listed."""
MAX_NAMED = 5
"""Classes that one warning names."""


def describe(ref: TaskRef, *, test: bool = True, roles: Sequence[str] = ()) -> TaskDescription:
    """What was understood of a task, and of the first one that is drawn of it.

    test: count the test split too, of which nothing else is looked at. Raises InputError for data
    that cannot be used.
    """
    family = ref.family
    facts = family_facts(family)
    seed = SeedSequence(0)
    task = ref.source(test=test)(seed)
    names = facts.classes or tuple(map(str, range(task.classes)))
    classes = tuple(
        ClassDescription(name=name, examples=counts)
        for name, counts in zip(names, _class_counts(task), strict=True)
    )
    return TaskDescription(
        task=ref.name,
        roles=tuple(roles),
        family=family.name,
        about=family.description,
        source=family.data,
        licence=licence_of(family),
        content=family.content,
        train_sizes=family.train_size,
        examples={name: len(split.y) for name, split in _splits(task).items()},
        classes=classes,
        inputs=task.features,
        features=tuple(map(_feature, facts.features)),
        picture=_picture(facts.picture, task.image),
        regimes=tuple(changes(ref, seed)),
        notes=facts.notes,
        warnings=(*facts.warnings, *class_warnings(classes)),
    )


def family_facts(family: TaskFamily) -> FamilyFacts:
    """What a family tells; of a mixture, what each of its parts does. Raises as its data do."""
    if isinstance(family, TableFamily):
        facts = family.facts()
        return replace(facts, warnings=(*facts.warnings, *suspects(family.columns())))
    if isinstance(family, HasFacts):
        return family.facts()
    parts = [family_facts(part) for part in getattr(family, "families", ())]
    if not parts:
        return FamilyFacts()
    same = all(part.classes == parts[0].classes for part in parts)
    return FamilyFacts(
        classes=parts[0].classes if same else (),
        picture=parts[0].picture,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        warnings=tuple(dict.fromkeys(warning for part in parts for warning in part.warnings)),
    )


def licence_of(family: TaskFamily) -> str:
    """The licence of the data: in `data` it follows the last "; ", or else the last ", "."""
    parts = getattr(family, "families", ())
    if parts:
        return "; ".join(dict.fromkeys(map(licence_of, parts)))
    for sign in ("; ", ", "):
        source, found, licence = family.data.rpartition(sign)
        if found and source:
            return licence
    return family.data


def class_warnings(classes: Sequence[ClassDescription]) -> list[str]:
    """Of classes that a split lacks, and of those with very few examples."""
    said = []
    for split in SPLITS:
        absent = [each.name for each in classes if each.examples.get(split) == 0]
        if absent:
            said.append(f"{_named(absent)} absent from the {split} split")
    few = [(each.name, sum(each.examples.values()), each.examples["train"]) for each in classes]
    for name, total, train in few:
        if total < MIN_EXAMPLES:
            said.append(f"class '{name}' has {total} examples, fewer than {MIN_EXAMPLES}")
        elif 0 < train < MIN_EXAMPLES:
            said.append(f"class '{name}' has {train} training examples, fewer than {MIN_EXAMPLES}")
    return said


def _named(classes: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in classes[:MAX_NAMED])
    more = len(classes) - MAX_NAMED
    return (
        f"class{'es' if classes[1:] else ''} {shown}"
        f"{f' and {more} more' if more > 0 else ''} {'are' if classes[1:] else 'is'}"
    )


def _splits(task: Task) -> dict[str, Split]:
    parts = {name: getattr(task, name) for name in SPLITS}
    return {name: split for name, split in parts.items() if split is not None}


def _class_counts(task: Task) -> list[Counts]:
    counted = {
        name: np.bincount(split.y, minlength=task.classes).tolist()
        for name, split in _splits(task).items()
    }
    return [{name: counts[k] for name, counts in counted.items()} for k in range(task.classes)]


def _feature(facts: FeatureFacts) -> FeatureDescription:
    return FeatureDescription(
        name=facts.name,
        kind=facts.kind,
        encoding=facts.encoding,
        inputs=facts.inputs,
        missing=facts.missing,
        level_count=len(facts.levels),
        levels=facts.levels[:MAX_LEVELS],
    )


def _picture(
    facts: PictureFacts | None, image: tuple[int, int, int] | None
) -> PictureDescription | None:
    if facts is None and image is not None:
        facts = PictureFacts(image[2], image[1], "grey" if image[0] == 1 else "colour")
    if facts is None:
        return None
    return PictureDescription(
        width=facts.width, height=facts.height, mode=facts.mode, conversions=facts.conversions
    )
