"""Pictures as rows of one mapped table of bytes, and the task family that any set of them is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.random import SeedSequence
from numpy.typing import NDArray

from bench.tasks.base import Floats, Labels
from bench.tasks.cache import Bytes, mapped, read_arrays, table_path, write_arrays, write_table
from bench.tasks.facts import FamilyFacts, PictureFacts
from bench.tasks.splits import Parts, drawn, fixed_test
from mln.examples import ONE, ZERO, Examples, Table
from mln.task import Split, Task

Image = tuple[int, int, int]
PICTURES_PER_BLOCK = 4096


class Pictures(NamedTuple):
    """All pictures of a data set: bytes [M, D] in channel, row, column order, and labels [M].

    mean, deviation: of each channel over all pictures but test, in bytes, float64 [channels].
    conversions: what was done to the files' own pictures, one sentence each.
    """

    table: Table
    y: Labels
    parts: Parts
    image: Image
    classes: tuple[str, ...]
    mean: Floats
    deviation: Floats
    conversions: tuple[str, ...] = ()

    def examples(self, rows: Labels) -> Examples:
        """Some pictures, each channel scaled to mean 0 and deviation 1."""
        pixels = self.image[1] * self.image[2]
        scale = np.repeat(1 / self.deviation, pixels).astype(np.float32)
        shift = np.repeat(-self.mean / self.deviation, pixels).astype(np.float32)
        return Examples(self.table, rows, scale, shift)


class Decoded(NamedTuple):
    """Pictures on their way into the cache: blocks of bytes [n, D] in the order of the labels.

    test_from: the first picture of an official test set, None without one. conversions: says,
    when all blocks were taken, what was done to the files' own pictures.
    """

    blocks: Iterable[Bytes]
    image: Image
    y: Labels
    classes: Sequence[str]
    test_from: int | None
    conversions: Callable[[], Sequence[str]] = tuple


def stored(key: str) -> Pictures | None:
    """The pictures that the cache holds under a key."""
    kept = read_arrays(key)
    if kept is None:
        return None
    image: Image = tuple(int(side) for side in kept["image"])  # type: ignore[assignment]
    table = mapped(table_path(key), len(kept["y"]), image[0] * image[1] * image[2])
    if table is None:
        return None
    return Pictures(
        table,
        kept["y"],
        Parts(kept["test"], kept["rest"]),
        image,
        tuple(map(str, kept["classes"])),
        kept["mean"],
        kept["deviation"],
        tuple(map(str, kept["conversions"])),
    )


def store(key: str, decoded: Decoded) -> Pictures:
    """Write pictures to the cache; the arrays come last, so that a key with arrays is whole."""
    write_table(table_path(key), decoded.blocks)
    table = mapped(table_path(key), len(decoded.y), int(np.prod(decoded.image)))
    if table is None:
        raise ValueError(f"{key}: as many pictures as labels were promised")
    numbers = np.arange(len(decoded.y))
    if decoded.test_from is None:
        parts = fixed_test(decoded.y, minimum=1)
    else:
        parts = Parts(numbers[decoded.test_from :], numbers[: decoded.test_from])
    mean, deviation = _moments(table, parts.rest, decoded.image[0])
    write_arrays(
        key,
        y=decoded.y,
        test=parts.test,
        rest=parts.rest,
        image=np.array(decoded.image),
        classes=np.array(list(decoded.classes)),
        mean=mean,
        deviation=deviation,
        conversions=np.array(list(decoded.conversions()), np.str_),
    )
    pictures = stored(key)
    assert pictures is not None
    return pictures


def _moments(table: Table, rows: Labels, channels: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each channel [channels], exactly, from whole numbers."""
    count, total, squares = 0, np.zeros(channels), np.zeros(channels)
    for start in range(0, len(rows), PICTURES_PER_BLOCK):
        block = table[rows[start : start + PICTURES_PER_BLOCK]].reshape(
            -1, channels, table.shape[1] // channels
        )
        wide = block.astype(np.int64)
        total += wide.sum((0, 2))
        squares += (wide**2).sum((0, 2))
        count += block.shape[0] * block.shape[2]
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return mean, np.where(deviation > 0, deviation, 1.0)


