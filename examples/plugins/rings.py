"""A task of one's own: three rings in the plane, drawn for each seed, and a table of one's own."""

import numpy as np
from numpy.random import Generator

from bench import ArrayFamily, SyntheticFamily


def rings(geometry: Generator):
    """Three rings around one centre, the widths of which are drawn."""
    width = geometry.uniform(0.05, 0.3)

    def sample(y, rng):
        radius = 1 + y + width * rng.standard_normal(y.size)
        angle = rng.uniform(0, 2 * np.pi, y.size)
        return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])

    return sample


def iris():
    """Features [150, 4] and labels [150]; any source of arrays does."""
    from sklearn.datasets import load_iris

    return load_iris(return_X_y=True)


TASKS = [
    SyntheticFamily("rings", features=2, classes=3, geometry=rings),
    ArrayFamily(
        "iris", iris, "measures of three kinds of iris", "Fisher 1936, UCI repository, CC BY 4.0"
    ),
]
