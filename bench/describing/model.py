"""The description of a task: made once where the data are, stored with the results, shown anywhere.

This file imports none of the tasks: a report reads descriptions where no data are.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SPLITS = ("train", "inner_valid", "outer_valid", "test")

Counts = dict[str, int]
"""A number of examples for each split that the task has."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ClassDescription(_Part):
    """A class and its examples in each split, under the regime."""

    name: str
    examples: Counts


class FeatureDescription(_Part):
    """A column (`bench.tasks.facts.FeatureFacts`); `level_count` counts the words of a category,
    of which `levels` holds the first."""

    name: str
    kind: Literal["number", "category"]
    encoding: str
    inputs: int
    missing: int
    level_count: int = 0
    levels: tuple[str, ...] = ()


class PictureDescription(_Part):
    """Pictures as learners see them (`bench.tasks.facts.PictureFacts`)."""

    width: int
    height: int
    mode: str
    conversions: tuple[str, ...] = ()


class RegimeDescription(_Part):
    """A regime as the task's name spells it, an example of it in words, and what it changed."""

    regime: str
    meaning: str
    changed: str


class TaskDescription(_Part):
    """What was understood of a task.

    roles: what it is for, such as benchmark. family: as the task's name begins. source, licence:
    of the data. content: a digest of the files, "" without. examples, classes: of the first task
    that is drawn; `train_sizes` are the smallest and the largest number of training examples that
    the family draws. inputs: the numbers that a learner sees of an example. features: none where
    they have no names. notes: what was decided while the data were read. warnings: what is
    doubtful, by name.
    """

    task: str
    roles: tuple[str, ...] = ()
    family: str
    about: str
    source: str
    licence: str
    content: str = ""
    train_sizes: tuple[int, int]
    examples: Counts
    classes: tuple[ClassDescription, ...]
    inputs: int
    features: tuple[FeatureDescription, ...] = ()
    picture: PictureDescription | None = None
    regimes: tuple[RegimeDescription, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return self.model_dump(mode="json")


def read_descriptions(stored: Iterable[Any] | None) -> list[TaskDescription]:
    """Descriptions as `as_json` gave them; none where nothing was stored."""
    return [TaskDescription.model_validate(each) for each in stored or ()]


def warnings_of(descriptions: Sequence[TaskDescription]) -> list[str]:
    """The warnings of all tasks, each with the task's name; one that several share stands once."""
    names: dict[str, list[str]] = {}
    for each in descriptions:
        for warning in each.warnings:
            names.setdefault(warning, []).append(each.task)
    return [
        f"task '{tasks[0]}'{f' and {len(tasks) - 1} more' if tasks[1:] else ''}: {warning}"
        for warning, tasks in names.items()
    ]
