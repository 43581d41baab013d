"""Folders of small pictures for the tests of what is read of them."""

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from test_bench.test_tasks.data_files import SEED

from bench.tasks.families import folders
from bench.tasks.resolve import resolve
from mln.examples import Examples
from mln.task import Task

SIDE = 4
RAMP = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)


def save(path: Path, picture: Image.Image | np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    picture.save(path, **options)


def plain(folder: Path, count: int = 6) -> None:
    """Grey pictures: enough of one class for a task."""
    for number in range(count):
        save(folder / f"p{number}.png", (RAMP * 10 + number).astype(np.uint8))


def read(name: str) -> tuple[Task, np.ndarray]:
    """A task, and the bytes of all its pictures [M, channels, height, width] in order."""
    task = resolve(name).source(test=True)(SEED)
    assert isinstance(task.train.x, Examples)
    assert task.image is not None
    return task, np.asarray(task.train.x.table).reshape(-1, *task.image)


def looked_at_anew() -> None:
    """A process looks at a folder once: let it do so again."""
    folders._found.cache_clear()
    folders._content.cache_clear()


def facts(name: str):
    return resolve(name).family.facts()  # type: ignore[attr-defined]


def zipped(folder: Path, links: bool = False) -> str:
    """A zip file of a folder, empty folders included; its task's path."""
    place = folder.with_suffix(".zip")
    with zipfile.ZipFile(place, "w") as archive:
        for path in sorted(folder.rglob("*"), reverse=True):  # in another order than a folder's
            archive.write(path, path.relative_to(folder.parent))
    return place.name
