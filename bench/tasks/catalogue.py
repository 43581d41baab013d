"""All task families by name, and those that are made from what their name says."""

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from bench.errors import InputError, nearest
from bench.register import Register
from bench.tasks.base import TaskFamily
from bench.tasks.families.digits import Digits
from bench.tasks.families.folders import FolderPictures
from bench.tasks.families.official import OFFICIAL
from bench.tasks.families.picture_decoding import SIDES
from bench.tasks.families.pictures import PictureFamily
from bench.tasks.families.prototypes import PROTOTYPES
from bench.tasks.families.sized import CLASS_RANGE, SIZED, MixtureFamily
from bench.tasks.families.synthetic import SYNTHETIC
from bench.tasks.families.tables import SHIPPED_TABLES, TableFile
from bench.tasks.tabular.raw import TableTerms

PLANAR = ("moons", "circles", "xor", "checkerboard", "classification_2")
UNQUOTED = "/~:()? "

_SYNTHETIC = {family.name: family for family in SYNTHETIC}

FAMILIES: Register[TaskFamily] = Register(
    "tasks",
    "task",
    (
        *SYNTHETIC,
        *PROTOTYPES,
        MixtureFamily("planar", tuple(_SYNTHETIC[name] for name in PLANAR)),
        Digits(),
        *SHIPPED_TABLES,
        *OFFICIAL.values(),
        FolderPictures(
            "cifar10_jpeg",
            "cifar10-jpeg.zip",
            description="CIFAR-10 (JPEG): its pictures as JPEG files, in cifar10-jpeg.zip",
            data="CIFAR-10 (Krizhevsky 2009), JPEG-compressed, so not the official bits; no "
            "licence is stated, for research",
        ),
    ),
)
"""All families that have a name of their own, plug-ins' included."""

GENERATED, YOURS = "generated; no licence needed", "yours, under its own licence"
FORMS = {
    "blobs:features=16,classes=6": ("blobs of 2 to 32 features and 2 to 10 classes", GENERATED),
    "classification:features=16,classes=6": ("make_classification of such a size", GENERATED),
    "prototypes:features=64,classes=10": (
        "prototypes of 4 to 128 features and 2 to 10 classes",
        GENERATED,
    ),
    "moons|circles|xor": ("a mixture of families of one shape", GENERATED),
    "folder:PATH,size=32": (FolderPictures.description, YOURS),
    "table:PATH,label=COLUMN": (
        f"{TableFile.description}; missing=?, words=COLUMN (a category) and without=COLUMN may "
        "follow, each more than once",
        YOURS,
    ),
}
"""Families that are made from their name: an example, what it is, whose the data are."""


class TaskInfo(NamedTuple):
    """A line of `list tasks`."""

    name: str
    description: str
    data: str


def available() -> list[TaskInfo]:
    """All families, then examples of those made from their name: description, data, licence."""
    named = [TaskInfo(f.name, f.description, f.data) for f in FAMILIES.entries()]
    return named + [TaskInfo(form, *about) for form, about in FORMS.items()]


def self_contained() -> list[str]:
    """Names of the families that need no files."""
    return [f.name for f in FAMILIES.entries() if not isinstance(f, PictureFamily)]


def family_of(word: str, name: str) -> TaskFamily:
    """The family that a task's name begins with.

    Raises InputError for one that does not exist or cannot be made.
    """
    if "|" in word:
        parts = [family_of(part.strip(), name) for part in word.split("|")]
        return MixtureFamily("|".join(part.name for part in parts), tuple(parts))
    known = FAMILIES.find(word)
    if known is not None:
        return known
    kind, colon, text = (part.strip() for part in word.partition(":"))
    if colon and kind in ("folder", "table", *SIZED):
        return _made(kind, text, name)
    kinds = {form.partition(":")[0] for form in FORMS if ":" in form}
    raise InputError(f"task '{name}': unknown family '{word}'{nearest(word, {*FAMILIES, *kinds})}")


@lru_cache(maxsize=256)
def _made(kind: str, text: str, name: str) -> TaskFamily:
    path, settings, repeated = _arguments(kind, text, name)
    if kind in SIZED:
        features = _whole(settings, "features", SIZED[kind].features, name)
        classes = _whole(settings, "classes", CLASS_RANGE, name)
        spelled = f"{kind}:features={features},classes={classes}"
        return SIZED[kind].make(spelled, features, classes)
    if kind == "table":
        lists = [tuple(sorted(set(repeated.get(key, ())))) for key in REPEATED["table"]]
        terms = TableTerms(settings["label"], *lists)
        said = [("label", terms.label)]
        said += [(key, v) for key, vs in zip(REPEATED["table"], lists, strict=True) for v in vs]
        tail = "".join(f",{key}={_quoted(value)}" for key, value in said)
        return TableFile(f"table:{_quoted(path)}{tail}", path, terms)
    size = _whole(settings, "size", (SIDES[0], SIDES[-1]), name) if "size" in settings else None
    tail = f",size={size}" if size is not None else ""
    return FolderPictures(f"folder:{_quoted(path)}{tail}", path, size)


REQUIRED: dict[str, tuple[str, ...]] = {"table": ("label",), "folder": ()}
OPTIONAL: dict[str, tuple[str, ...]] = {"folder": ("size",)}
REPEATED: dict[str, tuple[str, ...]] = {"table": ("missing", "words", "without")}
"""What may follow a family's kind, once or more often; sized families need their sizes."""


def _arguments(kind: str, text: str, name: str) -> tuple[str, dict[str, str], dict[str, list[str]]]:
    """The path, where there is one, and the key=value pairs after it; %2C is a comma, %2B a +."""
    required = REQUIRED.get(kind, ("features", "classes"))
    often = REPEATED.get(kind, ())
    known = (*required, *OPTIONAL.get(kind, ()), *often)
    form = next(form for form in FORMS if form.startswith(f"{kind}:"))
    pieces = [piece.strip() for piece in text.split(",")]
    path = "" if kind in SIZED else unquote(pieces.pop(0))
    settings: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}
    for piece in pieces:
        key, equals, value = (part.strip() for part in piece.partition("="))
        if key not in known or not equals or not value or key in settings:
            hint = nearest(key, known) if equals and key not in known else ""
            raise InputError(f"task '{name}': write it as {form}{hint}")
        if key in often:
            repeated.setdefault(key, []).append(unquote(value).strip())
        else:
            settings[key] = unquote(value)
    if any(key not in settings for key in required) or (kind not in SIZED and not path):
        raise InputError(f"task '{name}': write it as {form}")
    return path, settings, repeated


def _whole(settings: dict[str, str], key: str, limits: tuple[int, int], name: str) -> int:
    value = settings[key]
    if not value.isdecimal() or not limits[0] <= int(value) <= limits[1]:
        raise InputError(
            f"task '{name}': {key} must be a whole number from {limits[0]} to {limits[1]}, "
            f"not '{value}'"
        )
    return int(value)


def _quoted(text: str) -> str:
    """Text that clashes with nothing in a task's name."""
    return quote(text, safe=UNQUOTED)
