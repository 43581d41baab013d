"""Any folder, or zip file, of pictures: train/<class>/* and test/<class>/*, or <class>/* alone."""

import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from bench.errors import InputError
from bench.tasks.base import Labels
from bench.tasks.cache import Bytes, content_digest, key_of
from bench.tasks.data_root import located
from bench.tasks.families.pictures import Decoded, Image, PictureFamily, Pictures, store, stored
from bench.tasks.splits import MIN_PER_CLASS, check_classes

ENDINGS = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
GREY_MODES = {"1", "L", "LA", "I;16"}
SIDES = range(4, 513)
OFFICIAL_PARTS = ("train", "test")
DECODED_AT_ONCE = 256
THREADS = 2


class Listing(NamedTuple):
    """The pictures of a folder in order: names, labels, and the first of an official test set."""

    names: tuple[str, ...]
    y: Labels
    classes: tuple[str, ...]
    test_from: int | None


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
        return _content(self._place())

    def pictures(self) -> Pictures:
        """All pictures, from the cache or decoded now."""
        return _pictures(self, self._place(), self.content)

    def _place(self) -> Path:
        place = located(self.path)
        if not (place.is_dir() or place.is_file()):
            raise InputError(
                f"task '{self.name}': {place} does not exist; relative paths begin at --data-root "
                "(a '+' or ',' within a path is written %2B, %2C)"
            )
        if place.is_file() and not zipfile.is_zipfile(place):
            raise InputError(f"task '{self.name}': {place} is neither a folder nor a zip file")
        return place


@lru_cache(maxsize=8)
def _content(place: Path) -> str:
    """Taken once in a process: to look at 60,000 files takes half a second."""
    return f"{content_digest(_files(place))} pillow {metadata.version('pillow')}"


@lru_cache(maxsize=8)
def _pictures(family: FolderPictures, place: Path, content: str) -> Pictures:
    key = key_of("folder", content, family.size)
    kept = stored(key)
    if kept is not None:
        return kept
    where = f"task '{family.name}'"
    if place.is_dir():
        paths = dict(_files(place))
        listing = listed(where, list(paths))
        return store(
            key, decoded(where, listing, lambda name: paths[name].read_bytes(), family.size)
        )
    with zipfile.ZipFile(place) as archive:
        listing = listed(where, archive.namelist())
        return store(key, decoded(where, listing, archive.read, family.size))


def _files(place: Path) -> list[tuple[str, Path]]:
    """Names below a folder with their paths; a zip file is one."""
    if place.is_file():
        return [(place.name, place)]
    paths = sorted(path for path in place.rglob("*") if path.suffix.lower() in ENDINGS)
    return [(path.relative_to(place).as_posix(), path) for path in paths]


def listed(where: str, names: Sequence[str]) -> Listing:
    """Sort pictures by part, class and name. Raises InputError for any other layout."""
    pictures = sorted(
        name for name in names if PurePosixPath(name).suffix.lower() in ENDINGS and name[-1] != "/"
    )
    parts = [PurePosixPath(name).parts for name in pictures]
    if not parts:
        raise InputError(f"{where}: no pictures found ({', '.join(sorted(ENDINGS))})")
    depth = min(map(len, parts))
    common = 0
    while common < depth - 2 and len({part[common] for part in parts}) == 1:
        common += 1
    parts = [part[common:] for part in parts]
    tops = {part[0] for part in parts}
    official = tops == set(OFFICIAL_PARTS)
    if not official and tops & {*OFFICIAL_PARTS, "val", "valid", "validation"}:
        raise InputError(
            f"{where}: expected the folders train and test, or one folder per class; "
            f"found {', '.join(sorted(tops))}"
        )
    level = 1 if official else 0
    if any(len(part) < level + 2 for part in parts):
        raise InputError(f"{where}: a picture lies in no folder that names its class")
    order = sorted(range(len(parts)), key=lambda i: (official and parts[i][0] == "test", parts[i]))
    classes = tuple(sorted({part[level] for part in parts}))
    number = {name: label for label, name in enumerate(classes)}
    y = np.array([number[parts[i][level]] for i in order], np.int64)
    count = sum(part[0] == "train" for part in parts) if official else None
    check_classes(where, y[:count], classes, MIN_PER_CLASS)
    return Listing(tuple(pictures[i] for i in order), y, classes, count)


def decoded(
    where: str, listing: Listing, read: Callable[[str], bytes], size: int | None
) -> Decoded:
    """Decode pictures; they are grey if every one is. Raises InputError for one that cannot be."""
    first = _decode(where, listing.names[0], read, size)
    height, width = first.shape[:2]
    if not {height, width} <= set(SIDES):
        raise InputError(
            f"{where}: pictures of {width} by {height} pixels; give size=N, from {SIDES[0]} to "
            f"{SIDES[-1]}, to scale them"
        )
    grey = first.shape[2] == 1

    def block(start: int) -> Bytes:
        pictures = []
        for name in listing.names[start : start + DECODED_AT_ONCE]:
            picture = _decode(where, name, read, size)
            if picture.shape[:2] != (height, width):
                raise InputError(
                    f"{where}: {name} is {picture.shape[1]} by {picture.shape[0]} pixels, "
                    f"{listing.names[0]} {width} by {height}; give size=N to bring all to one size"
                )
            if grey and picture.shape[2] == 3:
                raise InputError(
                    f"{where}: {name} has colours, {listing.names[0]} has none; make all alike"
                )
            pictures.append(np.broadcast_to(picture, (height, width, 1 if grey else 3)))
        return np.stack(pictures).transpose(0, 3, 1, 2).reshape(len(pictures), -1)

    image = (1 if grey else 3, height, width)
    return Decoded(
        _in_order(block, range(0, len(listing.names), DECODED_AT_ONCE)),
        image,
        listing.y,
        listing.classes,
        listing.test_from,
    )


def _in_order(work: Callable[[int], Bytes], starts: range) -> Iterator[Bytes]:
    """Results in order from a few threads (a decoder holds no lock), few of them at a time."""
    with ThreadPoolExecutor(THREADS) as threads:
        for at in range(0, len(starts), 2 * THREADS):
            yield from threads.map(work, starts[at : at + 2 * THREADS])


def _decode(where: str, name: str, read: Callable[[str], bytes], size: int | None) -> Bytes:
    """One picture [height, width, channels], 1 or 3 channels."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    try:
        with Pillow.open(io.BytesIO(read(name))) as opened:
            picture = opened.convert("L" if opened.mode in GREY_MODES else "RGB")
    except Exception as error:  # a damaged picture has many ways to fail
        reason = str(error).partition("<")[0].strip() or type(error).__name__
        raise InputError(f"{where}: {name} cannot be decoded: {reason}") from error
    if size is not None:
        picture = ImageOps.fit(picture, (size, size), Pillow.Resampling.BICUBIC)
    pixels: Bytes = np.asarray(picture, np.uint8)
    return pixels if pixels.ndim == 3 else pixels[..., None]
