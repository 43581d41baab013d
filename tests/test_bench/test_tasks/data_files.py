"""Small data files of every kind, for the tests."""

import pickle
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.random import SeedSequence
from PIL import Image
from torchvision import datasets
from torchvision.datasets.utils import calculate_md5

from bench.errors import InputError
from bench.tasks.resolve import resolve

SEED = SeedSequence(3)

FRAME = pd.DataFrame(
    {
        "age": [float(i % 7) if i % 9 else None for i in range(60)],
        "size": range(60),
        "town": ["oslo" if i % 2 else ("rome" if i % 3 else None) for i in range(60)],
        "kind": ["good" if i % 3 else "bad" for i in range(60)],
    }
)


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


def refused(name: str, words: str) -> None:
    """Drawing a task of this name is refused in one line that holds these words."""
    with pytest.raises(InputError) as caught:
        resolve(name).source(test=False)(SEED)
    assert words in str(caught.value), caught.value
    assert "\n" not in str(caught.value)
