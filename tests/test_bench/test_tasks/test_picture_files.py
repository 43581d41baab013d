"""Which files of folders and zip files count as pictures, and which are refused in one line."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.random import SeedSequence
from test_bench.test_tasks.data_files import SEED, refused, write_pictures
from test_bench.test_tasks.picture_folders import facts, looked_at_anew, plain, read, zipped

from bench.errors import InputError
from bench.tasks.families import folders, picture_files
from bench.tasks.resolve import resolve

pytestmark = pytest.mark.usefixtures("root")


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
        looked_at_anew()
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
        ({"/elsewhere/out.png": b"x"}, "lies outside"),
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


def test_a_folder_is_looked_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain(root / "once" / "cat")
    plain(root / "once" / "dog")
    looks = []

    def counted(where: str, place: Path) -> picture_files.Found:
        looks.append(place)
        return picture_files.found_in_folder(where, place)

    monkeypatch.setattr(folders, "found_in_folder", counted)
    assert resolve("folder:once").identity()
    assert read("folder:once")[0].classes == 2
    assert facts("folder:once").notes
    assert looks == [root / "once"]
