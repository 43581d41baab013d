"""Any folder, or zip file, of pictures as a task family: docs/data.md says what is read how."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np

from bench.errors import InputError
from bench.tasks.cache import Bytes, content_digest, key_of
from bench.tasks.data_root import located
from bench.tasks.facts import FamilyFacts
from bench.tasks.families.picture_decoding import (
    AT_ONCE,
    SIDES,
    Read,
    Seen,
    conversions,
    decode,
    in_order,
    looked_at,
    quiet,
)
from bench.tasks.families.picture_files import (
    Found,
    found_in_folder,
    found_in_zip,
    reader_of,
    shown,
)
from bench.tasks.families.picture_layout import Listing, listed
from bench.tasks.families.pictures import Decoded, Image, PictureFamily, Pictures, store, stored


@dataclass(frozen=True)
class FolderPictures(PictureFamily):
    """Tasks drawn from a folder of pictures, or a zip file of one.

    size: all pictures are scaled so that their shorter side has `size` pixels, and the middle
    `size` by `size` pixels are kept; None takes them as they are, all of one size.
    """

    name: str
    path: str
    size: int | None = None
    description: str = "your own folder or zip file of pictures, train/<class>/*, test/<class>/*"
    data: str = "yours"

    @property
    def stem(self) -> str:
        """The name, without the path where that is all there is to it."""
        if not self.name.startswith("folder:"):
            return self.name
        return "folder" if self.size is None else f"folder,size={self.size}"

    @property
    def features(self) -> int:
        """D, the numbers of a picture."""
        return int(self.pictures().table.shape[1])

    @property
    def classes(self) -> int:
        """C, the folders of pictures."""
        return len(self.pictures().classes)

    @property
    def image(self) -> Image:
        """(channels, height, width)."""
        return self.pictures().image

    @property
    def train_size(self) -> tuple[int, int]:
        """The same for every seed."""
        size = self.pictures().parts.train_size
        return size, size

    @property
    def content(self) -> str:
        """A digest of the pictures' names and bytes, and what decodes them."""
        return _content(self._where, self._place())

    def pictures(self) -> Pictures:
        """All pictures, from the cache or decoded now."""
        return _pictures(self, self._place(), self.content)

    def facts(self) -> FamilyFacts:
        """What was found in the folder, and what was done to the pictures."""
        notes = _listing(self._where, self._place(), self.content).notes
        return replace(super().facts(), notes=notes)

    @property
    def _where(self) -> str:
        return f"task '{self.name}'"

    def _place(self) -> Path:
        place = located(self.path)
        if not (place.is_dir() or place.is_file()):
            raise InputError(
                f"{self._where}: {shown(place)} does not exist; relative paths begin at "
                "--data-root (a '+' or ',' within a path is written %2B, %2C)"
            )
        if place.is_file() and not zipfile.is_zipfile(place):
            raise InputError(f"{self._where}: {shown(place)} is neither a folder nor a zip file")
        return place


@lru_cache(maxsize=8)
def _found(where: str, place: Path) -> Found:
    """Looked for once in a process: 60,000 files take half a second."""
    return found_in_folder(where, place)


@lru_cache(maxsize=8)
def _content(where: str, place: Path) -> str:
    """Taken once in a process."""
    if place.is_file():
        files = [(place.name, place)]
    else:
        found = _found(where, place).files
        files = [(name, path) for name, path in found.items() if isinstance(path, Path)]
    return f"{content_digest(files)} pillow {metadata.version('pillow')}"


@lru_cache(maxsize=8)
def _pictures(family: FolderPictures, place: Path, content: str) -> Pictures:
    key = key_of("folder", content, family.size)
    kept = stored(key)
    if kept is not None:
        return kept
    where = f"task '{family.name}'"
    with _opened(where, place) as (found, read):
        return store(key, decoded(where, listed(where, found), read, family.size))


@lru_cache(maxsize=8)
def _listing(where: str, place: Path, _content: str) -> Listing:
    with _opened(where, place) as (found, _):
        return listed(where, found)


@contextmanager
def _opened(where: str, place: Path) -> Iterator[tuple[Found, Read]]:
    """What a folder or a zip file holds, and what reads it."""
    if place.is_dir():
        found = _found(where, place)
        yield found, reader_of(found.files, None)
        return
    try:
        archive = zipfile.ZipFile(place)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise InputError(f"{where}: {shown(place)} is a damaged zip file: {error}") from error
    with archive:
        found = found_in_zip(where, archive)
        yield found, reader_of(found.files, archive)


def decoded(where: str, listing: Listing, read: Read, size: int | None) -> Decoded:
    """Decode pictures; they are grey if every one is. Raises InputError for one that cannot be."""
    names = listing.names
    looked = looked_at(where, names, read)
    with quiet():
        first = decode(where, names[0], read, looked, size).pixels
    height, width, channels = first.shape
    if not {height, width} <= set(SIDES):
        raise InputError(
            f"{where}: pictures of {width} by {height} pixels; give size=N, from {SIDES[0]} to "
            f"{SIDES[-1]}, to scale them"
        )

    def block(start: int) -> list[Seen]:
        pictures = []
        for name in names[start : start + AT_ONCE]:
            seen = decode(where, name, read, looked, size)
            if seen.pixels.shape[:2] != (height, width):
                raise InputError(
                    f"{where}: {shown(name)} is {seen.pixels.shape[1]} by {seen.pixels.shape[0]} "
                    f"pixels, {shown(names[0])} {width} by {height}; give size=N to bring all to "
                    "one size"
                )
            pictures.append(seen)
        return pictures

    sizes: list[tuple[int, int]] = []
    turned: list[bool] = []

    def blocks() -> Iterator[Bytes]:
        with quiet():
            for part in in_order(block, range(0, len(names), AT_ONCE)):
                sizes.extend(seen.size for seen in part)
                turned.extend(seen.turned for seen in part)
                pixels = np.stack([seen.pixels for seen in part])
                yield pixels.transpose(0, 3, 1, 2).reshape(len(part), -1)

    return Decoded(
        blocks(),
        (channels, height, width),
        listing.y,
        listing.classes,
        listing.test_from,
        lambda: conversions(looked, sizes, sum(turned), size),
    )
