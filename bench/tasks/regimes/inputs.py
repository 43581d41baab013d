"""Regimes that damage the training examples: noise, blur, occlusion, missing values.

Strengths are in units of the features as a learner sees them (each about of deviation 1). What
is missing or hidden becomes 0, the mean. Pictures of a file are damaged as a learner sees them, in
floating point: clipped to bytes, noise would lose a third of its deviation.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bench.tasks.families.pictures import Image, doubled
from mln.examples import Examples, Table
from mln.task import Split, Task

Features = NDArray[np.float32]
Damage = Callable[[Features, Image | None, float, Generator], Features]
PICTURES_SEED = 77


def input_noise(task: Task, deviation: float, rng: Generator) -> Task:
    """Gaussian noise of this standard deviation on every training feature."""
    return _damaged(task, "input_noise", deviation, rng, _noise)


def missing(task: Task, rate: float, rng: Generator) -> Task:
    """A share `rate` of all values of the training examples is missing."""
    return _damaged(task, "missing", rate, rng, _missing)


def blur(task: Task, sigma: float, rng: Generator) -> Task:
    """Gaussian blur of the training pictures, sigma in pixels."""
    return _damaged(task, "blur", sigma, rng, _blur)


def occlusion(task: Task, share: float, rng: Generator) -> Task:
    """A square somewhere in each training picture hides a share of it (DeVries and Taylor 2017);
    where none of whole pixels does, the rectangle nearest to one."""
    return _damaged(task, "occlusion", share, rng, _occlusion)


def _damaged(task: Task, name: str, value: float, rng: Generator, damage: Damage) -> Task:
    x = task.train.x
    both = None
    if isinstance(x, Examples):
        change = _once(task.image, value, damage)
        both = doubled(x, f"{name}={value!r}", change, as_seen=True)
    if both is None:
        changed = damage(np.asarray(x), task.image, value, rng).astype(np.float32, copy=False)
        return replace(task, train=Split(changed, task.train.y))
    moved = moved_splits(task, both.plain)
    return replace(moved, train=Split(both.changed(_examples(task.train)), task.train.y))


def moved_splits(task: Task, move: Callable[[Examples], Examples]) -> Task:
    """A task of shared examples with all of them moved to another table."""

    def moved(split: Split) -> Split:
        return Split(move(_examples(split)), split.y)

    return replace(
        task,
        train=moved(task.train),
        inner_valid=moved(task.inner_valid),
        outer_valid=moved(task.outer_valid),
        test=None if task.test is None else moved(task.test),
    )


def _examples(split: Split) -> Examples:
    assert isinstance(split.x, Examples)
    return split.x


def _once(image: Image | None, value: float, damage: Damage) -> Callable[[Table, int], Table]:
    """Damage to the pictures of a file: each is damaged in one way, the same for every seed."""

    def change(block: Table, start: int) -> Table:
        rng = np.random.default_rng([PICTURES_SEED, start])
        return damage(np.asarray(block, np.float32), image, value, rng).astype(
            np.float32, copy=False
        )

    return change


def _noise(x: Features, _image: Image | None, deviation: float, rng: Generator) -> Features:
    return x + np.float32(deviation) * rng.standard_normal(x.shape, np.float32)


def _missing(x: Features, _image: Image | None, rate: float, rng: Generator) -> Features:
    return np.where(rng.random(x.shape, np.float32) < rate, np.float32(0), x)


def _blur(x: Features, image: Image | None, sigma: float, _rng: Generator) -> Features:
    from scipy.ndimage import gaussian_filter  # a tenth of a second, for this regime alone

    assert image is not None
    pictures = x.reshape(len(x), *image)
    blurred: Features = gaussian_filter(pictures, (0, 0, sigma, sigma))
    return blurred.reshape(x.shape)


def _occlusion(x: Features, image: Image | None, share: float, rng: Generator) -> Features:
    assert image is not None
    _, height, width = image
    tall, wide = hidden_sides(height, width, share)
    top = rng.integers(0, height - tall + 1, len(x))[:, None]
    left = rng.integers(0, width - wide + 1, len(x))[:, None]
    rows, columns = np.arange(height) - top, np.arange(width) - left
    hidden = ((rows >= 0) & (rows < tall))[:, :, None] & ((columns >= 0) & (columns < wide))[
        :, None
    ]
    pictures = np.where(hidden[:, None], np.float32(0), x.reshape(len(x), *image))
    return pictures.reshape(x.shape)


def hidden_sides(height: int, width: int, share: float) -> tuple[int, int]:
    """Height and width in pixels of the rectangle, about as square as it can be, that hides a share
    of a picture: to half a row or column, and one pixel at least."""
    area = share * height * width
    tall = min(max(round(area**0.5), 1), height)
    wide = min(max(round(area / tall), 1), width)
    return min(max(round(area / wide), 1), height), wide
