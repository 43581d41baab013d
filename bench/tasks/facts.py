"""What a family can say of its data, beyond what every task shows: the `facts()` of a family.

A family need not have it: then its classes are numbers, and its features have no names.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

FeatureKind = Literal["number", "category"]


@dataclass(frozen=True)
class FeatureFacts:
    """A column of a table.

    encoding: what becomes of a value, in words. inputs: how many numbers a learner sees of it.
    missing: rows without a value; where there are any, one of the inputs says so. levels: the
    words of a category, in the order of its inputs.
    """

    name: str
    kind: FeatureKind
    encoding: str
    inputs: int = 1
    missing: int = 0
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class PictureFacts:
    """Pictures as learners see them, and what was done to the files' own.

    mode: "grey" or "colour". conversions: one sentence each, such as "12 of 40 files of 16 bits
    were scaled to 8".
    """

    width: int
    height: int
    mode: Literal["grey", "colour"]
    conversions: tuple[str, ...] = ()


@dataclass(frozen=True)
class FamilyFacts:
    """The facts of a family.

    classes: their names, in the order of the labels. features: the columns that are read, in the
    table's order. notes: what was decided while the data were read, one sentence each. warnings:
    what is doubtful about the data, by name, one sentence each.
    """

    classes: tuple[str, ...] = ()
    features: tuple[FeatureFacts, ...] = ()
    picture: PictureFacts | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@runtime_checkable
class HasFacts(Protocol):
    """A family that has facts to tell."""

    def facts(self) -> FamilyFacts:
        """The facts; raises InputError for data that cannot be used."""
        ...