class PictureFamily(ABC):
    """Tasks drawn from one set of pictures; the test split is the same for every seed."""

    name: str

    @property
    @abstractmethod
    def stem(self) -> str:
        """The name without a path."""

    @abstractmethod
    def pictures(self) -> Pictures:
        """The pictures, from the cache; InputError where they are not there or damaged."""

    def facts(self) -> FamilyFacts:
        """The classes, and the pictures as learners see them. Raises as `pictures` does."""
        pictures = self.pictures()
        channels, height, width = pictures.image
        mode: Literal["grey", "colour"] = "grey" if channels == 1 else "colour"
        return FamilyFacts(
            classes=pictures.classes,
            picture=PictureFacts(width, height, mode, pictures.conversions),
        )

    def draw(self, seed: SeedSequence, *, test: bool) -> Task:
        """The clean task at `seed`; without `test` its test split is None.

        Raises InputError for data that cannot be used.
        """
        pictures = self.pictures()
        parts = pictures.parts
        train, inner, outer = drawn(self.stem, pictures.y, parts.rest, parts.valid_sizes, seed)

        def take(rows: NDArray[np.int64]) -> Split:
            return Split(pictures.examples(rows), pictures.y[rows])

        return Task(
            name=self.name,
            features=pictures.table.shape[1],
            classes=len(pictures.classes),
            train=take(train),
            inner_valid=take(inner),
            outer_valid=take(outer),
            test=take(parts.test) if test else None,
            image=pictures.image,
        )


class Doubled(NamedTuple):
    """A table of 2 M rows: M pictures as they were, then all of them changed, so that a task can
    hold both without a copy; and the scale and shift at which a learner sees it."""

    table: Table
    scale: NDArray[np.float32]
    shift: NDArray[np.float32]

    def plain(self, examples: Examples) -> Examples:
        """Pictures of the table that was doubled, as they were."""
        return Examples(self.table, examples.rows, self.scale, self.shift)

    def changed(self, examples: Examples) -> Examples:
        """The same pictures, changed."""
        rows = examples.rows + len(self.table) // 2
        return Examples(self.table, rows, self.scale, self.shift)


def doubled(
    examples: Examples, label: str, change: Callable[[Table, int], Table], *, as_seen: bool = False
) -> Doubled | None:
    """All pictures of these examples' table with a changed one for each, from the cache.

    change: from pictures [n, D] and the number of the first to as many; `label` says which.
    as_seen: the table holds, and `change` gets, the numbers that a learner sees, float32: four
    times the bytes of a picture, in a file that all processes map, so that what a change adds is
    neither rounded nor clipped. None where the examples lie in no file.
    """
    table = examples.table
    if not isinstance(table, np.memmap):
        return None
    count, columns = table.shape
    dtype = "float32" if as_seen else str(table.dtype)
    scale, shift = (ONE, ZERO) if as_seen else (examples.scale, examples.shift)

    def block(start: int) -> Table:
        rows = np.arange(start, min(start + PICTURES_PER_BLOCK, count))
        return np.asarray(replace(examples, rows=rows)) if as_seen else table[rows]

    path = Path(str(table.filename)).with_suffix(f".{label}.table")
    both = mapped(path, 2 * count, columns, dtype)
    if both is None:
        starts = range(0, count, PICTURES_PER_BLOCK)
        write_table(
            path,
            chain(
                (block(start) for start in starts),
                (change(block(start), start) for start in starts),
            ),
        )
        both = mapped(path, 2 * count, columns, dtype)
    assert both is not None
    return Doubled(both, scale, shift)
