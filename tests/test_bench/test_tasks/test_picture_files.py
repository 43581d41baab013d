"""Quirks of picture files and folders: read rightly, or refused in one line; zip files alike."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.random import SeedSequence
from PIL import Image
from test_bench.test_tasks.data_files import SEED, refused, write_pictures

from bench.errors import InputError
from bench.tasks.families import folders, picture_files
from bench.tasks.resolve import resolve
from mln.examples import Examples
from mln.task import Task

pytestmark = pytest.mark.usefixtures("root")
SIDE = 4
RAMP = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)


def save(path: Path, picture: Image.Image | np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(path, **options)


def plain(folder: Path, count: int = 6) -> None:
    """Grey pictures: enough of one class for a task."""
    for number in range(count):
        save(folder / f"p{number}.png", (RAMP * 10 + number).astype(np.uint8))


def read(name: str) -> tuple[Task, np.ndarray]:
    """A task, and the bytes of all its pictures [M, channels, height, width] in order."""
    task = resolve(name).source(test=True)(SEED)
    assert isinstance(task.train.x, Examples)
    assert task.image is not None
    return task, np.asarray(task.train.x.table).reshape(-1, *task.image)


def facts(name: str):
    return resolve(name).family.facts()  # type: ignore[attr-defined]


def zipped(folder: Path, links: bool = False) -> str:
    """A zip file of a folder, empty folders included; its task's path."""
    place = folder.with_suffix(".zip")
    with zipfile.ZipFile(place, "w") as archive:
        for path in sorted(folder.rglob("*"), reverse=True):  # in another order than a folder's
            archive.write(path, path.relative_to(folder.parent))
    return place.name


SPLITS = [
    ("train", "test"),
    ("Train", "Test"),
    ("TRAIN", "TEST"),
    ("Training", "Testing"),
    ("seg_train/seg_train", "seg_test/seg_test"),
    ("train/train", "test"),
    ("train_images", "test_images"),
    ("train2017", "test2017"),
    ("pets-train/images", "pets-test/images"),
    ("trainset", "testset"),
    ("trainData", "testData"),
    ("training", "validation"),
    ("train", "val"),
]


@pytest.mark.parametrize("names", SPLITS, ids="-".join)
def test_splits_by_any_usual_name_are_no_classes(root: Path, names: tuple[str, str]) -> None:
    for name, count in zip(names, (9, 3), strict=True):
        write_pictures(root / "data" / name, {"cat": count, "dog": count})
    for name in ("folder:data", f"folder:{zipped(root / 'data')}"):
        task, _ = read(name)
        assert facts(name).classes == ("cat", "dog")
        assert task.test is not None
        assert list(task.test.y) == [0] * 3 + [1] * 3


def test_validation_pictures_join_the_training_ones_where_there_is_a_test_folder(
    root: Path,
) -> None:
    for name, count in (("train", 9), ("Valid", 4), ("test", 3)):
        write_pictures(root / "data" / name, {"cat": count, "dog": count})
    task, _ = read("folder:data")
    assert task.test is not None
    assert len(task.test.y) == 6
    assert sum(len(s.y) for s in (task.train, task.inner_valid, task.outer_valid)) == 26
    assert "8 pictures of the validation folder join the 18" in facts("folder:data").notes[0]


def test_other_layouts(root: Path) -> None:
    for name in ("seg_train", "seg_test"):
        write_pictures(root / "intel" / name / name, {"sea": 6, "sky": 6})
    plain(root / "intel" / "seg_pred" / "seg_pred", 5)
    assert len(read("folder:intel,size=4")[1]) == 24
    assert facts("folder:intel,size=4").notes == (
        "5 pictures of a folder for predictions have no class and were left out",
    )
    for kind in ("sea", "sky"):
        for part, count in (("train", 6), ("test", 2)):
            plain(root / "inside" / kind / part / "deeper", count)
    task, _ = read("folder:inside")
    assert task.test is not None
    assert list(task.test.y) == [0, 0, 1, 1]
    for kind in ("bullet_train", "steam_train", "Tester", "retest"):
        plain(root / "vehicles" / kind)
    assert facts("folder:vehicles").classes == ("Tester", "bullet_train", "retest", "steam_train")


