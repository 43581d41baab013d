"""Generated folders of pictures, and what there is to be read in them."""

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.random import Generator
from PIL import Image, ImageOps

SPLIT_NAMES = {
    "train": ("train", "Train", "TRAIN", "Training", "seg_train", "train2017", "train_images"),
    "test": ("test", "Test", "TEST", "Testing", "seg_test", "test2017", "test_images"),
    "valid": ("val", "Valid", "VALIDATION", "Validation", "seg_val", "val2017", "val_images"),
}
CLASSES = ("cat", "Dog", "10", "9", "\u00e9t\u00e9", "two words", "a.b", "x.png", "b-1", "trainer")
JUNK = (
    *(".DS_Store", "._1.png", "__MACOSX/cat/1.png", ".ipynb_checkpoints/1-checkpoint.png"),
    *("Thumbs.db", "desktop.ini", "LICENSE", "labels.csv", ".x.jpg", "@eaDir/1.png"),
)
FAULTS = (
    "empty picture",
    "cut picture",
    "link",
    "loop",
    "empty class",
    "loose",
    "animation",
    "bad float",
)


class Drawn(NamedTuple):
    """A picture to save, and its bytes once read: grey [h, w] or colours [h, w, 3]."""

    picture: Image.Image
    ending: str
    expected: np.ndarray
    options: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True)
class Plan:
    """A folder to be made.

    counts: of pictures by split ("" without any) and class. kinds: of pictures, taken in turn.
    sizes: (height, width), taken in turn. size: as a task's name asks.
    """

    around: str
    splits: int | None
    nested: bool
    counts: dict[str, dict[str, int]]
    kinds: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]
    size: int | None
    junk: tuple[str, ...]
    fault: str | None
    packed: bool
    seed: int


class Made(NamedTuple):
    """The folder or zip file, and its pictures in order: class names and what is to be read."""

    place: Path
    labels: dict[str, list[str]]
    pixels: dict[str, list[np.ndarray]]


