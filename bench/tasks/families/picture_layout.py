"""How pictures lie in folders: which folders are splits, which are classes, and what else is said.

<class>/*, <split>/<class>/* and <class>/<split>/*, each in any number of folders around it.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from bench.errors import InputError
from bench.tasks.base import Labels
from bench.tasks.families.picture_files import ENDINGS, Found, same_but_for_case, shown
from bench.tasks.splits import MIN_PER_CLASS, TEST_SHARE, check_classes

Names = tuple[str, ...]
SHOWN = 8


class Kind(IntEnum):
    """What a folder of a split holds; the order of the pictures."""

    TRAIN = 0
    VALID = 1
    TEST = 2
    UNLABELLED = 3


HELD = {
    Kind.TRAIN: "training",
    Kind.VALID: "validation",
    Kind.TEST: "test",
    Kind.UNLABELLED: "for predictions",
}
CALLED = ("train", "val", "valid", "validation", "test")
"""Names of folders that need no word."""

WORDS = {"tr": Kind.TRAIN, "te": Kind.TEST, "va": Kind.VALID, "pr": Kind.UNLABELLED}
# A word of its own, by other signs or by case: seg_train and trainData, not trainer.
SPLIT = re.compile(
    r"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
    r"(?i:train(?:ing)?|test(?:ing)?|val(?:id(?:ation)?)?|pred(?:ict(?:ion)?)?)(?i:set)?"
    r"(?![a-z])"
)
PLAIN = "*"
"""What is left of a folder that is called train, with * for the word."""


class Listing(NamedTuple):
    """The pictures of a folder in order: names, labels, and the first of an official test set.

    notes: what was decided, one sentence each.
    """

    names: Names
    y: Labels
    classes: Names
    test_from: int | None
    notes: Names = ()


class Placed(NamedTuple):
    """A picture by its split, None without any, and the folders and the file below."""

    kind: Kind | None
    parts: Names
    name: str


def listed(where: str, found: Found) -> Listing:
    """Sort pictures by split, class and name. Raises InputError for any other layout."""
    if not found.files:
        raise InputError(f"{where}: no pictures found ({', '.join(sorted(ENDINGS))})")
    names = list(found.files)
    parts = [tuple(name.split("/")) for name in names]
    depth = _wrappers(parts)
    inner = [part[depth:] for part in parts]
    _check_loose(where, names, inner)
    split_by = _splits(where, {part[0] for part in inner})
    if split_by:
        placed = [Placed(split_by[p[0]], p[1:], n) for p, n in zip(inner, names, strict=True)]
    else:
        placed = _splits_in_classes(where, inner, names)
    left_out = [each for each in placed if each.kind is Kind.UNLABELLED]
    placed = _unwrapped([each for each in placed if each.kind is not Kind.UNLABELLED])
    for each in placed:
        if len(each.parts) < 2:
            raise InputError(f"{where}: {shown(each.name)} lies in no folder that names its class")
    placed.sort(key=lambda each: (each.kind or Kind.TRAIN, each.parts))
    classes = tuple(sorted({each.parts[0] for each in placed}))
    _check_names(where, classes)
    _check_empty(where, found.empty, parts[0][:depth], classes)
    number = {name: label for label, name in enumerate(classes)}
    y = np.array([number[each.parts[0]] for each in placed], np.int64)
    test_from = _test_from([each.kind for each in placed])
    _check_counts(where, y, classes, test_from)
    return Listing(
        tuple(each.name for each in placed),
        y,
        classes,
        test_from,
        (
            *_renamed(split_by or {}),
            *_notes(placed, len(left_out), found),
            *_bare(found.bare, parts[0][:depth], classes),
        ),
    )


def split_of(name: str) -> tuple[Kind, str] | None:
    """The split that a folder's name says, and the rest of the name; None for any other name."""
    match = SPLIT.search(name)
    if match is None:
        return None
    rest = f"{name[: match.start()]}{PLAIN}{name[match.end() :]}".strip().casefold()
    return WORDS[match.group()[:2].lower()], rest


def _wrappers(parts: Sequence[Names]) -> int:
    """How many folders lie around everything, however they are called."""
    depth, shallowest = 0, min(map(len, parts))
    while depth < shallowest - 2 and len({part[depth] for part in parts}) == 1:
        depth += 1
    return depth


def _check_loose(where: str, names: Sequence[str], inner: Sequence[Names]) -> None:
    """Refuse a picture beside the folders that name the classes."""
    single = len({part[0] for part in inner}) == 1
    folders = {part[1] for part in inner if len(part) > 2}
    for part, name in zip(inner, names, strict=True):
        if len(part) < 2 or (single and len(part) == 2 and len(folders) > 1):
            raise InputError(f"{where}: {shown(name)} lies in no folder that names its class")


def _splits(where: str, tops: Collection[str]) -> dict[str, Kind] | None:
    """The split of each folder, None where they are classes. Raises InputError for a mixture."""
    said = {top: split_of(top) for top in tops}
    known = [each for each in said.values() if each]
    kinds = [kind for kind, _ in known]
    if len(tops) > 1 and len(known) == len(tops) and len({rest for _, rest in known}) == 1:
        twice = [kind for kind, count in Counter(kinds).items() if count > 1]
        if twice:
            alike = sorted(top for top, each in said.items() if each and each[0] is twice[0])
            raise InputError(
                f"{where}: {' and '.join(map(shown, alike))} name the same split; join them"
            )
        if Kind.TRAIN not in kinds:
            raise InputError(
                f"{where}: no folder of training pictures beside {_some(tops)}; call it train"
            )
        return {top: each[0] for top, each in said.items() if each}
    plain = [kind for kind, rest in known if rest == PLAIN and kind is not Kind.UNLABELLED]
    pairs = Counter(rest for _, rest in set(known))
    if len(tops) > 1 and (plain or (Kind.TRAIN in kinds and max(pairs.values()) > 1)):
        raise InputError(
            f"{where}: expected folders of splits alone, such as train and test, or one folder per "
            f"class; found {_some(tops)}; move or rename what is neither"
        )
    return None


