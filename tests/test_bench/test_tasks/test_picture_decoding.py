"""What becomes of the pictures of files: rightly decoded, or refused in one line."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_bench.test_tasks.data_files import refused
from test_bench.test_tasks.picture_folders import (
    RAMP,
    SIDE,
    facts,
    looked_at_anew,
    plain,
    read,
    save,
)

pytestmark = pytest.mark.usefixtures("root")


def grey_of(picture: Image.Image | np.ndarray, name: str = "odd.png", **options: object):
    """The bytes of a picture among plain grey ones."""
    root = Path(os.environ["MLN_DATA_ROOT"])
    plain(root / "data" / "a")
    plain(root / "data" / "b")
    save(root / "data" / "b" / name, picture, **options)
    looked_at_anew()
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
    looked_at_anew()
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