def test_hidden_files_and_what_systems_leave_count_for_nothing(root: Path) -> None:
    write_pictures(root / "data", {"cat": 9, "dog": 9})
    clean = read("folder:data")[1].copy()
    for place in (
        ".ipynb_checkpoints",
        "__MACOSX/cat",
        "@eaDir/x.png",
        "cat/.hidden",
        "dog/@eaDir",
    ):
        plain(root / "data" / place)
    for name in ("._x.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".x.jpg"):
        for folder in ("", "cat", "dog"):
            (root / "data" / folder / name).write_bytes(b"\0\5\x16\7")
    (root / "data" / "cat" / "notes.txt").write_text("hello")
    for name in ("folder:data", f"folder:{zipped(root / 'data')}"):
        folders._content.cache_clear()
        np.testing.assert_array_equal(read(name)[1], clean)
        assert facts(name).classes == ("cat", "dog")
        assert "files that are no pictures were left out: .txt 1" in facts(name).notes


def test_linked_folders_and_files_count(root: Path) -> None:
    plain(root / "elsewhere")
    plain(root / "data" / "cat")
    (root / "data" / "dog").symlink_to(root / "elsewhere")
    (root / "data" / "cat" / "more.png").symlink_to(root / "elsewhere" / "p0.png")
    (root / "data" / "x.png").mkdir()
    plain(root / "data" / "x.png")  # a folder, whatever it is called
    task, pixels = read("folder:data")
    assert (task.classes, len(pixels)) == (3, 19)


def grey_of(picture: Image.Image | np.ndarray, name: str = "odd.png", **options: object):
    """The bytes of a picture among plain grey ones."""
    root = Path(os.environ["MLN_DATA_ROOT"])
    plain(root / "data" / "a")
    plain(root / "data" / "b")
    save(root / "data" / "b" / name, picture, **options)
    folders._content.cache_clear()
    return read("folder:data")[1][6]  # odd comes before p0


WHITE_HALF = np.where(RAMP < 8, 0, 1)


@pytest.mark.parametrize(
    ("picture", "name", "expected"),
    [
        ((RAMP * 4369).astype(np.uint16), "odd.png", RAMP * 17),
        ((RAMP * 4369).astype(np.uint16), "odd.tif", RAMP * 17),
        ((RAMP * 4369).astype(np.uint16), "odd.pgm", RAMP * 17),
        ((RAMP * 4369).astype(">u2"), "odd.tif", RAMP * 17),
        ((RAMP / 15).astype(np.float32), "odd.tif", RAMP * 17),
        ((RAMP * 17).astype(np.float32), "odd.tif", RAMP * 17),
        (WHITE_HALF.astype(bool), "odd.png", WHITE_HALF * 255),
        (WHITE_HALF.astype(bool), "odd.tif", WHITE_HALF * 255),
        ((RAMP * 17).astype(np.uint8), "odd.gif", RAMP * 17),
    ],
)
def test_what_maps_to_what(root: Path, picture, name: str, expected: np.ndarray) -> None:
    pixels = grey_of(picture, name)
    assert pixels.shape[0] == 1
    np.testing.assert_array_equal(pixels[0], expected)


def test_white_in_floating_point_is_decided_for_the_whole_set(root: Path) -> None:
    save(root / "data" / "b" / "dark.tif", (RAMP / 15).astype(np.float32))
    np.testing.assert_array_equal(grey_of((RAMP * 17).astype(np.float32), "odd.tif")[0], RAMP // 8)


def test_sizes_modes_and_conversions_are_told(root: Path) -> None:
    grey_of((RAMP * 4369).astype(np.uint16))
    save(root / "data" / "a" / "cmyk.jpg", Image.new("CMYK", (8, 6), (0, 255, 255, 0)))
    folders._content.cache_clear()
    picture = facts("folder:data,size=4").picture
    assert (picture.width, picture.height, picture.mode) == (4, 4, "colour")
    assert picture.conversions == (
        "1 of 14 files of 16 bits were scaled to 8, 65535 to 255",
        "1 of 14 files of mode CMYK were converted to RGB",
        "13 of 14 files are grey and got three equal channels, as others have colours",
        "1 of 14 files, of 8 by 6 pixels, were scaled so that the shorter side has 4, and cut to "
        "the middle",
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pictures_lie_on_white(root: Path, mode: str) -> None:
    over = Image.new("RGBA", (SIDE, SIDE), (0, 0, 0, 0))
    over.paste((100, 100, 100, 255), (0, 0, SIDE, 2))
    pixels = grey_of(over.convert(mode) if mode != "P" else over.quantize(4))
    assert pixels.shape[0] == (1 if mode == "LA" else 3) or mode == "P"
    np.testing.assert_array_equal(pixels[0], [[100] * SIDE] * 2 + [[255] * SIDE] * 2)


@pytest.mark.parametrize("first", ["a", "z"])
def test_grey_and_colour_is_colour_whichever_comes_first(root: Path, first: str) -> None:
    plain(root / "data" / "m")
    for number in range(6):
        save(root / "data" / first / f"{number}.png", Image.new("RGB", (4, 4), (number, 50, 200)))
    task, pixels = read("folder:data")
    assert task.image == (3, 4, 4)
    grey = pixels[6:] if first == "a" else pixels[:6]
    np.testing.assert_array_equal(grey[:, 0], grey[:, 2])
    assert (pixels[:6] if first == "a" else pixels[6:])[:, :, 0, 0].tolist() == [
        [number, 50, 200] for number in range(6)
    ]


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_exif_says(root: Path, ending: str, orientation: int) -> None:
    shades = np.kron([[0, 80], [160, 240]], np.ones((8, 8))).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for label in "ab":
        for number in range(5):
            save(root / "data" / label / f"{number}.{ending}", shades, exif=exif)
    turned = {
        **{1: shades, 2: shades[:, ::-1], 3: shades[::-1, ::-1], 4: shades[::-1]},
        **{5: shades.T, 6: shades.T[:, ::-1], 7: shades[::-1, ::-1].T, 8: shades.T[::-1]},
    }[orientation]
    pixels = read("folder:data")[1]
    np.testing.assert_allclose(pixels[0, 0], turned, atol=3)
    said = facts("folder:data").picture.conversions
    assert ("10 of 10 files were turned as their EXIF says" in said) == (orientation != 1)


def several(path: Path) -> None:
    pages = [Image.fromarray((RAMP + n).astype(np.uint8)) for n in range(3)]
    save(path, pages[0], save_all=True, append_images=pages[1:])


def truncated(path: Path) -> None:
    save(path, np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:-800])


def bomb(path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())


ODD = {
    "several.gif": (several, "holds several pictures"),
    "several.tif": (several, "holds several pictures"),
    "several.png": (several, "holds several pictures"),
    "truncated.jpg": (truncated, "cannot be decoded: image file is truncated"),
    "truncated.png": (truncated, "cannot be decoded"),
    "truncated.bmp": (truncated, "cannot be decoded"),
    "bomb.png": (bomb, "decompression bomb"),
    "empty.png": (lambda path: path.write_bytes(b""), "is empty, 0 bytes"),
    "text.png": (lambda path: path.write_text("hello"), "cannot identify image file"),
    "link.png": (lambda path: path.symlink_to("nowhere"), "is a link to nothing"),
    "link": (lambda path: path.symlink_to("nowhere"), "is a link to nothing"),
    "loop": (lambda path: path.symlink_to(".."), "links to a folder that it lies in"),
    "self.png": (lambda path: path.symlink_to("self.png"), "is a link to nothing"),
    "pipe.png": (os.mkfifo, "is no regular file"),
    "b\udcff.png": (lambda path: path.write_bytes(b"x"), r"the name b/b\xff.png is not UTF-8"),
    "two\nlines.png": (lambda path: path.write_bytes(b"x"), r"b/two\nlines.png cannot be decoded"),
    "nan.tif": (lambda path: save(path, (RAMP * np.nan).astype(np.float32)), "from nan to nan"),
    "low.tif": (lambda path: save(path, (RAMP - 1).astype(np.float32)), "from -1 to 14"),
    "high.tif": (lambda path: save(path, (RAMP * 20).astype(np.float32)), "from 0 to 300"),
    "int.tif": (lambda path: save(path, RAMP.astype(np.int32)), "whole numbers of 32 bits"),
}


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_an_odd_file_is_one_line(root: Path, name: str) -> None:
    make, words = ODD[name]
    plain(root / "data" / "a")
    plain(root / "data" / "b")
    make(root / "data" / "b" / name)
    refused("folder:data,size=8", words)


LAYOUTS = {
    "case": (("Cat", "cat"), "'Cat' and 'cat' differ in case"),
    "case in splits": (("train/Cat", "train/b", "test/cat", "test/b"), "differ in case"),
    "unicode": (("caf\u00e9", "cafe\u0301"), "differ in case, blanks or the form"),
    "same split": (("train/a", "train/b", "Train/a", "Train/b"), "name the same split"),
    "no train": (("val/a", "val/b", "test/a", "test/b"), "no folder of training pictures"),
    "test alone": (("train/a", "train/b", "test/a", "test/c"), "'c' has test pictures alone"),
    "flat test": (("train/a", "train/b", "test"), "test/p0.png lies in no folder that names"),
    "beside": (("a", "b", "."), "p0.png lies in no folder that names its class"),
    "within": (("w/a", "w/b", "w"), "w/p0.png lies in no folder that names its class"),
    "vehicles": (("bus", "train"), "found bus, train; move or rename what is neither"),
    "some inside": (("a/train", "a/test", "b"), "b/p0.png lies in none of the splits"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_that_cannot_be_meant_is_one_line(root: Path, name: str) -> None:
    places, words = LAYOUTS[name]
    for place in places:
        plain(root / "data" / place)
    refused("folder:data", words)
    refused(f"folder:{zipped(root / 'data')}", words)


@pytest.mark.parametrize("place", ["c", "test", "train/c"])
def test_an_empty_folder_where_a_class_would_be_is_one_line(root: Path, place: str) -> None:
    for name in ("train/a", "train/b", "val/a") if "/" in place else ("a", "b"):
        plain(root / "data" / name)
    (root / "data" / place).mkdir()
    (root / "data" / place / ".DS_Store").write_text("")
    refused("folder:data", f"{place} is empty")
    refused(f"folder:{zipped(root / 'data')}", f"{place} is empty")


def packed(root: Path, more: dict[str | zipfile.ZipInfo, bytes]) -> str:
    for kind in "ab":
        plain(root / "z" / kind)
    place = root / zipped(root / "z")
    with zipfile.ZipFile(place, "a") as archive:
        for name, content in more.items():
            archive.writestr(name, content)
    return f"folder:{place.name}"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_file_that_cannot_be_trusted_is_one_line(root: Path) -> None:
    link = zipfile.ZipInfo("z/c")
    link.external_attr = 0o120777 << 16
    for more, words in (
        ({"../out.png": b"x"}, "../out.png lies outside of the zip file"),
        ({"/root/out.png": b"x"}, "lies outside"),
        ({"C:\\out.png": b"x"}, "lies outside"),
        ({"z/a/p1.png": b"x"}, "z/a/p1.png is there twice"),
        ({link: b"elsewhere"}, "z/c is a link"),
    ):
        refused(packed(root, more), words)
    name = packed(root, {})
    place = root / "z.zip"
    content = bytearray(place.read_bytes())
    for at in (at for at in range(len(content)) if content[at : at + 4] == b"PK\1\2"):
        content[at + 8] |= 1  # says that it is encrypted
    place.write_bytes(content)
    refused(name, "is encrypted")
    name = packed(root, {})
    content = bytearray(place.read_bytes())
    content[40:60] = bytes(20)
    place.write_bytes(content)
    refused(name, "cannot be decoded")
    place.write_bytes(bytes(3000) + content[-22:])
    refused(name, "is a damaged zip file")


def test_zip_files_of_other_programs(root: Path) -> None:
    for kind in ("\u00e9t\u00e9", "b"):
        plain(root / "z" / kind)
    clean = facts("folder:z").classes
    with zipfile.ZipFile(root / "z.zip", "w") as archive:
        for path in (root / "z").rglob("*.png"):
            archive.write(path, str(path.relative_to(root)).replace("/", "\\"))
    content = bytearray((root / "z.zip").read_bytes())
    for sign, offset in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        at = content.find(sign)
        while at >= 0:  # names are UTF-8, and nothing says so
            content[at + offset + 1] &= ~8
            at = content.find(sign, at + 1)
    (root / "z.zip").write_bytes(content)
    assert facts("folder:z.zip").classes == clean
    np.testing.assert_array_equal(read("folder:z.zip")[1], read("folder:z")[1])
    (root / "y.zip").write_bytes(content.replace("\u00e9".encode(), b"\x82\x82"))
    refused("folder:y.zip", "has a name that is not UTF-8; pack the zip file anew")


def test_a_folder_and_its_zip_give_the_same_task(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, place in enumerate(("train/a10", "train/a9", "Test/a9", "Test/a10")):
        plain(root / "w" / "data" / place.replace("Test", "test"), 6 + number)
    listed = os.listdir
    monkeypatch.setattr(picture_files.os, "listdir", lambda path: listed(path)[::-1])
    names = ("folder:w", "folder:w/data", f"folder:{zipped(root / 'w')}")
    first, *others = [resolve(name).source(test=True)(SeedSequence(5)) for name in names]
    assert first.test is not None
    for other in others:
        for split in ("train", "inner_valid", "outer_valid", "test"):
            one, two = getattr(first, split), getattr(other, split)
            np.testing.assert_array_equal(one.y, two.y)
            np.testing.assert_array_equal(np.asarray(one.x), np.asarray(two.x))


def test_what_cannot_be_read_is_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain(root / "data" / "a")

    def denied(path: Path) -> list[str]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(picture_files.os, "listdir", denied)
    with pytest.raises(InputError, match="data cannot be read: Permission denied"):
        resolve("folder:data").source(test=False)(SEED)