def _splits_in_classes(where: str, inner: Sequence[Names], names: Sequence[str]) -> list[Placed]:
    """Pictures without splits, or with splits within each class: <class>/<split>/*."""
    below = {part[1] for part in inner if len(part) > 2}
    said = [each for each in map(split_of, below) if each and each[1] == PLAIN]
    if len({kind for kind, _ in said}) < 2:
        return [Placed(None, part, name) for part, name in zip(inner, names, strict=True)]
    kinds = _splits(where, below) or {}
    for part, name in zip(inner, names, strict=True):
        if len(part) < 3:
            raise InputError(
                f"{where}: {shown(name)} lies in none of the splits {_some(below)} that its and "
                "other classes have"
            )
    return [
        Placed(kinds[part[1]], (part[0], *part[2:]), name)
        for part, name in zip(inner, names, strict=True)
    ]


def _unwrapped(placed: list[Placed]) -> list[Placed]:
    """Without folders around all classes of a split, such as the second of train/train/<class>."""
    while True:
        tops: dict[Kind | None, set[str]] = {}
        for each in placed:
            tops.setdefault(each.kind, set()).add(each.parts[0])
        flat = {each.kind for each in placed if len(each.parts) < 3}
        single = {kind for kind, names in tops.items() if len(names) == 1} - flat - {None}
        if len(single) < len(tops) or len(set[str]().union(*tops.values())) > 1:
            single = {k for k in single if (split_of(min(tops[k])) or (None,))[0] is k}
        if not single:
            return placed
        placed = [
            each._replace(parts=each.parts[1:]) if each.kind in single else each for each in placed
        ]


def _check_names(where: str, classes: Names) -> None:
    alike = same_but_for_case(set(classes))
    if alike:
        raise InputError(
            f"{where}: the classes {alike[0]!r} and {alike[1]!r} differ in case, blanks or the "
            "form of their letters alone; give both one name, or two"
        )


def _check_empty(where: str, empty: Iterable[str], around: Names, classes: Names) -> None:
    """Refuse a folder that would be a class, or a split, if it were not empty."""
    for name in empty:
        said = split_of(name.split("/")[-1])
        is_split = said is not None and said[1] == PLAIN
        if is_split or _may_be_class(name, around, classes):
            raise InputError(
                f"{where}: the folder {shown(name)} is empty: a {'split' if is_split else 'class'} "
                "without pictures; fill or remove it"
            )


def _may_be_class(folder: str, around: Names, classes: Names) -> bool:
    parts = tuple(folder.split("/"))
    return parts[: len(around)] == around and not set(parts[len(around) :]) & set(classes)


def _bare(folders: Sequence[str], around: Names, classes: Names) -> Iterable[str]:
    """Where the pictures of a class are of a kind that is not read, the class would be gone."""
    named = [folder for folder in folders if _may_be_class(folder, around, classes)]
    if named:
        yield f"folders without a picture that can be read, which are no classes: {_some(named)}"


def _test_from(kinds: Sequence[Kind | None]) -> int | None:
    """The first test picture; without a folder of them, the first of validation."""
    for kind in (Kind.TEST, Kind.VALID):
        if kind in kinds:
            return kinds.index(kind)
    return None


def _check_counts(where: str, y: Labels, classes: Names, test_from: int | None) -> None:
    counts = np.bincount(y[:test_from], minlength=len(classes))
    if not counts.all():
        raise InputError(
            f"{where}: class {classes[int(counts.argmin())]!r} has test pictures alone, none to "
            "train on"
        )
    check_classes(where, y[:test_from], classes, MIN_PER_CLASS)


def _renamed(split_by: Mapping[str, Kind]) -> Iterable[str]:
    """What was taken for which split, where a folder's name only resembles that."""
    if set(split_by) - set(CALLED):
        held = (f"{shown(top)} is {HELD[kind]}" for top, kind in sorted(split_by.items()))
        yield f"the folders' names say the splits: {', '.join(held)}"


def _notes(placed: Sequence[Placed], left_out: int, found: Found) -> Iterable[str]:
    counts = Counter(each.kind for each in placed)
    if Kind.TEST in counts and Kind.VALID in counts:
        yield (
            f"{counts[Kind.VALID]:,} pictures of the validation folder join the "
            f"{counts[Kind.TRAIN]:,} of the training folder: each seed draws its own validation"
        )
    elif Kind.VALID in counts:
        yield (
            f"there is no test folder: the {counts[Kind.VALID]:,} pictures of the validation "
            "folder are the test split"
        )
    elif Kind.TEST not in counts:
        yield (
            f"there is no test folder: {TEST_SHARE:.0%} of the pictures, the same for all seeds, "
            "are the test split"
        )
    if left_out:
        yield f"{left_out:,} pictures of a folder for predictions have no class and were left out"
    if found.others:
        kinds = ", ".join(f"{shown(end)} {count:,}" for end, count in found.others.items())
        yield f"files that are no pictures were left out: {kinds}"


def _some(names: Collection[str]) -> str:
    """Some names of many."""
    first = [shown(name) for name in sorted(names)]
    more = len(first) - SHOWN
    return ", ".join(first[:SHOWN]) + (f" and {more} more" if more > 0 else "")
