"""Prototypes: clusters of a few latent factors, seen through a random layer, in similar classes.

What small shapes of the plane cannot show: that rare classes which resemble frequent ones die
under a robust loss, as they do on real data.
"""

from functools import partial

import numpy as np
from numpy.random import Generator

from bench.tasks.base import Floats, Labels
from bench.tasks.families.synthetic import Sampler, SyntheticFamily

FACTORS = (8, 16)
"""The fewest and the most latent factors."""
CLUSTERS = (1, 3)
"""The fewest and the most clusters of a class."""
SEPARATION = (1.0, 2.0)
"""Standard deviation of the groups' centres in each factor."""
SPREAD = (0.5, 1.0)
"""Standard deviation within a cluster in each factor."""
FEATURE_NOISE = (0.1, 0.8)
"""Standard deviation of the noise on each feature."""
CLASSES_PER_GROUP = (2.0, 3.5)
OWN_OFFSET = (0.3, 0.8)
"""A class's distance from its group's centre, as a part of the separation."""
CLUSTER_OFFSET = 0.4
"""A cluster's distance from its class's centre, as a part of the separation."""
FEWEST_GROUPED = 4
"""With fewer classes each is a group of its own."""
BEND, DIRECT = 1.5, 0.5
"""What the factors are multiplied by before the tanh, and where they go past it."""
TRAIN_PER_CLASS = (60, 150)


def prototypes(geometry: Generator, features: int, classes: int) -> Sampler:
    """Clusters of latent factors through a random tanh layer, classes in groups of similar ones."""
    factors = int(geometry.integers(FACTORS[0], FACTORS[1] + 1))
    per_class = int(geometry.integers(CLUSTERS[0], CLUSTERS[1] + 1))
    separation = geometry.uniform(*SEPARATION)
    spread, noise = geometry.uniform(*SPREAD), geometry.uniform(*FEATURE_NOISE)
    group_size, own = geometry.uniform(*CLASSES_PER_GROUP), geometry.uniform(*OWN_OFFSET)
    groups = classes if classes < FEWEST_GROUPED else max(round(classes / group_size), 2)
    group = geometry.permutation(classes) % groups
    middle = geometry.standard_normal((groups, factors))[group]
    middle = middle + own * geometry.standard_normal((classes, factors))
    apart = CLUSTER_OFFSET * geometry.standard_normal((classes, per_class, factors))
    centres = separation * (middle[:, None] + apart)
    # Weights by the width of what they add up, so that no number of factors or features saturates.
    inner = BEND * geometry.standard_normal((factors, features)) / factors**0.5
    outer = geometry.standard_normal((features, features)) / features**0.5
    past = DIRECT * geometry.standard_normal((factors, features)) / factors**0.5

    def sample(y: Labels, rng: Generator) -> Floats:
        centre = centres[y, rng.integers(0, per_class, y.size)]
        c = centre + spread * rng.standard_normal((y.size, factors))
        x: Floats = np.tanh(c @ inner) @ outer + c @ past
        return x + noise * rng.standard_normal(x.shape)

    return sample


def sized_prototypes(name: str, features: int, classes: int) -> SyntheticFamily:
    """Prototypes of any size, with 60 to 150 training examples a class."""
    low, high = TRAIN_PER_CLASS
    return prototype_family(name, features, classes, (low * classes, high * classes))


def prototype_family(
    name: str, features: int, classes: int, train_size: tuple[int, int]
) -> SyntheticFamily:
    """Prototypes under a name of their own."""
    geometry = partial(prototypes, features=features, classes=classes)
    return SyntheticFamily(name, features, classes, geometry, train_size)


PROTOTYPES = (
    prototype_family("prototypes_16_4", 16, 4, (200, 1000)),
    prototype_family("prototypes_32_6", 32, 6, (300, 1200)),
    prototype_family("prototypes_64_10", 64, 10, (600, 1500)),
)
