"""Stacked weights of many perceptrons: one buffer, one contiguous block per layer."""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from mln.kernels.alignment import aligned
from mln.learners import Layer, plan
from mln.problem import Problem


class PaddedLayer(NamedTuple):
    """A layer's padded widths, and the true layer within it."""

    inputs: int
    outputs: int
    true: Layer


def padded_layers(problem: Problem) -> list[PaddedLayer]:
    """Layers whose weight matrices have an aligned size: hidden widths are rounded up.

    A learner without hidden layers gets its features rounded up instead. Added units have zero
    weights, whose gradient is zero.
    """
    true = plan(problem.learner, problem.features, problem.classes).linear
    hidden = [aligned(layer.outputs) for layer in true[:-1]]
    first = problem.features if hidden else aligned(problem.features)
    widths = [first, *hidden, problem.classes]
    return [
        PaddedLayer(inputs, outputs, layer)
        for (inputs, outputs), layer in zip(pairwise(widths), true, strict=True)
    ]


class Weights:
    """Flat weights of P learners: per layer one contiguous block, all in one buffer."""

    def __init__(self, flat: Tensor, layers: list[PaddedLayer], members: int) -> None:
        self.flat = flat
        self.weights: list[Tensor] = []
        self.biases: list[Tensor] = []
        at = 0
        for layer in layers:
            for target, shape in (
                (self.weights, (members, layer.outputs, layer.inputs)),
                (self.biases, (members, layer.outputs, 1)),
            ):
                size = shape[0] * shape[1] * shape[2]
                # Blocks begin aligned too; the biases' block may end in between.
                target.append(flat[at : at + size].view(shape))
                at += aligned(size)

    @staticmethod
    def size(layers: list[PaddedLayer], members: int) -> int:
        """Length of the flat buffer."""
        return sum(
            aligned(members * layer.outputs * layer.inputs) + aligned(members * layer.outputs)
            for layer in layers
        )

    @classmethod
    def from_rows(cls, rows: Tensor, layers: list[PaddedLayer]) -> "Weights":
        """From one row of true weights per learner, [P, W]."""
        stacked = cls(rows.new_zeros(cls.size(layers, len(rows))), layers, len(rows))
        for layer, weight, bias in zip(layers, stacked.weights, stacked.biases, strict=True):
            true = layer.true
            shape = (len(rows), true.outputs, true.inputs)
            weight[:, : true.outputs, : true.inputs] = rows[:, true.weight].view(shape)
            bias[:, : true.outputs, 0] = rows[:, true.bias]
        return stacked

    def to_rows(self, layers: list[PaddedLayer]) -> Tensor:
        """One row of true weights per learner, [P, W]: the inverse of `from_rows`."""
        parts = []
        for layer, weight, bias in zip(layers, self.weights, self.biases, strict=True):
            parts.append(weight[:, : layer.true.outputs, : layer.true.inputs].flatten(1))
            parts.append(bias[:, : layer.true.outputs, 0])
        return torch.cat(parts, 1)

    def zeros(self, layers: list[PaddedLayer]) -> "Weights":
        """Room for one number per weight."""
        return Weights(torch.zeros_like(self.flat), layers, len(self.weights[0]))


def per_weight(values: Tensor, stacked: Weights, layers: list[PaddedLayer]) -> Tensor:
    """One value per learner [P], repeated for each of its weights in the flat layout."""
    wide = stacked.zeros(layers)
    for part in (*wide.weights, *wide.biases):
        part.copy_(values.view(-1, 1, 1).expand_as(part))
    return wide.flat


def forward(stacked: Weights, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Logits [P, C, B] and the inputs of each layer for x [P, D, B]."""
    inputs = [x]
    for weight, bias in zip(stacked.weights[:-1], stacked.biases[:-1], strict=True):
        inputs.append(torch.baddbmm(bias, weight, inputs[-1]).relu_())
    return torch.baddbmm(stacked.biases[-1], stacked.weights[-1], inputs[-1]), inputs


def logits(stacked: Weights, x: Tensor) -> Tensor:
    """Logits [P, C, B] alone."""
    return forward(stacked, x)[0]
