"""Which folders are splits and which are classes, in folders and in zip files of them."""

from pathlib import Path

import pytest
from test_bench.test_tasks.data_files import refused, write_pictures
from test_bench.test_tasks.picture_folders import facts, plain, read, zipped

pytestmark = pytest.mark.usefixtures("root")


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
    named, joined = facts("folder:data").notes
    assert named.endswith("splits: Valid is validation, test is test, train is training")
    assert "8 pictures of the validation folder join the 18" in joined


def test_other_layouts(root: Path) -> None:
    for name in ("seg_train", "seg_test"):
        write_pictures(root / "intel" / name / name, {"sea": 6, "sky": 6})
    plain(root / "intel" / "seg_pred" / "seg_pred", 5)
    assert len(read("folder:intel,size=4")[1]) == 24
    assert facts("folder:intel,size=4").notes == (
        "the folders' names say the splits: seg_pred is for predictions, seg_test is test, "
        "seg_train is training",
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


def test_a_folder_without_pictures_is_told_to_be_no_class(root: Path) -> None:
    """Those of a phone, say, would be a class if their format were read."""
    write_pictures(root / "data", {"cat": 9, "dog": 9})
    for place in ("emu/deep/a.heic", "cat/notes/a.txt"):
        (root / "data" / place).parent.mkdir(parents=True)
        (root / "data" / place).write_bytes(b"x")
    for name in ("folder:data", f"folder:{zipped(root / 'data')}"):
        around = "data/" if name.endswith("zip") else ""
        told = f"folders without a picture that can be read, which are no classes: {around}emu/deep"
        assert facts(name).notes[-1] == told
        assert facts(name).classes == ("cat", "dog")


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
