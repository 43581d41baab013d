"""Learners: multi-layer perceptrons with ReLU units, one flat parameter vector each."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from mln.config import LearnerSpec


class Layer(NamedTuple):
    """A linear layer and where its weight [out, in] and bias [out] stand in the flat vector."""

    inputs: int
    outputs: int
    weight: slice
    bias: slice


def layers(spec: LearnerSpec, features: int, classes: int) -> list[Layer]:
    """The layers of a learner, first to last."""
    sizes = spec.sizes(features, classes)
    found, at = [], 0
    for inputs, outputs in pairwise(sizes):
        middle = at + inputs * outputs
        found.append(Layer(inputs, outputs, slice(at, middle), slice(middle, middle + outputs)))
        at = middle + outputs
    return found


def initial_weights(
    spec: LearnerSpec, features: int, classes: int, generator: Generator
) -> NDArray[np.float32]:
    """Weights and biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), as torch.nn.Linear draws them."""
    parts = []
    for layer in layers(spec, features, classes):
        bound = layer.inputs**-0.5
        parts.append(generator.uniform(-bound, bound, layer.outputs * (layer.inputs + 1)))
    return np.concatenate(parts).astype(np.float32)