def grey(rng: Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def drawn(kind: str, rng: Generator, shape: tuple[int, int]) -> Drawn:
    """A picture of one kind."""
    shades, colours = grey(rng, shape), rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    clear = rng.random(shape) < 0.5
    if kind == "16":
        wide = rng.integers(0, 65536, shape, dtype=np.uint16)
        expected = np.floor(wide / 257 + 0.5).astype(np.uint8)
        return Drawn(Image.fromarray(wide), rng.choice(["png", "tif", "pgm"]), expected)
    if kind in ("unit", "float"):
        top = 1 if kind == "unit" else 255
        # The lightest is white, so that the range of the whole set is told.
        shades[0, 0] = 255
        return Drawn(Image.fromarray((shades / 255 * top).astype(np.float32)), "tif", shades)
    if kind == "1":
        return Drawn(Image.fromarray(clear), rng.choice(["png", "tif"]), clear * np.uint8(255))
    if kind == "colour":
        ending = rng.choice(["png", "bmp", "tif", "ppm", "webp"])
        return Drawn(Image.fromarray(colours), ending, colours, {"lossless": True})
    if kind == "clear":
        alpha = np.where(clear, 0, 255).astype(np.uint8)
        picture = Image.fromarray(np.dstack([colours, alpha]))
        return Drawn(picture, "png", np.where(clear[..., None], 255, colours).astype(np.uint8))
    if kind == "clear grey":
        picture = Image.merge(
            "LA",
            [Image.fromarray(shades), Image.fromarray(np.where(clear, 0, 255).astype(np.uint8))],
        )
        return Drawn(picture, "png", np.where(clear, 255, shades).astype(np.uint8))
    if kind == "palette":
        palette = rng.integers(0, 256, (16, 3), dtype=np.uint8)
        palette[0] = (1, 2, 3)
        index = rng.integers(0, 16, shape, dtype=np.uint8)
        picture = Image.fromarray(index).convert("P")
        picture.putpalette(palette.ravel().tolist())
        return Drawn(picture, rng.choice(["png", "gif"]), palette[index])
    if kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        ending = rng.choice(["png", "tif"])
        return Drawn(Image.fromarray(shades), ending, np.rot90(shades, -1), {"exif": exif})
    return Drawn(Image.fromarray(shades), rng.choice(["png", "bmp", "tif", "pgm"]), shades)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Folders of all layouts, kinds and faults."""
    splits = draw(st.none() | st.integers(0, len(SPLIT_NAMES["train"]) - 1))
    names = draw(st.lists(st.sampled_from(CLASSES), min_size=2, max_size=3, unique=True))
    parts = [""]
    if splits is not None:
        parts = ["train", *draw(st.sampled_from([["test"], ["valid"], ["valid", "test"]]))]
    few = st.sampled_from([5, 5, 5, 6, 6, 6, 7, 7, 8, 8, 9, 1])
    counts = {
        part: {name: draw(few if part in ("", "train") else st.integers(1, 3)) for name in names}
        for part in parts
    }
    grey_kinds = [
        "grey",
        "16",
        "1",
        "clear grey",
        "turned",
        draw(st.sampled_from(["unit", "float"])),
    ]
    kinds = st.sampled_from(
        [*grey_kinds, *draw(st.sampled_from([[], ["colour", "clear", "palette"]]))]
    )
    side = st.integers(4, 6)
    shapes = st.one_of(side.map(lambda s: (s, s)), st.tuples(side, side))
    return Plan(
        around=draw(st.sampled_from(["", "", "pets", "a/b"])),
        splits=splits,
        nested=draw(st.booleans()),
        counts=counts,
        kinds=tuple(draw(st.lists(kinds, min_size=1, max_size=4))),
        sizes=tuple(draw(st.lists(shapes, min_size=1, max_size=draw(st.sampled_from([1, 1, 2]))))),
        size=draw(st.none() | st.integers(4, 8)),
        junk=tuple(draw(st.lists(st.sampled_from(JUNK), max_size=3, unique=True))),
        fault=draw(st.sampled_from([None] * 16 + list(FAULTS))),
        packed=draw(st.booleans()),
        seed=draw(st.integers(0, 10**6)),
    )


def made(plan: Plan, place: Path) -> Made:
    """Make a folder, and say what it holds."""
    rng = np.random.default_rng(plan.seed)
    base = place / plan.around
    labels: dict[str, list[str]] = {part: [] for part in plan.counts}
    pixels: dict[str, list[np.ndarray]] = {part: [] for part in plan.counts}
    number = 0
    for part, counts in plan.counts.items():
        split = "" if plan.splits is None else SPLIT_NAMES[part][plan.splits]
        inner = f"{split}/{split}" if split and plan.nested else split
        for name in sorted(counts):
            folder = base / inner / name
            assert folder.is_relative_to(place)
            folder.mkdir(parents=True, exist_ok=True)
            for _ in range(counts[name]):
                kind = plan.kinds[number % len(plan.kinds)]
                each = drawn(kind, rng, plan.sizes[number % len(plan.sizes)])
                # jpg of a png: the content decides
                each.picture.save(folder / f"{number:03}.{each.ending}", **each.options)
                labels[part].append(name)
                pixels[part].append(each.expected)
                number += 1
    for name in plan.junk:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(b"junk")
    if plan.fault is not None:
        spoil(plan.fault, folder, base)
    return Made(zipped(place) if plan.packed else place, labels, pixels)


def spoil(fault: str, folder: Path, base: Path) -> None:
    """Add a fault to the last class's folder."""
    shades = np.arange(16, dtype=np.uint8).reshape(4, 4)
    if fault == "empty picture":
        (folder / "zero.png").write_bytes(b"")
    elif fault == "cut picture":
        whole = min(path for path in folder.iterdir() if path.is_file())
        (folder / f"cut{whole.suffix}").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    elif fault == "link":
        (folder / "link.png").symlink_to("nowhere")
    elif fault == "loop":
        (folder / "loop").symlink_to(base.absolute())
    elif fault == "empty class":
        (folder.parent / "no pictures").mkdir()
    elif fault == "loose":
        Image.fromarray(shades).save(base / "loose.png")
    elif fault == "animation":
        pages = [Image.fromarray(shades + np.uint8(k)) for k in range(2)]
        pages[0].save(folder / "film.gif", save_all=True, append_images=pages[1:])
    else:
        Image.fromarray(shades * np.float32(100)).save(folder / "far.tif")


def zipped(place: Path) -> Path:
    """A zip file of a folder, in which links stay links, as `zip -y` makes it."""
    archive_place = place.with_suffix(".zip")
    with zipfile.ZipFile(archive_place, "w") as archive:
        for path in sorted(place.rglob("*"), reverse=True):
            name = str(path.relative_to(place))
            if path.is_symlink():
                info = zipfile.ZipInfo(name)
                info.external_attr = 0o120777 << 16
                archive.writestr(info, os.readlink(path))
            else:
                archive.write(path, name)
    return archive_place


def is_good(plan: Plan, pixels: dict[str, list[np.ndarray]]) -> bool:
    """Whether a plan is to be read: anything else is to be refused."""
    train = [plan.counts[part] for part in plan.counts if part in ("", "train")]
    joined = [*train, *([plan.counts["valid"]] if len(plan.counts) == 3 else [])]
    enough = all(sum(counts[name] for counts in joined) >= 5 for name in train[0])
    shapes = {each.shape[:2] for part in pixels.values() for each in part}
    return plan.fault is None and enough and (plan.size is not None or len(shapes) == 1)


def as_read(pictures: list[np.ndarray], size: int | None) -> np.ndarray:
    """Pictures [M, channels, height, width]: in colours if one is, at the size asked for."""
    colour = any(each.ndim == 3 for each in pictures)
    ready = []
    for each in pictures:
        picture = Image.fromarray(np.ascontiguousarray(each)).convert("RGB" if colour else "L")
        if size is not None:
            picture = ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)
        ready.append(np.atleast_3d(np.asarray(picture)))
    return np.stack(ready).transpose(0, 3, 1, 2)
