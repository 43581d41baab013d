"""Data from files that cannot be used: one clear line for each."""

from pathlib import Path

import numpy as np
import pytest
from test_bench.test_tasks.data_files import FRAME, refused, some_idx, write_idx, write_pictures

from bench.tasks.families.official import IDX_FILES

pytestmark = pytest.mark.usefixtures("root")


def bad_pictures(root: Path) -> dict[str, str]:
    write_pictures(root / "one_class", {"cat": 9})
    write_pictures(root / "few", {"a": 9, "b": 2})
    write_pictures(root / "broken", {"a": 9, "b": 9})
    whole = (root / "broken" / "a" / "003.png").read_bytes()
    (root / "broken" / "a" / "003.png").write_bytes(whole[:60])
    write_pictures(root / "parts" / "train", {"a": 9, "b": 9})
    write_pictures(root / "parts" / "extra", {"a": 9, "b": 9})
    write_pictures(root / "large", {"a": 6, "b": 6}, (600, 4))
    (root / "empty").mkdir()
    (root / "not.zip").write_bytes(b"hello")
    return {
        "folder:nowhere": "nowhere does not exist",
        "folder:one_class": "are of class 'cat'; a task needs two classes",
        "folder:few": "class 'b' has 2 examples",
        "folder:broken": "a/003.png cannot be decoded",
        "folder:parts": "found extra, train",
        "folder:large": "give size=N",
        "folder:empty": "no pictures found",
        "folder:not.zip": "neither a folder nor a zip file",
        "folder:few,size=3": "from 4 to 512",
        "folder:few,sise=8": "did you mean 'size'?",
        "folder:": "write it as folder:PATH,size=32",
    }


def bad_tables(root: Path) -> dict[str, str]:
    FRAME.to_csv(root / "t.csv", index=False)
    FRAME.assign(kind="good").to_csv(root / "one.csv", index=False)
    FRAME.assign(kind=[f"k{i}" for i in range(60)]).to_csv(root / "ids.csv", index=False)
    FRAME.assign(age=None).to_csv(root / "hollow.csv", index=False)
    FRAME.assign(age=np.inf).to_csv(root / "infinite.csv", index=False)
    gap = FRAME.copy()
    gap.loc[4, "kind"] = None
    gap.to_csv(root / "gap.csv", index=False)
    FRAME[["kind"]].to_csv(root / "bare.csv", index=False)
    (root / "two.csv").write_text("a,kind\n1,x\n")
    (root / "none.csv").write_text("")
    (root / "no.parquet").write_bytes(b"PAR0")
    return {
        "table:t.csv,label=kin": "no column 'kin'; did you mean 'kind'?",
        "table:absent.csv,label=kind": "absent.csv does not exist",
        "table:t.csv": "write it as table:PATH,label=COLUMN",
        "table:one.csv,label=kind": "a task needs two classes",
        "table:ids.csv,label=kind": "60 different labels in 60 rows",
        "table:hollow.csv,label=kind": "column 'age' has no value at all",
        "table:infinite.csv,label=kind": "column 'age' holds an infinite number",
        "table:gap.csv,label=kind": "row 5 has no label",
        "table:bare.csv,label=kind": "no column but the label's",
        "table:two.csv,label=kind": "1 examples are fewer than 2 classes",
        "table:none.csv,label=kind": "is empty",
        "table:no.parquet,label=kind": "cannot be read",
    }


def bad_idx(root: Path) -> dict[str, str]:
    some_idx(root)
    for folder in ("FashionMNIST", "KMNIST"):
        (root / folder / "raw").mkdir(parents=True)
        for name in IDX_FILES:
            whole = (root / "MNIST" / "raw" / name).read_bytes()
            (root / folder / "raw" / name).write_bytes(whole)
    cut = root / "FashionMNIST" / "raw" / IDX_FILES[0]
    cut.write_bytes(cut.read_bytes()[:-5000])
    write_idx(root / "KMNIST" / "raw", np.zeros((30, 28, 28), np.uint8), np.full(20, 3), "train")
    (root / "MNIST" / "raw" / IDX_FILES[2]).unlink()
    return {
        "mnist": "mln-bench download mnist",
        "fashion_mnist": "damaged",
        "kmnist": "20 labels for pictures of shape (30, 28, 28, 1)",
        "cifar10": "is missing; put it there or fetch it",
    }


@pytest.mark.parametrize("make", [bad_pictures, bad_tables, bad_idx])
def test_bad_data_gets_one_clear_line(root: Path, make) -> None:
    for name, words in make(root).items():
        refused(name, words)


def test_without_a_data_root_the_line_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLN_DATA_ROOT")
    refused("cifar10", "--data-root DIR or MLN_DATA_ROOT")
