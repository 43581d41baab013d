"""Picture data sets that torchvision knows; it reads (and fetches) their official files."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import InputError
from bench.tasks.cache import Bytes, content_digest, key_of
from bench.tasks.data_root import DATA_ROOT_VARIABLE, data_root
from bench.tasks.families.pictures import (
    PICTURES_PER_BLOCK,
    Decoded,
    Image,
    PictureFamily,
    Pictures,
    store,
    stored,
)
from bench.tasks.splits import MAX_VALID_SIZE, check_classes

IDX_FILES = tuple(
    f"{part}-{kind}"
    for part in ("train", "t10k")
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")
)
CIFAR10_FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")


@dataclass(frozen=True)
class OfficialPictures(PictureFamily):
    """A data set with an official test set, read by torchvision's class `kind`.

    folder, files: where its files lie below the data root; training: official training examples.
    """

    name: str
    kind: str
    folder: str
    files: tuple[str, ...]
    image: Image
    classes: int
    training: int
    description: str
    data: str
    train_size: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "train_size", (self.training - 2 * MAX_VALID_SIZE,) * 2)

    @property
    def stem(self) -> str:
        """The name: it has no path."""
        return self.name

    @property
    def features(self) -> int:
        """D, the numbers of a picture."""
        return int(np.prod(self.image))

    @property
    def content(self) -> str:
        """A digest of the files."""
        return content_digest(self._paths())

    def pictures(self) -> Pictures:
        """All pictures, from the cache or read by torchvision now."""
        root = self._root()
        return _pictures(self, root, content_digest(self._paths()))

    def fetch(self, root: Path) -> None:
        """Download the files below `root` where they are not there."""
        try:
            for train in (True, False):
                self._torchvision()(root, train=train, download=True)
        except Exception as error:  # torchvision and urllib raise whatever they meet
            raise InputError(
                f"{self.name}: cannot be downloaded: {_line(error)}; put its files in "
                f"{root / self.folder} by hand"
            ) from error

    def _torchvision(self) -> Any:
        from torchvision import datasets  # takes a second, which a filled cache does without

        return getattr(datasets, self.kind)

    def _root(self) -> Path:
        root = data_root()
        if root is None:
            raise InputError(
                f"task '{self.name}': say where {self.folder} lies, with --data-root DIR or "
                f"{DATA_ROOT_VARIABLE}, or fetch it: mln-bench download {self.name} --data-root DIR"
            )
        return root

    def _paths(self) -> list[tuple[str, Path]]:
        folder = self._root() / self.folder
        paths = [(name, folder / name) for name in self.files]
        absent = [path for _, path in paths if not path.is_file()]
        if absent:
            raise InputError(
                f"task '{self.name}': {absent[0]} is missing; put it there or fetch it: "
                f"mln-bench download {self.name} --data-root {self._root()}"
            )
        return paths

    def decode(self, root: Path) -> Decoded:
        """What torchvision reads, checked."""
        try:
            parts = [self._torchvision()(root, train=train) for train in (True, False)]
            x = [np.asarray(part.data) for part in parts]
            labels = [np.asarray(part.targets, np.int64) for part in parts]
        except Exception as error:  # of a damaged file torchvision says it in many ways
            raise InputError(
                f"task '{self.name}': the files in {root / self.folder} are damaged "
                f"({_line(error)}); fetch them again"
            ) from error
        x = [part if part.ndim == 4 else part[..., None] for part in x]
        channels, height, width = self.image
        for pictures, y in zip(x, labels, strict=True):
            if pictures.shape != (len(y), height, width, channels) or not len(y):
                raise InputError(
                    f"task '{self.name}': the files in {root / self.folder} are damaged: "
                    f"{len(y)} labels for pictures of shape {pictures.shape}"
                )
        y = np.concatenate(labels)
        if not set(np.unique(y)) <= set(range(self.classes)):
            raise InputError(f"task '{self.name}': a label is not from 0 to {self.classes - 1}")
        names = tuple(map(str, range(self.classes)))
        check_classes(f"task '{self.name}'", y, names, 1)
        return Decoded(_blocks(x), self.image, y, names, len(labels[0]))


def _blocks(parts: list[Bytes]) -> Iterator[Bytes]:
    for pictures in parts:
        for start in range(0, len(pictures), PICTURES_PER_BLOCK):
            block = pictures[start : start + PICTURES_PER_BLOCK].transpose(0, 3, 1, 2)
            yield block.reshape(len(block), -1)


@lru_cache(maxsize=8)
def _pictures(family: OfficialPictures, root: Path, content: str) -> Pictures:
    key = key_of(family.name, content)
    return stored(key) or store(key, family.decode(root))


def _line(error: Exception) -> str:
    """What an error says, on one line; where that announces the cause, the cause with it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return f"{lines[0]} {lines[-1]}" if lines[0].endswith(":") and lines[1:] else lines[0]


def _grey(name: str, kind: str, description: str, data: str) -> OfficialPictures:
    return OfficialPictures(
        name, kind, f"{kind}/raw", IDX_FILES, (1, 28, 28), 10, 60_000, description, data
    )


OFFICIAL = {
    family.name: family
    for family in (
        _grey(
            "mnist",
            "MNIST",
            "handwritten digits, 28 by 28 pixels, official test set",
            "MNIST (LeCun et al. 1998), CC BY-SA 3.0",
        ),
        _grey(
            "fashion_mnist",
            "FashionMNIST",
            "articles of clothing, 28 by 28 pixels, official test set",
            "Fashion-MNIST (Xiao et al. 2017), MIT licence",
        ),
        _grey(
            "kmnist",
            "KMNIST",
            "cursive Japanese characters, 28 by 28 pixels, official test set",
            "KMNIST (Clanuwat et al. 2018), CC BY-SA 4.0",
        ),
        OfficialPictures(
            "cifar10",
            "CIFAR10",
            "cifar-10-batches-py",
            CIFAR10_FILES,
            (3, 32, 32),
            10,
            50_000,
            "colour pictures of 10 classes, 32 by 32 pixels, official test set",
            "CIFAR-10 (Krizhevsky 2009); no licence is stated, for research",
        ),
        OfficialPictures(
            "cifar100",
            "CIFAR100",
            "cifar-100-python",
            ("train", "test", "meta"),
            (3, 32, 32),
            100,
            50_000,
            "colour pictures of 100 classes, 32 by 32 pixels, official test set",
            "CIFAR-100 (Krizhevsky 2009); no licence is stated, for research",
        ),
    )
}
"""By name."""
