"""Synthetic task families: every draw has its own geometry, noise level and training size.

A family is a function that draws a geometry and returns a sampler: labels [N] in, points [N, D]
out. Labels come first, so every split is balanced, and each split is sampled from a generator
of its own, so the test split is not built unless it is asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, SeedSequence

from bench.tasks.base import Concern, Floats, Labels, balanced_labels, family_seed
from mln.random import generator
from mln.task import Split, Task

Sampler = Callable[[Labels, Generator], Floats]
SPIRAL_ARMS = 3
QUANTILES = 3


@dataclass(frozen=True)
class SyntheticFamily:
    """Tasks of one random geometry each, standardised by their own training split.

    geometry: draws a geometry and returns its sampler; its docstring describes the family.
    """

    name: str
    features: int
    classes: int
    geometry: Callable[[Generator], Sampler]
    train_size: tuple[int, int] = (60, 200)
    inner_valid_size: int = 200
    outer_valid_size: int = 512
    test_size: int = 1000
    image: tuple[int, int, int] | None = None
    data: str = "generated; no licence needed"
    content: str = ""

    @property
    def stem(self) -> str:
        """The name: it has no path."""
        return self.name

    @property
    def description(self) -> str:
        """What the family looks like, in one line."""
        # A family with parameters is a partial function of its geometry and them.
        shape = getattr(self.geometry, "func", self.geometry)
        return (shape.__doc__ or self.name).partition("\n")[0]

    def draw(self, seed: SeedSequence, *, test: bool) -> Task:
        """The clean task at `seed`; without `test` its test split is None and never built."""
        seed = family_seed(seed, self.name)
        low, high = self.train_size
        train_size = int(generator(seed, Concern.SIZE).integers(low, high + 1))
        sample = self.geometry(generator(seed, Concern.GEOMETRY))

        def points(size: int, concern: Concern) -> tuple[Floats, Labels]:
            rng = generator(seed, concern)
            y = balanced_labels(size, self.classes, rng)
            return sample(y, rng), y

        train = points(train_size, Concern.TRAIN)
        mean, deviation = train[0].mean(axis=0), train[0].std(axis=0)

        def standardised(drawn: tuple[Floats, Labels]) -> Split:
            return Split(((drawn[0] - mean) / deviation).astype(np.float32), drawn[1])

        return Task(
            name=self.name,
            features=self.features,
            classes=self.classes,
            train=standardised(train),
            inner_valid=standardised(points(self.inner_valid_size, Concern.INNER_VALID)),
            outer_valid=standardised(points(self.outer_valid_size, Concern.OUTER_VALID)),
            test=standardised(points(self.test_size, Concern.TEST)) if test else None,
        )


def _jittered(geometry: Generator, low: float, high: float, clean: Sampler) -> Sampler:
    """A planar shape under Gaussian jitter of a drawn level, then stretched and rotated."""
    level, angle = geometry.uniform(low, high), geometry.uniform(0, 2 * np.pi)
    stretch = np.diag(geometry.uniform(0.6, 1.4, 2))
    cos, sin = np.cos(angle), np.sin(angle)
    warp = stretch @ np.array([[cos, sin], [-sin, cos]])

    def sample(y: Labels, rng: Generator) -> Floats:
        x = clean(y, rng)
        warped: Floats = (x + level * rng.standard_normal(x.shape)) @ warp
        return warped

    return sample


def _polar(radius: Floats, angle: Floats) -> Floats:
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def moons(geometry: Generator) -> Sampler:
    """Two interleaving half circles."""
    shift = np.array([1.0, geometry.uniform(0.3, 0.6)])

    def clean(y: Labels, rng: Generator) -> Floats:
        arc = _polar(np.ones(y.size), rng.uniform(0, np.pi, y.size))
        return np.where(y[:, None] == 0, arc, shift - arc)

    return _jittered(geometry, 0.1, 0.35, clean)


def circles(geometry: Generator) -> Sampler:
    """A small circle inside a large one."""
    inner = geometry.uniform(0.35, 0.65)

    def clean(y: Labels, rng: Generator) -> Floats:
        return _polar(np.where(y == 0, 1.0, inner), rng.uniform(0, 2 * np.pi, y.size))

    return _jittered(geometry, 0.05, 0.2, clean)


def xor(geometry: Generator) -> Sampler:
    """Four squares around the origin, opposite ones of the same class."""
    gap = geometry.uniform(0, 0.15)

    def clean(y: Labels, rng: Generator) -> Floats:
        first = rng.choice([-1.0, 1.0], y.size)
        signs = np.column_stack([first, first * (1 - 2 * y)])
        return signs * rng.uniform(gap, 1, signs.shape)

    return _jittered(geometry, 0.05, 0.25, clean)


def checkerboard(geometry: Generator) -> Sampler:
    """A board of 3 by 3 or 4 by 4 fields in two alternating classes."""
    width = int(geometry.integers(3, 5))
    fields = np.argwhere(np.ones((width, width), bool))
    of_class = [fields[fields.sum(axis=1) % 2 == label] for label in (0, 1)]

    def clean(y: Labels, rng: Generator) -> Floats:
        inside: Floats = rng.random((y.size, 2))
        for label, corners in enumerate(of_class):
            mine = y == label
            inside[mine] += corners[rng.integers(len(corners), size=int(mine.sum()))]
        return inside

    return _jittered(geometry, 0.02, 0.12, clean)


def spirals(geometry: Generator) -> Sampler:
    """Three interleaving spiral arms."""
    turns = geometry.uniform(0.7, 1.3)

    def clean(y: Labels, rng: Generator) -> Floats:
        radius = np.sqrt(rng.uniform(0.02, 1, y.size))
        return _polar(radius, 2 * np.pi * (turns * radius + y / SPIRAL_ARMS))

    return _jittered(geometry, 0.03, 0.13, clean)


def gaussian_quantiles(geometry: Generator) -> Sampler:
    """One Gaussian cut into three concentric rings of equal mass."""

    def clean(y: Labels, rng: Generator) -> Floats:
        # In the plane the squared radius is exponential, so its quantiles are in closed form.
        radius = np.sqrt(-2 * np.log1p(-(y + rng.random(y.size)) / QUANTILES))
        return _polar(radius, rng.uniform(0, 2 * np.pi, y.size))

    return _jittered(geometry, 0.0, 0.25, clean)


def blobs(geometry: Generator, features: int, classes: int, spread: float) -> Sampler:
    """Round Gaussian clusters of unequal width, one for each class."""
    centres = spread * geometry.standard_normal((classes, features))
    widths = geometry.uniform(0.6, 1.4, classes)

    def sample(y: Labels, rng: Generator) -> Floats:
        offsets: Floats = widths[y, None] * rng.standard_normal((y.size, features))
        return centres[y] + offsets

    return sample


def blobs_2(geometry: Generator) -> Sampler:
    """Three round Gaussian clusters of unequal width in the plane."""
    return blobs(geometry, 2, 3, spread=2.0)


def blobs_8(geometry: Generator) -> Sampler:
    """Five round Gaussian clusters of unequal width in eight dimensions."""
    return blobs(geometry, 8, 5, spread=0.8)


def blobs_10(geometry: Generator) -> Sampler:
    """Ten round Gaussian clusters of unequal width in ten dimensions."""
    return blobs(geometry, 10, 10, spread=0.8)


def classification(
    geometry: Generator,
    features: int,
    informative: int,
    redundant: int,
    classes: int,
    per_class: int = 2,
) -> Sampler:
    """Skewed Gaussian clusters at the corners of a cube; informative and useless features.

    Guyon's construction (the NIPS 2003 variable selection benchmark), `per_class` clusters a class.
    The same as scikit-learn's `make_classification`, which draws its geometry and all of its
    examples from one stream and so cannot leave the test examples unbuilt.
    """
    clusters = per_class * classes
    corners = geometry.permutation(2**informative)[:clusters]
    bits = (corners[:, None] >> np.arange(informative)) & 1
    centres = geometry.uniform(0.8, 1.6) * (2.0 * bits - 1)
    mixing = geometry.uniform(-1, 1, (clusters, informative, informative))
    combining = geometry.uniform(-1, 1, (informative, redundant))
    columns = geometry.permutation(features)

    def sample(y: Labels, rng: Generator) -> Floats:
        cluster = y + classes * rng.integers(0, per_class, y.size)
        z = rng.standard_normal((y.size, informative))
        x = np.einsum("nd,nde->ne", z, mixing[cluster]) + centres[cluster]
        useless = rng.standard_normal((y.size, features - informative - redundant))
        return np.hstack([x, x @ combining, useless])[:, columns]

    return sample


def classification_2(geometry: Generator) -> Sampler:
    """Two classes of two skewed Gaussian clusters each, at the corners of a square."""
    return classification(geometry, 2, informative=2, redundant=0, classes=2)


def classification_8(geometry: Generator) -> Sampler:
    """Four classes of two clusters each: 5 informative, 2 redundant, 1 useless feature."""
    return classification(geometry, 8, informative=5, redundant=2, classes=4)


SYNTHETIC = (
    SyntheticFamily("moons", 2, 2, moons),
    SyntheticFamily("circles", 2, 2, circles),
    SyntheticFamily("xor", 2, 2, xor),
    SyntheticFamily("checkerboard", 2, 2, checkerboard),
    SyntheticFamily("spirals", 2, SPIRAL_ARMS, spirals),
    SyntheticFamily("blobs_2", 2, 3, blobs_2),
    SyntheticFamily("blobs_8", 8, 5, blobs_8),
    SyntheticFamily("blobs_10", 10, 10, blobs_10),
    SyntheticFamily("gaussian_quantiles", 2, QUANTILES, gaussian_quantiles),
    SyntheticFamily("classification_2", 2, 2, classification_2),
    SyntheticFamily("classification_8", 8, 4, classification_8),
)
