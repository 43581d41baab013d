"""Data from files: read as they are, decoded once, mapped ever after."""

import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.random import SeedSequence
from PIL import Image
from test_bench.test_tasks.data_files import (
    FRAME,
    SEED,
    refused,
    some_idx,
    write_batches,
    write_pictures,
)
from test_bench.test_tasks.picture_folders import looked_at_anew

from bench import testing
from bench.tasks.cache import data_cache
from bench.tasks.catalogue import family_of
from bench.tasks.families import official
from bench.tasks.families import pictures as pictures_module
from bench.tasks.families.pictures import PictureFamily
from bench.tasks.resolve import resolve
from mln.examples import Examples
from mln.task import Task

pytestmark = pytest.mark.usefixtures("root")


def numbers(task: Task) -> np.ndarray:
    assert task.test is not None
    return np.asarray(task.test.x)


def test_idx_files_become_the_official_test_split(root: Path) -> None:
    x, y = some_idx(root)
    task = resolve("mnist").source(test=True)(SEED)
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


def test_cifar10_is_read_in_its_official_layout(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = write_batches(root, monkeypatch)
    task = resolve("cifar10").source(test=True)(SEED)
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
    task = resolve(name).source(test=True)(SEED)
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
    ref = resolve("folder:some,size=8")
    assert ref.image == (1, 8, 8)
    first, second = (ref.source(test=True)(SeedSequence(k)) for k in range(2))
    np.testing.assert_array_equal(numbers(first), numbers(second))
    assert len(numbers(first)) == 9
    assert resolve("folder: some , size=8+noise=0.2").name == "folder:some,size=8+noise=0.2"


def test_a_path_with_signs_of_its_own_is_quoted(root: Path) -> None:
    write_pictures(root / "a+b,c", {"x": 8, "y": 8})
    refused("folder:a+b,c", "unknown regime 'b,c'")
    assert resolve("folder:a%2Bb%2Cc").shape == (243, 2)
    assert resolve("folder:a%2Bb%2Cc+noise=0.1").name == "folder:a%2Bb%2Cc+noise=0.1"


def test_keys_hold_the_content_and_not_the_place(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(root / "one", {"x": 8, "y": 8})
    before = resolve("folder:one+noise=0.2").identity()
    (root / "one").rename(root / "two")
    assert resolve("folder:two+noise=0.2").identity() == before
    assert resolve("folder:two").source(test=False)(SEED).train.y.size
    pixels = np.zeros((9, 9, 3), np.uint8)
    Image.fromarray(pixels).save(root / "two" / "x" / "000.png")
    looked_at_anew()  # a process looks at a folder once
    assert resolve("folder:two+noise=0.2").identity() != before


def test_decoded_once_and_mapped_ever_after(root: Path) -> None:
    some_idx(root)

    def total() -> float:
        official._pictures.cache_clear()
        return float(np.asarray(resolve("mnist").source(test=True)(SEED).train.x).sum())

    first = total()
    files = sorted(path.suffix for path in data_cache().iterdir())
    assert files == [".digest", ".npz", ".table"]
    code = (
        "import numpy as np, sys; from numpy.random import SeedSequence\n"
        "from bench.tasks.resolve import resolve\n"
        "x = resolve('mnist').source(test=True)(SeedSequence(3)).train.x\n"
        "print('torch' in sys.modules, type(x.table).__name__, float(np.asarray(x).sum()))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    # Another process maps what this one decoded, and torchvision is not asked.
    assert ended.stdout.split() == ["False", "memmap", str(first)], ended.stderr

    # What a killed writer leaves is not taken for the whole, and is made again.
    table = next(data_cache().glob("*.table"))
    content = table.read_bytes()
    table.unlink()
    table.write_bytes(content[:1000])
    assert total() == first
    assert table.read_bytes() == content


@pytest.mark.parametrize("regime", ["blur=1", "input_noise=0.5", "occlusion=0.3", "missing=0.2"])
def test_damaged_pictures_are_rows_of_one_table(root: Path, regime: str) -> None:
    some_idx(root)
    clean = resolve("mnist").source(test=True)(SEED)
    task = resolve(f"mnist+{regime}+rotation_drift=0.5").source(test=True)(SEED)
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
    draw = resolve("mnist+noise=0.3+few=40").source(test=False)
    for index in range(20):
        draw(SeedSequence(index))
    assert max(touched) < 200
    resolve("mnist").source(test=True)(SEED)
    assert max(touched) == 249


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_of_numbers_words_and_gaps(root: Path, ending: str) -> None:
    path = root / f"t.{ending}"
    if ending == "csv":
        FRAME.to_csv(path, index=False)
    else:
        FRAME.to_parquet(path)
    name = f"table:t.{ending},label=kind"
    ref = resolve(name)
    assert ref.shape == (6, 2)  # age, no age, size, oslo, rome, no town
    task = ref.source(test=True)(SEED)
    np.testing.assert_allclose(task.train.x[:, [0, 2]].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(task.train.x[:, [0, 2]].std(0), 1, atol=1e-5)
    for split in testing.splits(task).values():
        assert set(np.unique(split.x[:, 1])) <= {0.0, 1.0}
        assert set(np.unique(split.x[:, 3:])) == {0.0, 1.0}
        np.testing.assert_array_equal(split.x[:, 3:].sum(1), 1)
    for check in testing.TASK_CHECKS:
        check(name)


def test_preprocessing_never_sees_a_test_row(root: Path) -> None:
    FRAME.to_csv(root / "t.csv", index=False)
    family = family_of("table:t.csv,label=kind", "")
    test = family.columns().parts.test  # type: ignore[attr-defined]
    before = resolve("table:t.csv,label=kind").source(test=False)(SEED)
    changed = FRAME.copy()
    changed.loc[test, "size"] = 1e6
    changed.loc[test, "age"] = -50.0
    changed.to_csv(root / "u.csv", index=False)
    after = resolve("table:u.csv,label=kind").source(test=False)(SEED)
    assert testing.bits(before) == testing.bits(after)


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
    pictures = family.pictures()
    assert len(pictures.y) == (60_000 if name == "cifar10_jpeg" else 70_000)
    assert len(pictures.parts.test) == 10_000
    assert set(np.bincount(pictures.y[pictures.parts.test])) <= set(range(800, 1200))
    for check in testing.TASK_CHECKS:
        check(name)
