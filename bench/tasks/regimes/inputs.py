"""Regimes that damage the training examples: noise, blur, occlusion, missing values.

Strengths are in units of the features as a learner sees them (each about of deviation 1). What
is missing or hidden becomes 0, the mean.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bench.tasks.cache import Bytes
from bench.tasks.families.pictures import Image, doubled
from mln.examples import Examples
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
    """A square somewhere in each training picture hides a share of it (DeVries and Taylor 2017)."""
    return _damaged(task, "occlusion", share, rng, _occlusion)


def _damaged(task: Task, name: str, value: float, rng: Generator, damage: Damage) -> Task:
    x = task.train.x
    both = None
    if isinstance(x, Examples):
        both = doubled(x, f"{name}={value!r}", _on_bytes(x, task.image, value, damage))
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


def _on_bytes(
    x: Examples, image: Image | None, value: float, damage: Damage
) -> Callable[[Bytes, int], Bytes]:
    """Damage to pictures of a file: each is damaged in one way, the same for every seed."""

    def change(block: Bytes, start: int) -> Bytes:
        rng = np.random.default_rng([PICTURES_SEED, start])
        seen = damage(block.astype(np.float32) * x.scale + x.shift, image, value, rng)
        changed: Bytes = np.clip(np.rint((seen - x.shift) / x.scale), 0, 255).astype(np.uint8)
        return changed

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
    side = max(round((share * height * width) ** 0.5), 1)
    tall, wide = min(side, height), min(side, width)
    top = rng.integers(0, height - tall + 1, len(x))[:, None]
    left = rng.integers(0, width - wide + 1, len(x))[:, None]
    rows, columns = np.arange(height) - top, np.arange(width) - left
    hidden = ((rows >= 0) & (rows < tall))[:, :, None] & ((columns >= 0) & (columns < wide))[
        :, None
    ]
    pictures = np.where(hidden[:, None], np.float32(0), x.reshape(len(x), *image))
    return pictures.reshape(x.shape)
