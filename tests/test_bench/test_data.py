"""Data from files: read as they are, decoded once, and one clear line for what cannot be used."""

import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.random import SeedSequence
from PIL import Image
from torchvision import datasets
from torchvision.datasets.utils import calculate_md5

from bench import testing
from bench.errors import InputError
from bench.tasks import folders as folders_module
from bench.tasks import official
from bench.tasks import pictures as pictures_module
from bench.tasks.cache import cache_folder, content_digest
from bench.tasks.catalogue import family_of
from bench.tasks.official import IDX
from bench.tasks.pictures import PictureFamily
from bench.tasks.register import canonical, identity, image, shape, source
from mln.examples import Examples
from mln.task import Task

SEED = SeedSequence(3)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data root and a cache of their own."""
    (tmp_path / "root").mkdir()
    monkeypatch.setenv("MLN_DATA_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("MLN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def write_pictures(
    folder: Path, counts: dict[str, int], size: tuple[int, int] = (9, 9), mode: str = "RGB"
) -> None:
    """Pictures <folder>/<class>/<n>.png, each class of a colour of its own."""
    for label, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            rng = np.random.default_rng([label, number])
            pixels = rng.integers(100 * label, 100 * label + 60, (*size[::-1], 3))
            picture = Image.fromarray(pixels.astype(np.uint8))
            picture.convert(mode).save(folder / name / f"{number:03}.png")


def write_idx(folder: Path, images: np.ndarray, labels: np.ndarray, part: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    header = struct.pack(">IIII", 0x803, *images.shape)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
    header = struct.pack(">II", 0x801, len(labels))
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(header + labels.astype(np.uint8).tobytes())


def some_idx(root: Path) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's layout with 20 pictures of each class to train on and 5 to test."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (250, 28, 28), dtype=np.uint8)
    y = np.tile(np.arange(10), 25)
    write_idx(root / "MNIST" / "raw", x[:200], y[:200], "train")
    write_idx(root / "MNIST" / "raw", x[200:], y[200:], "t10k")
    return x, y


def numbers(task: Task) -> np.ndarray:
    assert task.test is not None
    return np.asarray(task.test.x)


def test_idx_files_become_the_official_test_split(root: Path) -> None:
    x, y = some_idx(root)
    task = source("mnist", test=True)(SEED)
    assert task.image == (1, 28, 28)
    assert task.test is not None
    np.testing.assert_array_equal(task.test.y, y[200:])
    rest = x[:200].astype(float)
    expected = (x[200:].reshape(50, -1) - rest.mean()) / rest.std()
    np.testing.assert_allclose(numbers(task), expected, atol=1e-5)
    assert isinstance(task.train.x, Examples)
    assert isinstance(task.test.x, Examples)
    assert task.train.x.same_table(task.test.x)
    rows = [split.x.rows for split in (task.train, task.inner_valid, task.outer_valid)]
    assert sorted(np.concatenate(rows)) == list(range(200))
    copy = pickle.loads(pickle.dumps(task.train.x))
    assert str(copy.table.filename) == str(task.train.x.table.filename)


def write_batches(root: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """The layout of the official binary CIFAR-10, whose checksums become those of small files."""
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, (240, 3072), dtype=np.uint8)
    y = np.tile(np.arange(10), 24)
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for number, name in enumerate(names):
        part = slice(40 * number, 40 * (number + 1))
        entry = {"data": x[part], "labels": y[part].tolist(), "filenames": [], "batch_label": ""}
        (folder / name).write_bytes(pickle.dumps(entry, protocol=2))
    meta = {"label_names": list("abcdefghij"), "num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    sums = [[name, calculate_md5(folder / name)] for name in names]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", sums[:5])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", sums[5:])
    own = datasets.CIFAR10.meta | {"md5": calculate_md5(folder / "batches.meta")}
    monkeypatch.setattr(datasets.CIFAR10, "meta", own)
    return x, y


def test_cifar10_is_read_in_its_official_layout(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = write_batches(root, monkeypatch)
    task = source("cifar10", test=True)(SEED)
    assert (task.features, task.classes, task.image) == (3072, 10, (3, 32, 32))
    assert task.test is not None
    np.testing.assert_array_equal(task.test.y, y[200:])
    rest = x[:200].reshape(200, 3, -1).astype(float)
    mean, deviation = rest.mean((0, 2))[:, None], rest.std((0, 2))[:, None]
    expected = (x[200:].reshape(40, 3, -1) - mean) / deviation
    np.testing.assert_allclose(numbers(task), expected.reshape(40, -1), atol=1e-5)
    damaged = root / "cifar-10-batches-py" / "data_batch_2"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    refused("cifar10", "damaged")


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_or_zip_of_pictures(root: Path, packed: bool) -> None:
    write_pictures(root / "pets" / "train", {"cat": 30, "dog": 20})
    write_pictures(root / "pets" / "test", {"cat": 6, "dog": 4})
    name = "folder:pets"
    if packed:
        with zipfile.ZipFile(root / "pets.zip", "w") as archive:
            for file in sorted((root / "pets").rglob("*.png")):
                archive.write(file, file.relative_to(root))
        name = "folder:pets.zip"
    task = source(name, test=True)(SEED)
    assert (task.features, task.classes, task.image) == (243, 2, (3, 9, 9))
    assert task.test is not None
    assert list(task.test.y) == [0] * 6 + [1] * 4
    raw = [
        np.asarray(Image.open(root / "pets" / "train" / label / f"{number:03}.png"))
        for label, count in (("cat", 30), ("dog", 20))
        for number in range(count)
    ]
    table = np.stack(raw).transpose(0, 3, 1, 2).reshape(50, -1)
    assert isinstance(task.train.x, Examples)
    np.testing.assert_array_equal(task.train.x.table[:50], table)
    for check in testing.TASK_CHECKS:
        check(name)


def test_pictures_of_any_size_are_scaled_and_cut_and_a_split_is_drawn(root: Path) -> None:
    write_pictures(root / "some" / "x", {"a": 10, "b": 10}, (20, 12), "L")
    write_pictures(root / "some" / "x", {"c": 10}, (16, 30), "L")
    refused("folder:some", "give size=N")
    assert image("folder:some,size=8") == (1, 8, 8)
    first, second = (source("folder:some,size=8", test=True)(SeedSequence(k)) for k in range(2))
    np.testing.assert_array_equal(numbers(first), numbers(second))
    assert len(numbers(first)) == 9
    assert canonical("folder: some , size=8+noise=0.2") == "folder:some,size=8+noise=0.2"


def test_a_path_with_signs_of_its_own_is_quoted(root: Path) -> None:
    write_pictures(root / "a+b,c", {"x": 8, "y": 8})
    refused("folder:a+b,c", "unknown regime 'b,c'")
    assert shape("folder:a%2Bb%2Cc") == (243, 2)
    assert canonical("folder:a%2Bb%2Cc+noise=0.1") == "folder:a%2Bb%2Cc+noise=0.1"


def test_keys_hold_the_content_and_not_the_place(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(root / "one", {"x": 8, "y": 8})
    before = identity("folder:one+noise=0.2")
    (root / "one").rename(root / "two")
    assert identity("folder:two+noise=0.2") == before
    assert source("folder:two", test=False)(SEED).train.y.size
    pixels = np.zeros((9, 9, 3), np.uint8)
    Image.fromarray(pixels).save(root / "two" / "x" / "000.png")
    folders_module._content.cache_clear()  # a process looks at a folder once
    assert identity("folder:two+noise=0.2") != before


def test_decoded_once_and_mapped_ever_after(root: Path) -> None:
    some_idx(root)

    def total() -> float:
        official._pictures.cache_clear()
        return float(np.asarray(source("mnist", test=True)(SEED).train.x).sum())

    first = total()
    files = sorted(path.suffix for path in cache_folder().iterdir())
    assert files == [".digest", ".npz", ".table"]
    code = (
        "import numpy as np, sys; from numpy.random import SeedSequence\n"
        "from bench.tasks.register import source\n"
        "x = source('mnist', test=True)(SeedSequence(3)).train.x\n"
        "print('torch' in sys.modules, type(x.table).__name__, float(np.asarray(x).sum()))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    # Another process maps what this one decoded, and torchvision is not asked.
    assert ended.stdout.split() == ["False", "memmap", str(first)], ended.stderr

    # What a killed writer leaves is not taken for the whole, and is made again.
    table = next(cache_folder().glob("*.table"))
    content = table.read_bytes()
    table.unlink()
    table.write_bytes(content[:1000])
    assert total() == first
    assert table.read_bytes() == content


def test_a_digest_is_remembered_by_size_and_time(root: Path) -> None:
    file = root / "data"
    file.write_bytes(b"abc")
    first = content_digest([("data", file)])
    file.write_bytes(b"abd")
    os.utime(file, ns=(1, 1))
    assert content_digest([("data", file)]) != first
    file.write_bytes(b"abc")
    os.utime(file, ns=(2, 2))
    assert content_digest([("data", file)]) == first


@pytest.mark.parametrize("regime", ["blur=1", "input_noise=0.5", "occlusion=0.3", "missing=0.2"])
def test_damaged_pictures_are_rows_of_one_table(root: Path, regime: str) -> None:
    some_idx(root)
    clean = source("mnist", test=True)(SEED)
    task = source(f"mnist+{regime}+rotation_drift=0.5", test=True)(SEED)
    assert task.drift is not None
    after = task.drift.after
    assert after.test is not None
    np.testing.assert_array_equal(numbers(task), numbers(clean))
    seen, damaged = np.asarray(clean.train.x), np.asarray(task.train.x)
    assert not np.array_equal(seen, damaged)
    if regime == "missing=0.2":
        assert np.mean(seen != damaged) == pytest.approx(0.2, abs=0.02)
    turned = damaged.reshape(-1, 28, 28).swapaxes(1, 2)[:, ::-1].reshape(len(damaged), -1)
    np.testing.assert_array_equal(np.asarray(after.train.x), turned)
    assert isinstance(task.train.x, Examples)
    for split in (task.inner_valid, task.test, after.train, after.inner_valid, after.test):
        assert split is not None
        assert isinstance(split.x, Examples)
        assert task.train.x.same_table(split.x)
    refused(f"mnist+{regime}:{float(regime.partition('=')[2]) + 0.1}", "give")


def test_no_purpose_but_the_benchmark_reads_a_test_picture(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_idx(root)
    touched: list[int] = []
    original = pictures_module.Pictures.examples

    def recorded(self: pictures_module.Pictures, rows: np.ndarray) -> Examples:
        touched.extend(rows)
        return original(self, rows)

    monkeypatch.setattr(pictures_module.Pictures, "examples", recorded)
    for index in range(20):
        source("mnist+noise=0.3+few=40", test=False)(SeedSequence(index))
    assert max(touched) < 200
    source("mnist", test=True)(SEED)
    assert max(touched) == 249


FRAME = pd.DataFrame(
    {
        "age": [float(i % 7) if i % 9 else None for i in range(60)],
        "size": range(60),
        "town": ["oslo" if i % 2 else ("rome" if i % 3 else None) for i in range(60)],
        "kind": ["good" if i % 3 else "bad" for i in range(60)],
    }
)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_of_numbers_words_and_gaps(root: Path, ending: str) -> None:
    path = root / f"t.{ending}"
    if ending == "csv":
        FRAME.to_csv(path, index=False)
    else:
        FRAME.to_parquet(path)
    name = f"table:t.{ending},label=kind"
    assert shape(name) == (4, 2)  # age, size, oslo, rome
    task = source(name, test=True)(SEED)
    np.testing.assert_allclose(task.train.x[:, :2].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(task.train.x[:, :2].std(0), 1, atol=1e-5)
    for split in testing.splits(task).values():
        assert set(np.unique(split.x[:, 2:])) == {0.0, 1.0}
        np.testing.assert_array_equal(split.x[:, 2:].sum(1), 1)
    for check in testing.TASK_CHECKS:
        check(name)


def test_preprocessing_never_sees_a_test_row(root: Path) -> None:
    FRAME.to_csv(root / "t.csv", index=False)
    family = family_of("table:t.csv,label=kind", "")
    test = family.columns().parts.test  # type: ignore[attr-defined]
    before = source("table:t.csv,label=kind", test=False)(SEED)
    changed = FRAME.copy()
    changed.loc[test, "size"] = 1e6
    changed.loc[test, "age"] = -50.0
    changed.to_csv(root / "u.csv", index=False)
    after = source("table:u.csv,label=kind", test=False)(SEED)
    assert testing.bits(before) == testing.bits(after)


def refused(name: str, words: str) -> None:
    """Drawing a task of this name is refused in one line that holds these words."""
    with pytest.raises(InputError) as caught:
        source(name, test=False)(SEED)
    assert words in str(caught.value), caught.value
    assert "\n" not in str(caught.value)


def bad_pictures(root: Path) -> dict[str, str]:
    write_pictures(root / "one_class", {"cat": 9})
    write_pictures(root / "few", {"a": 9, "b": 2})
    write_pictures(root / "broken", {"a": 9, "b": 9})
    whole = (root / "broken" / "a" / "003.png").read_bytes()
    (root / "broken" / "a" / "003.png").write_bytes(whole[:60])
    write_pictures(root / "parts" / "train", {"a": 9, "b": 9})
    write_pictures(root / "parts" / "val", {"a": 9, "b": 9})
    write_pictures(root / "large", {"a": 6, "b": 6}, (600, 4))
    (root / "empty").mkdir()
    (root / "not.zip").write_bytes(b"hello")
    return {
        "folder:nowhere": "nowhere does not exist",
        "folder:one_class": "are of class 'cat'; a task needs two classes",
        "folder:few": "class 'b' has 2 examples",
        "folder:broken": "a/003.png cannot be decoded",
        "folder:parts": "found train, val",
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
        "table:none.csv,label=kind": "cannot be read",
        "table:no.parquet,label=kind": "cannot be read",
    }


def bad_idx(root: Path) -> dict[str, str]:
    some_idx(root)
    for folder in ("FashionMNIST", "KMNIST"):
        (root / folder / "raw").mkdir(parents=True)
        for name in IDX:
            whole = (root / "MNIST" / "raw" / name).read_bytes()
            (root / folder / "raw" / name).write_bytes(whole)
    cut = root / "FashionMNIST" / "raw" / IDX[0]
    cut.write_bytes(cut.read_bytes()[:-5000])
    write_idx(root / "KMNIST" / "raw", np.zeros((30, 28, 28), np.uint8), np.full(20, 3), "train")
    (root / "MNIST" / "raw" / IDX[2]).unlink()
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


@pytest.mark.data
def test_the_real_mnist_has_its_form(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLN_DATA_ROOT", str(real_data))
    testing.task_has_its_form("mnist+few=100+noise=0.2")


REAL = ["mnist", "fashion_mnist", "cifar10_jpeg"]


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_pictures_conform(name: str, real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLN_DATA_ROOT", str(real_data))
    family = family_of(name, name)
    assert isinstance(family, PictureFamily)
    found = family.pictures()
    assert len(found.y) == (60_000 if name == "cifar10_jpeg" else 70_000)
    assert len(found.parts.test) == 10_000
    assert set(np.bincount(found.y[found.parts.test])) <= set(range(800, 1200))
    for check in testing.TASK_CHECKS:
        check(name)
