"""Small data files of every kind, for the tests."""

import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.random import SeedSequence
from PIL import Image

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


def refused(name: str, words: str) -> None:
    """Drawing a task of this name is refused in one line that holds these words."""
    with pytest.raises(InputError) as caught:
        resolve(name).source(test=False)(SEED)
    assert words in str(caught.value), caught.value
    assert "\n" not in str(caught.value)
